import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../base/random.ts";
import { maxVerify } from "../step-runner.ts";
import type { TokenConstraint } from "../token-constraint.ts";
import { createFakeDrafter, createFakeRunner, idsOf, type Logits } from "./drafting.test.support.ts";

const vocabSize = 12;

/** Random logits that depend on the last two tokens; close enough to each other that drawing varies. */
const pairLogits: Logits = (tokens) => {
  const random = createRandom(1000 * (tokens.at(-1) ?? 0) + (tokens.at(-2) ?? 0));
  return Float32Array.from({ length: vocabSize }, () => 3 * random.normal());
};

/** Drafts the tokens that plain decoding makes, some of them spoilt. */
function spoilt(whole: readonly number[], share: number, seed = 3) {
  const random = createRandom(seed);
  return (tokens: readonly number[], most: number): readonly number[] =>
    whole
      .slice(tokens.length, tokens.length + most)
      .map((id) => (random.next() < share ? (id + 1) % vocabSize : id));
}

test("drafts that all stand take one run for as many tokens as it can verify", async () => {
  const prompt = [1, 2];
  const maxTokens = 1 + 3 * maxVerify;
  const plain = await idsOf(createFakeRunner(vocabSize, pairLogits), prompt, { maxTokens });
  const runner = createFakeRunner(vocabSize, pairLogits);
  const drafter = createFakeDrafter(spoilt([...prompt, ...plain], 0));
  assert.deepEqual(await idsOf(runner, prompt, { maxTokens, drafter }), plain);
  assert.deepEqual(runner.runs, [maxVerify, maxVerify, maxVerify]);
  assert.ok(drafter.settled.every(({ drafted, kept }) => drafted === maxVerify - 1 && kept === drafted));
});

test("refused drafts are taken back: the runner holds what was made, and no more is asked for than there is room", async () => {
  const prompt = [1, 2];
  const plain = await idsOf(createFakeRunner(vocabSize, pairLogits), prompt, { maxTokens: 40 });
  for (const share of [0.1, 0.5, 1]) {
    const runner = createFakeRunner(vocabSize, pairLogits, { contextLength: 41 });
    const drafter = createFakeDrafter(spoilt([...prompt, ...plain], share));
    assert.deepEqual(await idsOf(runner, prompt, { drafter }), plain);
    const { settled } = drafter;
    const kept = settled.reduce((sum, run) => sum + run.kept, 0);
    assert.equal(settled.length + kept + 1, plain.length, "each run gives one token and those that stood");
    assert.ok(share < 1 || kept === 0);
    assert.ok(runner.length <= 41);
  }
});

test("an end token, a stop and a full answer end inside a draft", async () => {
  const prompt = [1, 2];
  const plain = await idsOf(createFakeRunner(vocabSize, pairLogits), prompt, { maxTokens: 30 });
  const oracle = spoilt([...prompt, ...plain], 0);
  const cut = (more: Parameters<typeof idsOf>[2]) =>
    idsOf(createFakeRunner(vocabSize, pairLogits), prompt, { drafter: createFakeDrafter(oracle), ...more });
  const endId = plain[5]!;
  assert.deepEqual(await cut({ endIds: new Set([endId]) }), plain.slice(0, plain.indexOf(endId) + 1));
  assert.deepEqual(await cut({ maxTokens: 7 }), plain.slice(0, 7));
  assert.deepEqual(await cut({ maxTokens: 1 }), plain.slice(0, 1));
  const heard: number[] = [];
  await cut({ onToken: (id) => heard.push(id) < 4 });
  assert.deepEqual(heard, plain.slice(0, 4));
});

test("cancelling ends after the run that is under way", async () => {
  const prompt = [1, 2];
  const plain = await idsOf(createFakeRunner(vocabSize, pairLogits), prompt, { maxTokens: 40 });
  const runner = createFakeRunner(vocabSize, pairLogits);
  const isCancelled = (): boolean => runner.runs.length === 2;
  const drafter = createFakeDrafter(spoilt([...prompt, ...plain], 0));
  assert.deepEqual(
    await idsOf(runner, prompt, { maxTokens: 40, drafter, isCancelled }),
    plain.slice(0, 1 + 2 * maxVerify),
  );
});

test("a near tie that rounding would decide is decided by the logits of plain decoding", async () => {
  const rounding = 1e-6;
  // Half of the positions have two best tokens, closer to each other than rounding.
  const tied: Logits = (tokens) => {
    const logits = pairLogits(tokens);
    const random = createRandom(77 * tokens.length + (tokens.at(-1) ?? 0));
    if (random.next() < 0.5) return logits;
    const [a, b] = [random.integer(vocabSize), random.integer(vocabSize)];
    logits[a] = 20;
    if (a !== b) logits[b] = 20 - rounding;
    return logits;
  };
  const random = createRandom(6);
  const batched: Logits = (tokens) => tied(tokens).map((logit) => logit + 3 * rounding * random.normal());
  let replays = 0;
  let differing = 0;
  for (let first = 0; first < vocabSize; first++) {
    const prompt = [first, 2, 3];
    const plain = await idsOf(createFakeRunner(vocabSize, tied), prompt, { maxTokens: 30 });
    const run = async (tolerance: number): Promise<number[]> => {
      const drafter = createFakeDrafter(spoilt([...prompt, ...plain], 0.2), { tolerance });
      const runner = createFakeRunner(vocabSize, tied, { batched });
      const ids = await idsOf(runner, prompt, { maxTokens: 30, drafter });
      replays += drafter.replays.length;
      return ids;
    };
    assert.deepEqual(await run(20 * rounding), plain);
    if ((await run(0)).join() !== plain.join()) differing++;
  }
  assert.ok(replays > 0);
  assert.ok(differing > 0, "without the tolerance the ids would differ, else this test says nothing");
});

