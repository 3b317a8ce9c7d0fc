import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../base/random.ts";
import { createDraftModel } from "./draft-model.ts";
import { createFakeRunner, type Logits } from "./drafting.test.support.ts";

const vocabSize = 5;

/** Depends on every token before, so that one wrong one in the cache shows. */
const allLogits: Logits = (tokens) => {
  const seed = tokens.reduce((sum, id, i) => (31 * sum + id + i) % 100_003, 7);
  const random = createRandom(seed);
  return Float32Array.from({ length: vocabSize }, () => random.next());
};

function greedyAfter(tokens: readonly number[], count: number): number[] {
  const all = [...tokens];
  for (let i = 0; i < count; i++) {
    const logits = allLogits(all);
    all.push(logits.indexOf(Math.max(...logits)));
  }
  return all.slice(tokens.length);
}

test("proposals are the draft's own greedy text, whatever the target made of the ones before", async () => {
  const step = fc.record({
    most: fc.integer({ min: 0, max: 6 }),
    kept: fc.integer({ min: 0, max: 6 }),
    other: fc.array(fc.integer({ min: 0, max: vocabSize - 1 }), { minLength: 1, maxLength: 3 }),
  });
  const prompt = fc.array(fc.integer({ min: 0, max: vocabSize - 1 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(prompt, fc.array(step, { maxLength: 8 }), async (promptIds, steps) => {
      const draft = createDraftModel(createFakeRunner(vocabSize, allLogits), vocabSize);
      draft.begin(promptIds);
      const tokens = [...promptIds];
      for (const { most, kept, other } of steps) {
        const guess = await draft.propose(most);
        assert.deepEqual(guess, greedyAfter(tokens, most));
        const made = [...guess.slice(0, kept), ...other];
        draft.accept(made);
        tokens.push(...made);
      }
    }),
  );
});

test("a draft that stood is not read again", async () => {
  const runner = createFakeRunner(vocabSize, allLogits);
  const draft = createDraftModel(runner, vocabSize);
  draft.begin([1, 2, 3]);
  const first = await draft.propose(4);
  assert.deepEqual(runner.runs, [3, 1, 1, 1]);
  draft.accept([...first, 0]);
  await draft.propose(2);
  // The last token of the guess was never read, and the target's own token behind it is new.
  assert.deepEqual(runner.runs.slice(4), [2, 1]);
});

test("nobody asks, nothing is read; beyond the draft's context and vocabulary it has no idea", async () => {
  const runner = createFakeRunner(vocabSize, allLogits, { contextLength: 6 });
  const draft = createDraftModel(runner, vocabSize + 3);
  draft.begin([1, 2, 3]);
  draft.accept([1]);
  assert.equal(runner.length, 0);
  assert.equal((await draft.propose(8)).length, 2);
  draft.accept([0, 0]);
  assert.deepEqual(await draft.propose(8), []);
  draft.begin([1, vocabSize]);
  assert.deepEqual(await draft.propose(8), []);
});

test("a token of the draft's padding is never proposed", async () => {
  const padded: Logits = () => Float32Array.of(0, 1, 0, 0, 9);
  const draft = createDraftModel(createFakeRunner(vocabSize, padded), 4);
  draft.begin([1]);
  assert.deepEqual(await draft.propose(2), [1, 1]);
});
