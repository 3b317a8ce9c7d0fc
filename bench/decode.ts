import * as fs from "node:fs";
import * as path from "node:path";
import type { Binding, NamedTensors, Session } from "#limbeck/backend/session.js";
import { LimbeckError } from "#limbeck/base/errors.js";
import { createRandom } from "#limbeck/base/random.js";
import { generateToolbox } from "#limbeck/data/toolbox/generate.js";
import type { Example } from "#limbeck/data/types.js";
import { median } from "#limbeck/measure/statistics.js";
import { exportArtefact, openArtefactSession } from "#limbeck/model/artefact.js";
import { saveCheckpoint } from "#limbeck/model/checkpoint.js";
import type { ModelConfig } from "#limbeck/model/config.js";
import { initialiseWeights } from "#limbeck/model/decoder.js";
import { openEngine } from "#limbeck/runtime/engine.js";
import type { Engine } from "#limbeck/runtime/engine-contract.js";
import { createStepRunner } from "#limbeck/runtime/step-runner.js";
import type { ChatResult } from "#limbeck/runtime/types.js";
import { loadTokenizer } from "#limbeck/tokenizer/tokenizer.js";
import { type Benchmark, lookAround, lookBack, note, peakRssMb, table } from "./benchmark.ts";
import { repositoryPath, withTemporaryFolder } from "./repository.ts";

/** What is decoded: the shipped checkpoint where it is there, else random weights of the size that ships. */
const models = {
  teacher: {
    asset: "teacher",
    size: { layers: 6, hiddenSize: 192, intermediateSize: 512, heads: 6, kvHeads: 3, headDim: 32 },
  },
  student: {
    asset: "base",
    size: { layers: 4, hiddenSize: 128, intermediateSize: 352, heads: 4, kvHeads: 2, headDim: 32 },
  },
} as const;
type ModelName = keyof typeof models;

const modes = { worker: true, in_process: false } as const;
type Mode = keyof typeof modes;

const maxTokens = 96;

/** Random weights that never end an answer: with a tied embedding of zero the end token's logit is 0, never the largest. */
function saveRandomCheckpoint(folder: string, name: ModelName): void {
  const tokenizerDir = repositoryPath("assets", "tokenizer");
  const { vocabSize, eosId, padId } = loadTokenizer(tokenizerDir);
  const config: ModelConfig = {
    ...models[name].size,
    family: "llama",
    vocabSize,
    contextLength: 512,
    ropeTheta: 10_000,
    rmsNormEpsilon: 1e-6,
    tieEmbeddings: true,
    bosId: null,
    eosIds: [eosId],
    padId,
  };
  const weights = initialiseWeights(config, createRandom(1));
  const embedding = weights["model.embed_tokens.weight"]!.data as Float32Array; // [V, C]
  embedding.fill(0, eosId * config.hiddenSize, (eosId + 1) * config.hiddenSize);
  saveCheckpoint(folder, { config, weights }, { tokenizerDir });
}

/** Exports a model to `folder`; returns where its weights came from. */
async function exportModel(name: ModelName, folder: string): Promise<"shipped" | "random"> {
  const shipped = repositoryPath("assets", models[name].asset);
  const isShipped = fs.existsSync(path.join(shipped, "config.json"));
  const checkpoint = isShipped ? shipped : path.join(folder, "checkpoint");
  if (!isShipped) saveRandomCheckpoint(checkpoint, name);
  await exportArtefact(checkpoint, path.join(folder, "artefact"), { format: "int8" });
  return isShipped ? "shipped" : "random";
}

/**
 * Reads a long prompt with the runner that engines use and checks that of all its positions only the last one's logits
 * were computed. Error: `internal`.
 */
async function assertLastPositionOnly(artefactDir: string): Promise<number> {
  const { config, session } = await openArtefactSession(artefactDir, { threads: 1 });
  const asked: {
    readonly tokens: number;
    readonly select: readonly number[];
    readonly logits: readonly number[];
  }[] = [];
  const watched: Session = {
    backend: session.backend,
    inputs: session.inputs,
    outputs: session.outputs,
    run: (feeds) => session.run(feeds),
    close: () => session.close(),
    bind(inputs: NamedTensors, outputs: NamedTensors): Binding {
      asked.push({
        tokens: inputs["ids"]!.shape[1]!,
        select: inputs["select"]!.shape,
        logits: outputs["logits"]!.shape,
      });
      return session.bind(inputs, outputs);
    },
  };
  try {
    const promptTokens = Math.min(300, config.contextLength - 1);
    const runner = createStepRunner(watched, config, { blocking: true });
    await runner.prefill(Array.from({ length: promptTokens }, (_, i) => 2 + (i % (config.vocabSize - 2))));
    await runner.decode(2);
    runner.close();
    // The first binding is the decode step's; of a prompt's runs only the last one asks for logits.
    const runs = asked.slice(1);
    const isBad = asked.some(({ select, logits }, i) => {
      const positions = i === 0 || i === asked.length - 1 ? 1 : 0;
      return select.join() !== `${positions}` || logits.join() !== `${positions},${config.vocabSize}`;
    });
    if (isBad || runs.reduce((sum, { tokens }) => sum + tokens, 0) !== promptTokens) {
      throw new LimbeckError(
        "internal",
        `decode: expected logits [1, ${config.vocabSize}] of a prompt's last position only, got ${JSON.stringify(asked)}`,
      );
    }
    return promptTokens;
  } finally {
    session.close();
  }
}

