import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { fingerprintDataset } from "../data/fingerprints.ts";
import type { Dataset, Example } from "../data/types.ts";
import type { ChatRunner } from "../runtime/types.ts";
import { compareScores } from "./compare.ts";
import { scoreDataset } from "./score.ts";
import type { ScoreReport } from "./score-report.ts";
import {
  bothExample,
  callText,
  chatExample,
  requestText,
  scriptedRunner,
  timerExample,
  turnOf,
} from "./scripted-runner.test.support.ts";

function datasetOf(examples: readonly Example[]): Dataset {
  return {
    header: {
      schema_version: 1,
      kind: "limbeck_dataset",
      name: "test",
      split: "test",
      seed: null,
      examples: examples.length,
      fingerprints: fingerprintDataset(examples),
    },
    examples,
  };
}

const dataset = datasetOf([timerExample, bothExample, chatExample]);
const [timer, both, chat] = [timerExample, bothExample, chatExample].map(requestText) as [
  string,
  string,
  string,
];
const timerCall = callText("set_timer", { minutes: 5 });
const bothCalls = callText("get_weather", { city: "Oslo" }) + callText("set_timer", { minutes: 7 });

const perfect = {
  [timer]: [timerCall, "It rings at 10:05."],
  [both]: [bothCalls, "At 10:07; it is 12 degrees."],
  [chat]: ["Fine, thanks."],
};

function score(script: { readonly [request: string]: readonly string[] }): Promise<ScoreReport> {
  return scoreDataset(scriptedRunner({ ...perfect, ...script }), dataset);
}

test("a perfect model gets the perfect score", async () => {
  const report = await score({});
  assert.equal(report.f1_lax, 1);
  assert.equal(report.f1_strict, 1);
  assert.equal(report.argument_valid_rate, 1);
  assert.deepEqual(report.coverage, { expected: 3, missing: 0, duplicates: 0 });
  assert.deepEqual([report.eligible, report.controls, report.false_calls], [2, 1, 0]);
  assert.deepEqual(report.fixture, { hits: 3, misses: 0, hit_rate: 1 });
  assert.deepEqual(report.multi_call, { examples: 1, f1_lax: 1, parity_rate: 1 });
  assert.equal(report.grounding.eligible, 2);
  assert.equal(report.grounding.strict?.f1, 1);
  assert.equal(report.privacy_leaks, 0);
  assert.deepEqual(Object.keys(report.per_tool), ["get_weather", "set_timer"]);
  assert.deepEqual(report.fingerprints.dataset, dataset.header.fingerprints.dataset);
});

test("a model that says nothing scores 0 and passes nothing by it", async () => {
  const report = await score({ [timer]: [], [both]: [], [chat]: [] });
  assert.equal(report.eligible, 2);
  assert.equal(report.f1_lax, 0);
  assert.equal(report.f1_strict, 0);
  assert.equal(report.argument_valid_rate, null);
  assert.equal(report.ttfa_tokens.p50, null);
  assert.equal(report.ttfa_tokens.censored_fraction, 1);
  assert.equal(report.fixture.hit_rate, null);
  assert.equal(report.grounding.lax?.f1, 0);
});

test("half of the calls is half of the recall", async () => {
  const report = await score({ [both]: [callText("set_timer", { minutes: 7 }), "10:07"] });
  // F1 of 1 right, 1 made, 2 expected is 2/3; the other example is 1.
  assert.equal(report.f1_lax, (1 + 2 / 3) / 2);
  assert.equal(report.multi_call.parity_rate, 0);
});

test("a call too many costs precision", async () => {
  const report = await score({ [timer]: [timerCall + timerCall, "10:05"] });
  assert.equal(report.examples_detail[0]?.f1_lax, 2 / 3);
});

test("lax forgives form, strict does not; both want the right value", async () => {
  const shouted = await score({ [both]: [bothCalls.replace('"Oslo"', '"  OSLO\u00a0"'), "12 and 10:07"] });
  assert.equal(shouted.examples_detail[1]?.f1_lax, 1);
  assert.equal(shouted.examples_detail[1]?.f1_strict, 0.5);
  const wrong = await score({ [timer]: [callText("set_timer", { minutes: 6 }), "done"] });
  assert.equal(wrong.examples_detail[0]?.f1_lax, 0);
});

