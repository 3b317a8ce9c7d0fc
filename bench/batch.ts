import * as path from "node:path";
import { LimbeckError } from "#limbeck/base/errors.js";
import { generateToolbox } from "#limbeck/data/toolbox/generate.js";
import { exportArtefact } from "#limbeck/model/artefact.js";
import type { WeightFormat } from "#limbeck/model/weight-formats.js";
import {
  type BatchDecision,
  type BatchSample,
  decideBatch,
  summarizeBatch,
} from "#limbeck/runtime/batch/batch-policy.js";
import { openEngine } from "#limbeck/runtime/engine.js";
import type { ChatResult, ChatRunner } from "#limbeck/runtime/types.js";
import { sideBySide } from "#limbeck/score/side-by-side.js";
import type { ChatMessage, ToolDefinition } from "#limbeck/tools/types.js";
import { type Benchmark, lookAround, lookBack, note, peakRssMb, table } from "./benchmark.ts";
import { repositoryPath, withTemporaryFolder } from "./repository.ts";
import { halfBillion, writeSyntheticCheckpoint } from "./synthetic-checkpoint.ts";

/** 110 million parameters: a decode step there is bound by memory, which rows share. */
const midSize = {
  ...halfBillion,
  vocabSize: 32_000,
  hiddenSize: 768,
  intermediateSize: 2048,
  layers: 12,
  heads: 12,
  kvHeads: 4,
  contextLength: 1024,
};
const batches = [2, 3, 4];
const most = Math.max(...batches);

interface Request {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly maxTokens: number;
}

/** First turns of the embedded task: a long prompt (tools), a short answer. */
function toolRequests(count: number, maxTokens: number): Request[] {
  const { examples } = generateToolbox({ split: "test", seed: 3, examples: count });
  return examples.map(({ messages, tools }) => ({ messages, tools, maxTokens }));
}

/** A short prompt, a long answer: what batching is best at. */
function wordRequests(count: number): Request[] {
  return Array.from({ length: count }, (_, i) => ({
    messages: [{ role: "user", content: `Tell me story number ${i}.` }],
    tools: [],
    maxTokens: 40 + 8 * (i % 4),
  }));
}

interface Case {
  readonly name: string;
  readonly artefact: string;
  readonly requests: readonly Request[];
}

interface CaseResult extends BatchDecision {
  readonly name: string;
  readonly requests: number;
  readonly prompt_tokens: number;
  readonly output_tokens: number;
  /** Of the time of a request alone, what reading its prompt takes. */
  readonly prompt_share: number;
  readonly answers_differing: number;
  readonly kv_bytes: number;
  readonly samples: readonly BatchSample[];
}

const ask = (runner: ChatRunner, { messages, tools, maxTokens }: Request): Promise<ChatResult> =>
  runner.chat(messages, tools, { temperature: 0, maxTokens });

/** Every round asks its own requests at every number of rows, each round beginning with another one. */
async function runCase({ name, artefact, requests }: Case, rounds: number): Promise<CaseResult> {
  const engine = await openEngine(artefact);
  try {
    const rows = await engine.openBatch(most);
    if (rows.check.refusal !== null) {
      throw new LimbeckError("internal", `batch: ${name}: ${rows.check.refusal}`);
    }
    const perRound = Math.ceil(requests.length / rounds);
    const order = [1, ...batches];
    const samples: BatchSample[] = [];
    const alone = new Map<Request, ChatResult>();
    let differing = 0;
    const idsOf = ({ tokens }: ChatResult): string => tokens.map(({ id }) => id).join();
    for (let round = 0; round < rounds; round++) {
      const part = requests.slice(round * perRound, (round + 1) * perRound);
      // Warm for all alike: grammars are made, and these are the answers that others are held against.
      for (const request of part) alone.set(request, await ask(engine, request));
      for (let turn = 0; turn < order.length; turn++) {
        const batch = order[(round + turn) % order.length] as number;
        const start = performance.now();
        const answers = await sideBySide(part, batch, (request) => ask(batch === 1 ? engine : rows, request));
        const wallMs = performance.now() - start;
        samples.push({
          batch,
          tokens: answers.reduce((sum, { tokens }) => sum + tokens.length, 0),
          wallMs,
          latenciesMs: answers.map(({ timing }) => timing.totalMs),
        });
        for (const [i, answer] of answers.entries())
          if (idsOf(answer) !== idsOf(alone.get(part[i] as Request) as ChatResult)) differing += 1;
      }
    }
    const all = [...alone.values()];
    const sum = (of: (result: ChatResult) => number): number =>
      all.reduce((total, one) => total + of(one), 0);
    const decision = decideBatch(
      summarizeBatch(1, samples),
      batches.map((batch) => summarizeBatch(batch, samples)),
    );
    return {
      name,
      ...decision,
      requests: requests.length,
      prompt_tokens: sum(({ promptTokens }) => promptTokens) / all.length,
      output_tokens: sum(({ tokens }) => tokens.length) / all.length,
      prompt_share: sum(({ timing }) => timing.prefillSessionMs) / sum(({ timing }) => timing.totalMs),
      answers_differing: differing,
      kv_bytes: rows.kvBytes,
      samples,
    };
  } finally {
    await engine.close();
  }
}

