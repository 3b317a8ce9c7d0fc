import * as path from "node:path";
import { createRandom, type Random } from "#limbeck/base/random.js";
import { generateToolbox } from "#limbeck/data/toolbox/generate.js";
import { monotonicMs } from "#limbeck/measure/clock.js";
import { mean, median, percentile } from "#limbeck/measure/statistics.js";
import { exportArtefact, openArtefactSession } from "#limbeck/model/artefact.js";
import {
  type AnswerRules,
  createGrammarCompiler,
  type GrammarCompiler,
  type GrammarTokenizer,
} from "#limbeck/runtime/grammar/compiler.js";
import { createStepRunner } from "#limbeck/runtime/step-runner.js";
import { loadTokenizer, type Tokenizer } from "#limbeck/tokenizer/tokenizer.js";
import { type Benchmark, lookAround, lookBack, note, table } from "./benchmark.ts";
import { repositoryPath, withTemporaryFolder } from "./repository.ts";
import { halfBillion, writeSyntheticCheckpoint } from "./synthetic-checkpoint.ts";

/** Logits of a Qwen 2.5 model. */
const { vocabSize } = halfBillion;
/** Tokens before the steps that grammars are held against. */
const promptTokens = 512;
const stepsEachRound = 16;

/**
 * The shipped tokenizer with pairs of its tokens as further tokens, up to `vocabSize`: byte-level as Qwen's, so that
 * masks have as much to decide. Texts are encoded with the shipped tokens.
 */
function widenTokenizer(shipped: Tokenizer, random: Random): GrammarTokenizer {
  const tokens = Array.from({ length: shipped.vocabSize }, (_, id) => shipped.tokenBytes(id));
  const plain = tokens.map((_, id) => id).filter((id) => !shipped.isSpecial(id));
  const known = new Set(tokens.map((bytes) => bytes.join()));
  while (tokens.length < vocabSize) {
    const pair = Uint8Array.of(...tokens[random.pick(plain)]!, ...tokens[random.pick(plain)]!);
    if (known.has(pair.join())) continue;
    known.add(pair.join());
    tokens.push(pair);
  }
  return {
    vocabSize,
    eosIds: shipped.eosIds,
    encode: (text) => shipped.encode(text),
    encodePlain: (text) => shipped.encodePlain(text),
    idOf: (token) => shipped.idOf(token),
    isSpecial: (id) => id < shipped.vocabSize && shipped.isSpecial(id),
    tokenBytes: (id) => tokens[id]!,
  };
}

const answers = {
  tools: (seed: number): AnswerRules => ({
    tools: generateToolbox({ split: "test", seed, examples: 1 }).examples[0]!.tools,
    toolChoice: "required",
    responseFormat: { type: "text" },
    callFormat: "limbeck",
  }),
  json_object: (): AnswerRules => ({
    tools: [],
    toolChoice: "auto",
    responseFormat: { type: "json_object" },
    callFormat: "hermes",
  }),
  // Counts are what a mask alone cannot enforce in time.
  counted_schema: (seed: number): AnswerRules => ({
    tools: [],
    toolChoice: "auto",
    responseFormat: {
      type: "json_schema",
      schema: {
        type: "object",
        properties: {
          title: { type: "string", minLength: 5, maxLength: 40 + (seed % 40) },
          code: { type: "string", pattern: "^[A-Z]{3}-[0-9]{4}$" },
          count: { type: "integer", minimum: 1, maximum: 500 },
        },
        required: ["title", "code", "count"],
      },
    },
    callFormat: "hermes",
  }),
} as const;
type AnswerName = keyof typeof answers;

interface Times {
  /** Of each token that a mask was made for. */
  readonly maskMs: number[];
  /** Taking that token and asking what is forced behind it. */
  readonly takeMs: number[];
  /** The first mask of a grammar that was not kept, and the same with one that was. */
  readonly coldMs: number[];
  readonly keptMs: number[];
  forcedTokens: number;
}

const maxTokens = 160;

/** One answer of a model that says anything: the logits are noise, drawn once and shifted from token to token. */
async function answerOnce(
  compiler: GrammarCompiler,
  rules: AnswerRules,
  endId: number,
  noise: Float32Array,
  random: Random,
  times: Times,
): Promise<void> {
  const logits = new Float32Array(vocabSize);
  const first = async (): Promise<number> => {
    const begun = performance.now();
    const constraint = (await compiler.forChat(rules))!;
    constraint.begin(maxTokens);
    for (const id of constraint.forced()) constraint.accept(id);
    logits.fill(0);
    constraint.mask(logits);
    const ms = performance.now() - begun;
    constraint.close();
    return ms;
  };
  times.coldMs.push(await first());
  times.keptMs.push(await first());

  const constraint = (await compiler.forChat(rules))!;
  constraint.begin(maxTokens);
  for (let made = 0; made < maxTokens; ) {
    const from = random.integer(noise.length - vocabSize);
    logits.set(noise.subarray(from, from + vocabSize));
    const begun = performance.now();
    constraint.mask(logits);
    const masked = performance.now();
    let best = 0;
    for (let id = 1; id < vocabSize; id++) if (logits[id]! > logits[best]!) best = id;
    const chosen = performance.now();
    constraint.accept(best);
    const forced = best === endId ? [] : constraint.forced();
    const taken = performance.now();
    times.maskMs.push(masked - begun);
    times.takeMs.push(taken - chosen);
    times.forcedTokens += forced.length;
    made += 1 + forced.length;
    if (best === endId || forced.includes(endId)) break;
    for (const id of forced) constraint.accept(id);
  }
  constraint.close();
}

