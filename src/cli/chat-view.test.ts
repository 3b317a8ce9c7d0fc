import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpeculationReport } from "../runtime/types.ts";
import {
  createAnswerWriter,
  draftDocument,
  draftFigures,
  draftParts,
  figureParts,
  flowParts,
} from "./chat-view.ts";

test("parts break between each other, where the terminal is narrow", () => {
  assert.equal(flowParts(["aaaa", "bbbb", "cccc"], 80), "aaaa · bbbb · cccc");
  assert.equal(flowParts(["aaaa", "bbbb", "cccc"], 11), "aaaa · bbbb\ncccc");
  assert.equal(flowParts(["longer than it is wide", "b"], 5), "longer than it is wide\nb");
  assert.equal(flowParts([], 5), "");
});

test("figures that nobody has are left out", () => {
  const none = { turns: 1, promptTokens: 1, cachedTokens: 0, outputTokens: 0, calls: 0 };
  assert.deepEqual(figureParts({ ...none, ttftMs: null, tokensPerSecond: null }), ["1 token in", "0 out"]);
  const all = { ...none, promptTokens: 9, cachedTokens: 4, calls: 2, ttftMs: 1.25, tokensPerSecond: 99.6 };
  assert.deepEqual(figureParts(all), [
    "9 tokens in (4 cached)",
    "0 out",
    "TTFT 1.3 ms",
    "100 tok/s",
    "2 calls",
  ]);
});

test("drafting says how much was accepted, or why nothing is drafted", () => {
  assert.deepEqual(draftParts(draftFigures([{}])), []);
  const report = { mode: "auto", proposed: 8, accepted: 5, targetRuns: 9, offBecause: null } as const;
  const off = { ...report, proposed: 0, accepted: 0, offBecause: "runs are too short" };
  const figures = (...reports: SpeculationReport[]) =>
    draftFigures(reports.map((speculation) => ({ speculation })));
  assert.deepEqual(draftParts(figures(report, report)), ["10 of 16 drafted tokens accepted"]);
  assert.deepEqual(draftParts(figures(off)), ["drafting is off: runs are too short"]);
  assert.deepEqual(draftParts(figures(report, off)), [
    "5 of 8 drafted tokens accepted",
    "drafting is off: runs are too short",
  ]);
  assert.deepEqual(draftDocument(figures(report)), {
    proposed: 8,
    accepted: 5,
    target_runs: 9,
    off_because: null,
  });
});

/** What a writer without colours makes of pieces; null stands for a result. */
function written(pieces: readonly (string | null)[]): string {
  let text = "";
  const writer = createAnswerWriter(
    (part) => {
      text += part;
    },
    "limbeck",
    false,
  );
  for (const piece of pieces) {
    if (piece === null) writer.result({ ok: true });
    else writer.token(piece);
  }
  writer.end();
  return text;
}

test("a call stands on a line of its own, however it comes in pieces, and its result below", () => {
  const call = '<|call|>{"name":"a","arguments":{"b":1}}<|/call|>';
  const expected = 'Well.\n→ a {"b":1}\n← {"ok":true}\nDone.\n';
  assert.equal(written(["Well.", call, null, "Done."]), expected);
  assert.equal(written(["Well.", ...call, null, "Do", "ne."]), expected);
});

test("a call that was broken off is shown, and the writer goes on", () => {
  assert.match(written(['<|call|>{"name":']), /^→ no call: .*\{"name":\n$/);
});