function show({ name, candidates, prompt_share, batch, answers_differing, requests }: CaseResult): void {
  note(
    table([
      [name, "tokens/s", "p95 latency", "passes"],
      ...candidates.map((one) => [
        `  ${one.batch} rows`,
        one.tpsRatio?.toFixed(3) ?? "–",
        one.p95LatencyRatio?.toFixed(3) ?? "–",
        one.passes ? "yes" : "no",
      ]),
    ]),
  );
  note(
    `  decision ${batch}; a prompt takes ${(100 * prompt_share).toFixed(0)} % of a request alone; ` +
      `${answers_differing} of ${requests * (1 + batches.length)} answers differ`,
  );
}

async function run(options: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> {
  const { requests = 1, large = 1, rounds = 1 } = options;
  const surroundings = await lookAround();
  return withTemporaryFolder(async (folder) => {
    const exported = async (checkpoint: string, name: string, format: WeightFormat): Promise<string> => {
      const artefact = path.join(folder, `${name}-${format}`);
      // Rows in blocks of 32 have the same bits alone and in company.
      await exportArtefact(checkpoint, artefact, { format, ...(format === "int4" ? { block: 32 } : {}) });
      return artefact;
    };
    const teacher = repositoryPath("assets", "teacher");
    const mid = path.join(folder, "checkpoint");
    writeSyntheticCheckpoint(mid, midSize);
    const [midInt4, midFp32] = [await exported(mid, "mid", "int4"), await exported(mid, "mid", "fp32")];
    const cases: Case[] = [
      {
        name: "teacher fp32, tool calls",
        artefact: await exported(teacher, "teacher", "fp32"),
        requests: toolRequests(requests, 96),
      },
      {
        name: "teacher int4, tool calls",
        artefact: await exported(teacher, "teacher", "int4"),
        requests: toolRequests(requests, 96),
      },
      { name: "110M int4, tool prompts", artefact: midInt4, requests: toolRequests(large, 32) },
      { name: "110M int4, short prompts", artefact: midInt4, requests: wordRequests(large) },
      { name: "110M fp32, tool prompts", artefact: midFp32, requests: toolRequests(large, 32) },
      { name: "110M fp32, short prompts", artefact: midFp32, requests: wordRequests(large) },
    ];
    const results: CaseResult[] = [];
    for (const one of cases) {
      const result = await runCase(one, rounds);
      results.push(result);
      show(result);
    }
    const differing = results.reduce((sum, { answers_differing }) => sum + answers_differing, 0);
    if (differing > 0) {
      throw new LimbeckError(
        "internal",
        `batch: expected the answers of requests alone, got ${differing} others`,
      );
    }
    return {
      answers_differing: differing,
      cases: results,
      rounds,
      peak_rss_mb: peakRssMb(),
      ...(await lookBack(surroundings)),
    };
  });
}

/** Offline requests side by side against one after the other: throughput, p95 latency, and whether answers are the same. */
export const batchBenchmark: Benchmark = {
  summary: "tokens a second and p95 latency of 2, 3 and 4 requests side by side, of one after the other",
  options: {
    requests: { value: 104, help: "requests of the shipped teacher" },
    large: { value: 6, help: "requests of a model of 110M parameters" },
    rounds: { value: 3, help: "parts that requests are asked in, each at every number of rows" },
  },
  run,
};