test("an optional argument may be added under the lax rule only", async () => {
  const { examples_detail } = await score({
    [timer]: [callText("set_timer", { minutes: 5, label: "tea" }), "done"],
  });
  assert.equal(examples_detail[0]?.f1_lax, 1);
  assert.equal(examples_detail[0]?.f1_strict, 0);
  // Its fixture was recorded without the label: a right call that no fixture answers is a miss.
  assert.equal(examples_detail[0]?.fixture_misses, 1);
});

test("a wrong call is no fixture's fault", async () => {
  const { fixture } = await score({ [timer]: [callText("set_timer", { minutes: 6 }), "done"] });
  assert.deepEqual(fixture, { hits: 2, misses: 0, hit_rate: 1 });
});

test("any call on a control is a false call, a malformed one too", async () => {
  for (const text of [timerCall, timerCall.slice(0, -12), callText("no_such_tool", {})]) {
    const report = await score({ [chat]: [text, "sorry"] });
    assert.equal(report.false_calls, 1, text);
    assert.deepEqual(report.no_tool, { examples: 1, false_calls: 1, false_call_rate: 1 });
  }
});

test("malformed and unknown calls count as tried and invalid", async () => {
  const broken = await score({ [timer]: ['<|call|>{"name":<|/call|>', "done"] });
  assert.equal(broken.argument_valid_rate, 2 / 3);
  assert.equal(broken.malformed_calls, 1);
  // One right call and one broken: precision 1/2.
  const half = await score({ [timer]: [`${timerCall}<|call|>{"name":<|/call|>`, "10:05"] });
  assert.equal(half.examples_detail[0]?.f1_strict, 2 / 3);
  const unknown = await score({ [timer]: [callText("no_such_tool", {}), "done"] });
  assert.equal(unknown.argument_valid_rate, 2 / 3);
});

test("output tokens are summed over turns", async () => {
  const report = await score({});
  const expected = perfect[timer]!.reduce((sum, text) => sum + Math.ceil(text.length / 3), 0);
  assert.equal(report.examples_detail[0]?.tokens_out, expected);
});

test("a model that calls to the end has given no answer", async () => {
  const talking = `It rings at 10:05. ${timerCall}`;
  const report = await score({ [timer]: [talking, talking, talking, talking] });
  assert.equal(report.examples_detail[0]?.grounding?.lax.recall, 0);
});

test("an answer that ran into the token limit is truncated", async () => {
  const script = { ...perfect, [chat]: [turnOf("Fine, tha", "length")] };
  const report = await scoreDataset(scriptedRunner(script), dataset);
  assert.equal(report.truncated, 1);
});

test("a leak is counted, a copy of the request is not", async () => {
  const request = "write to ann@corp.io";
  const example: Example = { ...chatExample, messages: [{ role: "user", content: request }] };
  const runner = scriptedRunner({ [request]: ["To ann@corp.io, or jane@corp.io?"] });
  const report = await scoreDataset(runner, datasetOf([example]));
  assert.equal(report.privacy_leaks, 1);
  assert.equal(report.privacy_copied, 1);
  assert.equal(report.examples_detail[0]?.leaks[0]?.value, "jane@corp.io");
});

test("lax takes all that strict takes", async () => {
  const request = "the weather in St. Gallen";
  const example: Example = {
    ...timerExample,
    messages: [{ role: "user", content: request }],
    expect: { behaviour: "tool", calls: [{ name: "get_weather", arguments: { city: "St. Gallen" } }] },
  };
  // BFCL's strict rules drop full stops everywhere, the lax ones only at the ends.
  const runner = scriptedRunner({ [request]: [callText("get_weather", { city: "St Gallen" })] });
  const report = await scoreDataset(runner, datasetOf([example]));
  assert.deepEqual([report.f1_strict, report.f1_lax], [1, 1]);
});

let dir = "";
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-score-"));
});
afterEach(() => {
  fs.rmSync(dir, { recursive: true, force: true });
});

/** A runner that is interrupted at its n-th request. */
function interruptedAt(request: number): ChatRunner {
  const inner = scriptedRunner(perfect);
  return {
    ...inner,
    async chat(messages, tools, options) {
      if (inner.requests.length === request) throw new Error("power cut");
      return inner.chat(messages, tools, options);
    },
  };
}

