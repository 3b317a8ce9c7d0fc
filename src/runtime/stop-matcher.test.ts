import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LimbeckError } from "../base/errors.ts";
import { createStopMatcher } from "./stop-matcher.ts";

function runStops(
  stops: readonly string[],
  pieces: readonly string[],
): { shown: string[]; isStopped: boolean } {
  const matcher = createStopMatcher(stops);
  const shown: string[] = [];
  for (const piece of pieces) {
    const step = matcher.push(piece);
    shown.push(step.text);
    if (step.isStopped) return { shown, isStopped: true };
  }
  shown.push(matcher.flush());
  return { shown, isStopped: false };
}

test("a stop text inside one piece cuts there", () => {
  assert.deepEqual(runStops(["END"], ["go on END and on"]), { shown: ["go on "], isStopped: true });
});

test("a stop text over several pieces is never shown in part", () => {
  assert.deepEqual(runStops(["\n\nUser:"], ["Hi.\n", "\nUs", "er: x"]), {
    shown: ["Hi.", "", ""],
    isStopped: true,
  });
});

test("what only looked like a stop text comes later", () => {
  assert.deepEqual(runStops(["ENDE"], ["E", "N", "D", "?"]), {
    shown: ["", "", "", "END?", ""],
    isStopped: false,
  });
  assert.deepEqual(runStops(["ENDE"], ["EN"]), { shown: ["", "EN"], isStopped: false });
});

test("of two stop texts the one that begins first wins", () => {
  assert.deepEqual(runStops(["cd", "bcx"], ["abcd"]).shown, ["ab"]);
});

test("empty stop texts are refused", () => {
  assert.throws(
    () => createStopMatcher(["a", ""]),
    (error) => error instanceof LimbeckError && error.code === "invalid_request",
  );
});

test("however the text is cut into pieces, what is shown is the text before the first stop text", () => {
  const letter = fc.constantFrom("a", "b", "c");
  const text = fc.string({ unit: letter, maxLength: 24 });
  const stop = fc.string({ unit: letter, minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), fc.array(stop, { maxLength: 3 }), (pieces, stops) => {
      const whole = pieces.join("");
      const first = stops.map((s) => whole.indexOf(s)).filter((at) => at >= 0);
      const { shown, isStopped } = runStops(stops, pieces);
      assert.equal(isStopped, first.length > 0);
      // A later piece may hold an earlier beginning of a longer stop text: the first one to be complete decides.
      const said = shown.join("");
      assert.ok(whole.startsWith(said));
      if (first.length === 0) assert.equal(said, whole);
      else assert.ok(stops.every((s) => !said.includes(s)));
    }),
    { seed: 11, numRuns: 500 },
  );
});

test("a passed piece holds no stop text, and what was held back before it is shown", () => {
  const matcher = createStopMatcher(["STOP"]);
  assert.deepEqual(matcher.push("a ST"), { text: "a ", isStopped: false });
  assert.deepEqual(matcher.pass("OP STOP ST"), { text: "STOP STOP ST", isStopped: false });
  assert.deepEqual(matcher.push("OP"), { text: "OP", isStopped: false });
});