/** The decode step that a grammar's cost is a share of: 0.5B parameters at int4, after a prompt. */
interface Stepper {
  /** Milliseconds of each of some steps. */
  times(): Promise<readonly number[]>;
  close(): void;
}

async function openStepper(folder: string): Promise<Stepper> {
  const [checkpoint, artefact] = [path.join(folder, "checkpoint"), path.join(folder, "artefact")];
  writeSyntheticCheckpoint(checkpoint, halfBillion);
  await exportArtefact(checkpoint, artefact, { format: "int4" });
  const { config, session } = await openArtefactSession(artefact);
  const runner = createStepRunner(session, config, { blocking: true });
  const idAt = (i: number): number => (7919 * (i + 1)) % vocabSize;
  await runner.prefill(Array.from({ length: promptTokens }, (_, i) => idAt(i)));
  return {
    times: async () => {
      const times: number[] = [];
      for (let i = 0; i < stepsEachRound; i++) {
        const begun = monotonicMs();
        await runner.decode(idAt(i));
        times.push(monotonicMs() - begun);
      }
      runner.rewind(promptTokens);
      return times;
    },
    close: () => {
      runner.close();
      session.close();
    },
  };
}

const run = (options: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> =>
  withTemporaryFolder(async (folder) => {
    const stepper = await openStepper(folder);
    try {
      return await measure(options, stepper);
    } finally {
      stepper.close();
    }
  });

async function measure(
  { rounds = 1 }: Readonly<Record<string, number>>,
  stepper: Stepper,
): Promise<Readonly<Record<string, unknown>>> {
  const surroundings = await lookAround();
  const random = createRandom(1);
  const shipped = loadTokenizer(repositoryPath("assets", "tokenizer"));
  const tokenizer = widenTokenizer(shipped, random);
  const noise = Float32Array.from({ length: 4 * vocabSize }, () => random.normal());
  const compiler = createGrammarCompiler(tokenizer, vocabSize, { mostKept: 4 * rounds });
  const opening = performance.now();
  (await compiler.forChat(answers.json_object()))!.close();
  const openMs = performance.now() - opening;
  const names = Object.keys(answers) as AnswerName[];
  const times = Object.fromEntries(
    names.map((name) => [name, { maskMs: [], takeMs: [], coldMs: [], keptMs: [], forcedTokens: 0 }]),
  ) as unknown as { readonly [N in AnswerName]: Times };
  const steps: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      await answerOnce(compiler, answers[name](round), shipped.eosId, noise, random, times[name]);
    }
    steps.push(...(await stepper.times()));
  }
  compiler.close();

  const rows = names.map((name) => {
    const { maskMs, takeMs, coldMs, keptMs, forcedTokens } = times[name];
    return {
      name,
      tokens: maskMs.length,
      forced_tokens: forcedTokens,
      mask_ms_p50: median(maskMs),
      mask_ms_p95: percentile(maskMs, 95),
      take_ms_p50: median(takeMs),
      compile_ms_p50: median(coldMs),
      compile_ms_max: Math.max(...coldMs),
      kept_ms_p50: median(keptMs),
    };
  });
  note(
    table([
      ["", "tokens", "forced", "mask p50", "p95", "take p50", "compile p50", "max", "kept p50 (ms)"],
      ...rows.map((row) => [
        row.name,
        String(row.tokens),
        String(row.forced_tokens),
        row.mask_ms_p50.toFixed(3),
        row.mask_ms_p95.toFixed(3),
        row.take_ms_p50.toFixed(3),
        row.compile_ms_p50.toFixed(1),
        row.compile_ms_max.toFixed(1),
        row.kept_ms_p50.toFixed(3),
      ]),
    ]),
  );
  const all = names.flatMap((name) => times[name].maskMs);
  const perToken = names.flatMap((name) => times[name].maskMs.map((ms, i) => ms + times[name].takeMs[i]!));
  return {
    mask_ms_p50: median(all),
    mask_ms_p95: percentile(all, 95),
    // Mask, acceptance and the question for forced tokens: of a token on average, and of the middle one.
    step_share: mean(perToken) / median(steps),
    step_share_p50: median(perToken) / median(steps),
    step_ms: median(steps),
    vocabulary: vocabSize,
    open_ms: openMs,
    cases: rows,
    rounds,
    ...(await lookBack(surroundings)),
  };
}

export const grammarBenchmark: Benchmark = {
  summary: "masks and forced tokens of grammars at 151,936 tokens, as a share of a decode step (0.5B, int4)",
  options: {
    rounds: { value: 12, help: "answers of each kind" },
  },
  run,
};
