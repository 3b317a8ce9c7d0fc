import { execFileSync } from "node:child_process";
import * as path from "node:path";
import { LimbeckError } from "#limbeck/base/errors.js";
import { writeJsonAtomic } from "#limbeck/base/files.js";
import { parseJson } from "#limbeck/base/json.js";
import { createRandom, type Random } from "#limbeck/base/random.js";
import { writeDataset } from "#limbeck/data/dataset.js";
import { fingerprintExamples, fingerprintTools } from "#limbeck/data/fingerprints.js";
import { generateToolbox } from "#limbeck/data/toolbox/generate.js";
import type { Dataset, Example } from "#limbeck/data/types.js";
import { baselineFile, baselineKeyOf } from "#limbeck/gate/baseline.js";
import { gateReport } from "#limbeck/gate/gate.js";
import { sampleBaseline, sampleReport, sampleSpeed } from "#limbeck/gate/sample-report.test.support.js";
import { median } from "#limbeck/measure/statistics.js";
import type { ChatResult, ChatRunner } from "#limbeck/runtime/types.js";
import { runToolLoop } from "#limbeck/score/tool-loop.js";
import { openTranscripts, type TranscriptHeader } from "#limbeck/score/transcript-file.js";
import { writeCalls } from "#limbeck/tools/call-format.js";
import { readCalls } from "#limbeck/tools/call-stream.js";
import { type Benchmark, lookAround, lookBack, note, table } from "./benchmark.ts";
import { withTemporaryFolder } from "./repository.ts";
import type { StoredScore } from "./score-stored.ts";

/** A finished answer of `text`: four characters a token, a token a millisecond. */
function answerOf(text: string): ChatResult {
  const pieces = text.match(/[\s\S]{1,4}/g) ?? [];
  const [tokenizerMs, firstStepMs] = [1, 9];
  const ttftMs = tokenizerMs + firstStepMs;
  const totalMs = ttftMs + pieces.length;
  return {
    promptTokens: 64,
    tokens: pieces.map((piece, index) => ({ id: index, text: piece, index, timeMs: ttftMs + index })),
    text,
    finishReason: "stop",
    timing: {
      tokenizerMs,
      firstStepMs,
      ttftMs,
      totalMs,
      prefillSessionMs: 8,
      decodeSessionMs: pieces.length,
    },
    ...readCalls(text),
  };
}

/** What a good model writes first; one in ten answers has a fault: a call left out, an argument lost, no JSON. */
function firstTurn(example: Example, random: Random): string {
  const { calls } = example.expect;
  const whole = example.teacher?.text ?? writeCalls(calls);
  if (calls.length === 0 || random.next() >= 0.1) return whole;
  const broken = calls.map((call) => ({
    ...call,
    arguments: Object.fromEntries(Object.entries(call.arguments).slice(1)),
  }));
  const faults = [
    writeCalls(calls.slice(1)),
    writeCalls(broken),
    whole.slice(0, Math.floor(whole.length * 0.7)),
  ];
  return random.pick(faults);
}

/** A model that knows the answers, for one example. */
function scriptedModel(example: Example, random: Random): ChatRunner {
  return {
    name: "scripted",
    chat: async (messages) => {
      const isFirst = messages.every(({ role }) => role !== "assistant");
      return answerOf(isFirst ? firstTurn(example, random) : (example.teacher?.answer ?? "Done."));
    },
    close: async () => undefined,
  };
}

interface Stored {
  readonly dataset: string;
  readonly transcripts: string;
  readonly header: string;
}

