import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createPromptLookup } from "./prompt-lookup.ts";

function lookUp(tokens: readonly number[], most = 4): readonly number[] {
  const lookup = createPromptLookup();
  lookup.begin(tokens);
  return lookup.propose(most) as readonly number[];
}

test("what followed the last two tokens before is proposed", () => {
  assert.deepEqual(lookUp([7, 1, 2, 3, 4, 5, 6, 9, 1, 2]), [3, 4, 5, 6]);
  assert.deepEqual(lookUp([7, 1, 2, 3, 4, 5, 6, 9, 1, 2], 2), [3, 4]);
});

test("where no two tokens agree, what followed the last one before is proposed; of a token that never came nothing", () => {
  assert.deepEqual(lookUp([1, 2, 3, 4, 2]), [3, 4, 2, 3]);
  assert.deepEqual(lookUp([2, 3, 4, 2, 5, 6, 2], 1), [5], "the latest");
  assert.deepEqual(lookUp([1, 2, 3, 7, 8, 2, 4, 9, 1, 2], 1), [3], "two tokens before one");
  assert.deepEqual(lookUp([1]), []);
  assert.deepEqual(lookUp([1, 2, 3]), []);
});

test("the longest past wins, the latest of equals", () => {
  assert.deepEqual(lookUp([9, 1, 2, 30, 8, 1, 2, 40, 9, 1, 2], 1), [30]);
  assert.deepEqual(lookUp([8, 1, 2, 30, 8, 1, 2, 40, 8, 1, 2], 1), [40]);
});

test("a copy that reaches the end goes on from its own beginning", () => {
  assert.deepEqual(lookUp([1, 2, 3, 1, 2, 3], 7), [1, 2, 3, 1, 2, 3, 1]);
});

test("grades say whether a token is disputed, found once, found once after a long match, or agreed on", () => {
  const gradesOf = (tokens: readonly number[], most = 3): readonly number[] | undefined => {
    const lookup = createPromptLookup();
    lookup.begin(tokens);
    lookup.propose(most);
    return lookup.grades;
  };
  const copied = [10, 11, 12, 13, 14, 15, 16, 17, 18];
  assert.deepEqual(gradesOf([1, 2, 3, 4, 5, 1, 2]), [1, 1, 1]);
  assert.deepEqual(gradesOf([...copied, 3, 4, 5, ...copied]), [2, 2, 2]);
  assert.deepEqual(gradesOf([1, 2, 3, 4, 5, 9, 1, 2, 3, 4, 6, 8, 1, 2]), [3, 3, 0], "5 and 6 are as likely");
  assert.deepEqual(
    gradesOf([1, 2, 3, 9, 1, 2, 4, 8, 1, 2], 2),
    [0, 1],
    "one of them is left behind the first",
  );
});

test("after a single token one place is little, and four that agree are much", () => {
  const gradesOf = (tokens: readonly number[]): readonly number[] | undefined => {
    const lookup = createPromptLookup();
    lookup.begin(tokens);
    lookup.propose(2);
    return lookup.grades;
  };
  assert.deepEqual(gradesOf([1, 5, 6, 2, 1]), [4, 1], "once; then two tokens agree");
  assert.deepEqual(gradesOf([2, 1, 5, 3, 1, 5, 4, 1]), [1, 0], "two places; then as many that say otherwise");
  assert.deepEqual(gradesOf([2, 1, 5, 7, 3, 1, 5, 7, 4, 1, 5, 7, 6, 1, 5, 7, 8, 1]), [3, 3], "four places");
  assert.deepEqual(gradesOf([2, 1, 5, 3, 1, 6, 4, 1]), [0, 1], "two places that disagree");
});

test("output counts like the prompt", () => {
  const lookup = createPromptLookup();
  lookup.begin([1, 2, 3]);
  lookup.accept([4, 5]);
  lookup.accept([1, 2]);
  assert.deepEqual(lookup.propose(3), [3, 4, 5]);
});

test("earlier outputs are remembered with the end of their prompts, earlier prompts are not", () => {
  const lookup = createPromptLookup();
  lookup.begin([7, 8, 9]);
  lookup.accept([1, 2, 3]);
  lookup.begin([5, 8, 9]);
  assert.deepEqual(lookup.propose(8), [1, 2, 3], "no further than that output");
  lookup.accept([1]);
  assert.deepEqual(lookup.propose(1), [2]);
  lookup.begin([6, 9, 7]);
  assert.deepEqual(lookup.propose(1), [], "7 was at no end of a prompt");
});

test("the memory has a size, and may be none; what is nearer wins", () => {
  const small = createPromptLookup({ memoryTokens: 5 });
  const none = createPromptLookup({ memoryTokens: 0 });
  for (const lookup of [small, none]) {
    lookup.begin([10, 11]);
    lookup.accept([1, 2, 3, 4]);
    lookup.begin([20]);
    lookup.accept([1, 2]);
  }
  assert.deepEqual(small.propose(4), [3, 4]);
  assert.deepEqual(none.propose(4), []);
  small.begin([1, 2, 9, 1, 2]);
  assert.deepEqual(small.propose(1), [9], "the prompt before the memory");
  small.begin([30]);
  small.accept([31, 3]);
  assert.deepEqual(small.propose(1), [], "the oldest is forgotten");
});

test("the index finds what a search of all places finds", () => {
  const token = fc.integer({ min: 0, max: 3 });
  fc.assert(
    fc.property(fc.array(token, { maxLength: 14 }), (tokens) => {
      let best = 0;
      let from = -1;
      for (let place = tokens.length - 1; place >= 1; place--) {
        let length = 0;
        while (length < place && tokens[place - 1 - length] === tokens[tokens.length - 1 - length]) length++;
        if (Math.min(length, 12) > best) [best, from] = [Math.min(length, 12), place];
      }
      const expected = from < 0 ? [] : [tokens[from]];
      assert.deepEqual(lookUp(tokens, 1), expected);
    }),
  );
});