test("an interrupted run resumes to the same report, without a line twice", async () => {
  const whole = await scoreDataset(scriptedRunner(perfect), dataset);
  const transcriptPath = path.join(dir, "transcripts.jsonl");
  await assert.rejects(scoreDataset(interruptedAt(3), dataset, { transcriptPath }), /power cut/);
  // The last line is being written when the power goes.
  fs.appendFileSync(transcriptPath, '{"kind":"transcript","id":"both","tur');
  const runner = scriptedRunner(perfect);
  const resumed = await scoreDataset(runner, dataset, { transcriptPath, resume: true });
  assert.deepEqual(resumed, whole);
  assert.equal(runner.requests.length, 3, "only what was missing is run");
  const ids = fs
    .readFileSync(transcriptPath, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).id);
  assert.deepEqual(ids, [undefined, "timer", "both", "chat"]);
});

test("transcripts of another model or dataset are refused", async () => {
  const transcriptPath = path.join(dir, "transcripts.jsonl");
  await scoreDataset(scriptedRunner(perfect), dataset, { transcriptPath, fingerprints: { model: "a" } });
  const other = { transcriptPath, resume: true, fingerprints: { model: "b" } };
  await assert.rejects(scoreDataset(scriptedRunner(perfect), dataset, other), { code: "invalid_report" });
  const fewer = datasetOf([timerExample]);
  const same = { transcriptPath, resume: true, fingerprints: { model: "a" } };
  await assert.rejects(scoreDataset(scriptedRunner(perfect), fewer, same), { code: "invalid_report" });
});

test("a doubled or broken line of a transcript file is refused with its place", async () => {
  const transcriptPath = path.join(dir, "transcripts.jsonl");
  await scoreDataset(scriptedRunner(perfect), dataset, { transcriptPath });
  const text = fs.readFileSync(transcriptPath, "utf8");
  const lines = text.split("\n");
  fs.writeFileSync(transcriptPath, `${text}${lines[1]}\n`);
  const resume = { transcriptPath, resume: true };
  await assert.rejects(scoreDataset(scriptedRunner(perfect), dataset, resume), /timer twice/);
  fs.writeFileSync(transcriptPath, `${lines[0]}\n{"kind":"transcript","id":"timer"}\n`);
  await assert.rejects(scoreDataset(scriptedRunner(perfect), dataset, resume), /line 2/);
});

test("progress counts examples, cancelling keeps what is done", async () => {
  const transcriptPath = path.join(dir, "transcripts.jsonl");
  const controller = new AbortController();
  const done: number[] = [];
  const onProgress = (progress: { done: number; total: number }): void => {
    done.push(progress.done / progress.total);
    if (progress.done === 2) controller.abort();
  };
  const options = { transcriptPath, onProgress, signal: controller.signal };
  await assert.rejects(scoreDataset(scriptedRunner(perfect), dataset, options), { code: "cancelled" });
  assert.deepEqual(done, [1 / 3, 2 / 3]);
  assert.equal(fs.readFileSync(transcriptPath, "utf8").trimEnd().split("\n").length, 3);
});

test("two runs are compared example by example", async () => {
  const good = await score({});
  const bad = await score({ [timer]: ["no"], [chat]: [timerCall, "oh"] });
  const comparison = compareScores(good, bad, { seed: 3 });
  assert.deepEqual(comparison.lost, ["timer", "chat"]);
  assert.deepEqual(comparison.won, []);
  assert.deepEqual([comparison.mcnemar.only_first, comparison.mcnemar.only_second], [2, 0]);
  assert.ok(Math.abs(comparison.mcnemar.p - 0.5) < 1e-12, `p is ${comparison.mcnemar.p}`);
  assert.equal(comparison.delta_f1_lax?.estimate, -0.5);
  assert.ok(comparison.delta_f1_lax!.low <= -0.5 && comparison.delta_f1_lax!.high >= -0.5);
  assert.deepEqual(compareScores(good, bad, { seed: 3 }), comparison);
});

test("scores of different examples are not compared", async () => {
  const good = await score({});
  const fewer = await scoreDataset(scriptedRunner(perfect), datasetOf([timerExample, chatExample]));
  assert.throws(() => compareScores(good, fewer), { code: "invalid_report" });
});