/** Only tokens of the parity that the sum of those before asks for; behind token 5 come 7 and 9, whatever happens. */
function parityConstraint(
  before: readonly number[] = [],
): TokenConstraint & { readonly taken: readonly number[] } {
  const taken = [...before];
  const allows = (id: number): boolean => {
    const [last, second] = [taken.at(-1), taken.at(-2)];
    if (last === 5) return id === 7;
    if (last === 7 && second === 5) return id === 9;
    return id % 2 === taken.reduce((sum, each) => sum + each, 0) % 2 || id === 5;
  };
  return {
    taken,
    begin: () => undefined,
    mask: (logits) => {
      for (let id = 0; id < logits.length; id++) if (!allows(id)) logits[id] = Number.NEGATIVE_INFINITY;
      return true;
    },
    accept: (id) => {
      assert.ok(allows(id), `token ${id} after ${taken.join()}`);
      taken.push(id);
    },
    forced: () => (taken.at(-1) === 5 ? [7, 9] : []),
    rollback: (tokens) => {
      assert.ok(tokens <= taken.length);
      taken.length -= tokens;
    },
    isComplete: true,
    isOpen: false,
    isInCall: false,
    close: () => undefined,
  };
}

test("forced tokens are read in one run, with no token chosen between them", async () => {
  const runner = createFakeRunner(vocabSize, pairLogits);
  const constraint = parityConstraint();
  const sampling = { temperature: 2, seed: 4 };
  const ids = await idsOf(runner, [1, 2], { maxTokens: 60, constraint, sampling });
  assert.deepEqual(constraint.taken, ids);
  const isForced = (_id: number, i: number): boolean =>
    ids[i - 1] === 5 || (ids[i - 1] === 7 && ids[i - 2] === 5);
  const forced = ids.filter(isForced).length;
  assert.ok(forced > 4);
  assert.equal(runner.runs.length, ids.length - forced - 1, "the last token is never read");
  assert.ok(runner.runs.every((tokens) => tokens === 1 || tokens === 3));
});

test("with a constraint, drafts change nothing, and none is verified beyond what is allowed", async () => {
  for (const temperature of [0, 1.5]) {
    const sampling = { temperature, seed: 9 };
    for (const share of [0, 0.3]) {
      const prompt = [1, 2];
      const plain = await idsOf(createFakeRunner(vocabSize, pairLogits), prompt, {
        maxTokens: 60,
        sampling,
        constraint: parityConstraint(),
      });
      const constraint = parityConstraint();
      const drafter = createFakeDrafter(spoilt([...prompt, ...plain], share));
      const runner = createFakeRunner(vocabSize, pairLogits);
      let proposed = 0;
      const verify: typeof runner.verify = (ids) => {
        const turn = prompt.length + constraint.taken.length - runner.length; // made, but not yet read
        const shadow = parityConstraint(constraint.taken);
        for (const id of ids.slice(turn)) shadow.accept(id);
        proposed += ids.length - turn;
        return runner.verify(ids);
      };
      const watched = Object.create(runner, { verify: { value: verify } }) as typeof runner;
      assert.deepEqual(await idsOf(watched, prompt, { maxTokens: 60, sampling, drafter, constraint }), plain);
      assert.deepEqual(constraint.taken, plain);
      assert.ok(drafter.settled.some(({ kept }) => kept > 2));
      assert.equal(
        drafter.settled.reduce((sum, { drafted }) => sum + drafted, 0),
        proposed,
      );
    }
  }
});

test("log-probabilities are those of the logits after the constraint, before penalty and temperature", async () => {
  const plain = createFakeRunner(vocabSize, pairLogits);
  const heard: (readonly [number, unknown])[] = [];
  await idsOf(plain, [1, 2], {
    maxTokens: 30,
    sampling: { temperature: 2, repetitionPenalty: 1.3 },
    constraint: parityConstraint(),
    topLogprobs: 3,
    onToken: (id, _atMs, _isLast, logprobs) => heard.push([id, logprobs]) > 0,
  });
  const shadow = parityConstraint();
  const tokens = [1, 2];
  for (const [id, logprobs] of heard) {
    const logits = pairLogits(tokens);
    shadow.mask(logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    const all = [...logits].map((logit, each) => ({ id: each, logprob: logit - Math.log(total) }));
    const top = all.sort((a, b) => b.logprob - a.logprob).filter(({ logprob }) => logprob > -1e9);
    const found = logprobs as { logprob: number; topLogprobs: { id: number; logprob: number }[] };
    const expected = top.find((each) => each.id === id)?.logprob ?? Number.NaN;
    assert.ok(Math.abs(found.logprob - expected) < 1e-5, `${id}: ${found.logprob} for ${expected}`);
    assert.deepEqual(
      found.topLogprobs.map((each) => each.id),
      top.slice(0, 3).map((each) => each.id),
    );
    shadow.accept(id);
    tokens.push(id);
  }
});
