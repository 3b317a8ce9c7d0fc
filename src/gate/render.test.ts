import assert from "node:assert/strict";
import { test } from "node:test";
import { failureCards } from "./failure-cards.ts";
import { decide } from "./gate.ts";
import { renderMarkdown, renderText } from "./render.ts";
import { sampleBaseline, sampleReport } from "./sample-report.test.support.ts";

function failing() {
  const report = sampleReport();
  report.quality!.f1_lax = 0.5;
  return decide(report, sampleBaseline());
}

test("the table has a line for every rule, the verdict, and cards of what failed", () => {
  const result = failing();
  const text = renderText(result);
  for (const rule of result.rules) assert.match(text, new RegExp(`^[✓✗?]  ${rule.name} `, "m"));
  assert.match(text, /^✗ fail: 16 pass, 2 fail, 0 inconclusive$/m);
  assert.match(text, /^baseline blessed 2026-01-02T00:00:00.000Z by Ada on m4-max-64g$/m);
  assert.ok(text.includes(failureCards.f1_lax.next));
  assert.ok(!text.includes(failureCards.privacy.causes[0]!), "cards of passing rules are not printed");
});

test("without a baseline the text says how to make one", () => {
  assert.match(renderText(decide(sampleReport(), null)), /`limbeck bless` makes one/);
});

test("skipped rules are named with the reason", () => {
  const report = sampleReport();
  report.qat = null;
  const result = decide(report, null);
  assert.match(renderText(result), /^- {2}qat_cosine: no layer was quantised/m);
  assert.match(renderMarkdown(result), /- `qat_cosine`: no layer was quantised/);
});

test("Markdown rows have five cells whatever a reason holds", () => {
  const report = sampleReport();
  report.invalid_for_gate = ["load | average\n7"];
  const rows = renderMarkdown(decide(report, sampleBaseline()))
    .split("\n")
    .filter((line) => line.startsWith("| "));
  assert.equal(rows.length, 20);
  for (const row of rows) assert.equal(row.split(/(?<!\\)\|/).length, 7, row);
});