/** One answer, as its own clock and the caller's saw it. */
interface Sample {
  readonly tokens: number;
  readonly ttft_ms: number;
  /** After the first token: all of it, and inside native runs. */
  readonly decode_ms: number;
  readonly session_ms: number;
  readonly tokens_per_second: number;
  readonly own_ms_per_token: number;
  /** From the request to the last word at the caller, less native runs and TTFT: with messages between threads. */
  readonly caller_own_ms_per_token: number;
}

function sampleOf({ tokens, timing }: ChatResult, callerMs: number): Sample {
  const { ttftMs, totalMs, decodeSessionMs, queueMs = 0 } = timing;
  const steps = tokens.length - 1;
  const decodeMs = totalMs - queueMs - ttftMs;
  return {
    tokens: tokens.length,
    ttft_ms: ttftMs,
    decode_ms: decodeMs,
    session_ms: decodeSessionMs,
    tokens_per_second: (steps / (tokens.at(-1)!.timeMs - tokens[0]!.timeMs)) * 1000,
    own_ms_per_token: (decodeMs - decodeSessionMs) / steps,
    caller_own_ms_per_token: (callerMs - ttftMs - decodeSessionMs) / steps,
  };
}

async function answer(engine: Engine, { messages, tools }: Example): Promise<Sample | null> {
  const start = performance.now();
  const stream = engine.stream(messages, tools, { temperature: 0, maxTokens });
  for await (const _event of stream);
  const result = await stream.result;
  // One token has no decode step to speak of.
  return result.tokens.length < 2 ? null : sampleOf(result, performance.now() - start);
}

interface Case {
  readonly model: ModelName;
  readonly mode: Mode;
  readonly engine: Engine;
  readonly samples: Sample[];
}

const middle = (samples: readonly Sample[], field: keyof Sample): number =>
  median(samples.map((sample) => sample[field]));

async function run(options: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> {
  const { rounds = 1 } = options;
  const surroundings = await lookAround();
  const { examples } = generateToolbox({ split: "test", seed: 3, examples: rounds });
  return withTemporaryFolder(async (folder) => {
    const cases: Case[] = [];
    const weights: Partial<Record<ModelName, string>> = {};
    try {
      for (const model of Object.keys(models) as ModelName[]) {
        const own = path.join(folder, model);
        weights[model] = await exportModel(model, own);
        const promptTokens = await assertLastPositionOnly(path.join(own, "artefact"));
        note(
          `${model}: ${weights[model]} weights; a prompt of ${promptTokens} tokens gives one position's logits`,
        );
        for (const mode of Object.keys(modes) as Mode[]) {
          const engine = await openEngine(path.join(own, "artefact"), { worker: modes[mode] });
          cases.push({ model, mode, engine, samples: [] });
        }
      }
      for (const { engine } of cases)
        for (const example of examples.slice(0, 3)) await answer(engine, example);
      for (const [round, example] of examples.entries()) {
        for (let turn = 0; turn < cases.length; turn++) {
          const { engine, samples } = cases[(round + turn) % cases.length]!;
          const sample = await answer(engine, example);
          if (sample) samples.push(sample);
        }
      }
      const rows = cases.map(({ model, mode, engine, samples }) => ({
        model,
        mode,
        weights: weights[model],
        parameters: engine.info.parameters,
        threads: engine.info.threads ?? surroundings.machine.cores,
        answers: samples.length,
        tokens_median: middle(samples, "tokens"),
        ttft_ms: middle(samples, "ttft_ms"),
        own_overhead_ms_per_token: middle(samples, "own_ms_per_token"),
        caller_own_ms_per_token: middle(samples, "caller_own_ms_per_token"),
        tokens_per_second: middle(samples, "tokens_per_second"),
        session_ms_per_token: median(samples.map(({ session_ms, tokens }) => session_ms / (tokens - 1))),
      }));
      note(
        table([
          ["", "parameters", "threads", "tokens", "tokens/s", "session ms", "own ms", "at the caller"],
          ...rows.map((row) => [
            `${row.model}, ${row.mode.replace("_", " ")}`,
            String(row.parameters),
            String(row.threads),
            row.tokens_median.toFixed(0),
            row.tokens_per_second.toFixed(0),
            row.session_ms_per_token.toFixed(3),
            row.own_overhead_ms_per_token.toFixed(4),
            row.caller_own_ms_per_token.toFixed(4),
          ]),
        ]),
      );
      // One figure for all: the worst of them, and the speed of the engine that `limbeck run` opens with the teacher.
      const shown = rows.find(({ model, mode }) => model === "teacher" && mode === "worker")!;
      return {
        own_overhead_ms_per_token: Math.max(...rows.map((row) => row.own_overhead_ms_per_token)),
        tokens_per_second: shown.tokens_per_second,
        session_ms_per_token: shown.session_ms_per_token,
        cases: rows,
        peak_rss_mb: peakRssMb(),
        rounds,
        samples: Object.fromEntries(cases.map(({ model, mode, samples }) => [`${model}.${mode}`, samples])),
        ...(await lookBack(surroundings)),
      };
    } finally {
      for (const { engine } of cases) await engine.close();
    }
  });
}

/** Own work per generated token: the teacher's and the student's size, in a worker and in process. */
export const decodeBenchmark: Benchmark = {
  summary: "what a generated token costs outside native runs, in a worker and in process",
  options: { rounds: { value: 40, help: "prompts, each answered by every engine in turn" } },
  run,
};