async function storeTranscripts(folder: string, dataset: Dataset): Promise<Stored> {
  const files = {
    dataset: path.join(folder, "dataset.jsonl"),
    transcripts: path.join(folder, "transcripts.jsonl"),
    header: path.join(folder, "header.json"),
  };
  writeDataset(files.dataset, dataset);
  const header: TranscriptHeader = {
    schema_version: 1,
    kind: "transcript_header",
    runner: "scripted",
    fingerprints: {
      dataset: fingerprintExamples(dataset.examples),
      tools: fingerprintTools(dataset.examples),
      tokenizer: null,
      prompt_wrapper: null,
      runner: null,
      model: null,
    },
  };
  writeJsonAtomic(files.header, header);
  const random = createRandom(4);
  const writer = openTranscripts(files.transcripts, header, []);
  for (const example of dataset.examples) {
    writer.append(await runToolLoop(scriptedModel(example, random.fork(example.id)), example));
  }
  writer.close();
  return files;
}

function scoreStored({ dataset, transcripts, header }: Stored): StoredScore {
  const script = path.join(import.meta.dirname, "score-stored.js");
  const text = execFileSync(process.execPath, [script, dataset, transcripts, header], { encoding: "utf8" });
  return parseJson(text, script) as unknown as StoredScore;
}

/** Milliseconds of whole gates: baseline read from disk, every rule, intervals by bootstrap. */
function timeGates(folder: string, repeats: number): readonly number[] {
  const report = { ...sampleReport(), speed_metrics: sampleSpeed(1, 1, 280) };
  const baseline = {
    ...sampleBaseline(),
    report: { ...sampleReport(2), speed_metrics: sampleSpeed(2, 1, 280) },
  };
  writeJsonAtomic(baselineFile(folder, baselineKeyOf(report)), baseline);
  return Array.from({ length: repeats }, () => {
    const start = performance.now();
    const { verdict, baseline: found } = gateReport(report, { baselineDir: folder });
    const ms = performance.now() - start;
    if (verdict === "inconclusive" || found === null) {
      throw new LimbeckError("internal", `score: expected a gate that decides, got ${verdict}`);
    }
    return ms;
  });
}

async function run(options: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> {
  const { examples = 1, repeats = 1 } = options;
  const surroundings = await lookAround();
  return withTemporaryFolder(async (folder) => {
    const stored = await storeTranscripts(folder, generateToolbox({ split: "test", seed: 5, examples }));
    const scores = Array.from({ length: repeats }, () => scoreStored(stored));
    const gates = timeGates(folder, repeats);
    const bad = scores.find(
      (score) => score.examples !== examples || score.f1_lax === null || score.f1_lax < 0.8,
    );
    if (bad) {
      throw new LimbeckError(
        "internal",
        `score: expected ${examples} scored transcripts of a good model, got ${bad.examples} with F1 ${bad.f1_lax}`,
      );
    }
    const secondsOf = (score: StoredScore): number =>
      score.read_dataset_s + score.read_transcripts_s + score.score_s;
    const total = median(scores.map(secondsOf));
    const part = (field: keyof StoredScore): number => median(scores.map((score) => Number(score[field])));
    const peak = Math.max(...scores.map((score) => score.peak_rss_mb));
    note(
      table([
        [`${examples} stored transcripts`, "seconds"],
        ["read dataset", part("read_dataset_s").toFixed(2)],
        ["read transcripts", part("read_transcripts_s").toFixed(2)],
        ["score", part("score_s").toFixed(2)],
        ["all", total.toFixed(2)],
      ]),
    );
    note(
      `F1 lax ${scores[0]?.f1_lax?.toFixed(3)}, peak RSS ${peak.toFixed(0)} MB; a gate ${median(gates).toFixed(0)} ms`,
    );
    return {
      seconds_per_10k: (total * 10_000) / examples,
      peak_rss_mb: peak,
      gate_ms: median(gates),
      examples,
      repeats,
      samples: { scores, gate_ms: gates },
      ...(await lookBack(surroundings)),
    };
  });
}

/** Stored transcripts scored in a process of their own, and a gate over a report and its baseline. */
export const scoreBenchmark: Benchmark = {
  summary: "scoring stored transcripts, and one gate",
  options: {
    examples: { value: 10_000, help: "transcripts" },
    repeats: { value: 3, help: "times that all is done" },
  },
  run,
};
