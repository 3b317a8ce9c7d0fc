import * as path from "node:path";
import { createRandom } from "#limbeck/base/random.js";
import { generateToolbox } from "#limbeck/data/toolbox/generate.js";
import { monotonicMs } from "#limbeck/measure/clock.js";
import type { WeightFormat } from "#limbeck/model/weight-formats.js";
import { createPromptLookup } from "#limbeck/runtime/speculation/prompt-lookup.js";
import { createSpeculation } from "#limbeck/runtime/speculation/speculation.js";
import type { StepRunner } from "#limbeck/runtime/step-runner.js";
import type { TokenPredictor } from "#limbeck/runtime/token-predictor.js";
import { loadTokenizer, type Tokenizer } from "#limbeck/tokenizer/tokenizer.js";
import { type Benchmark, lookAround, lookBack, note, peakRssMb, table } from "./benchmark.ts";
import { repositoryPath, withTemporaryFolder } from "./repository.ts";
import {
  type Cell,
  compare,
  createOracle,
  newCell,
  plainAnswer,
  type Rivals,
  type Row,
  slowdownOf,
  summarise,
} from "./speculation-cells.ts";
import { exportTeacher, type GrownShape, openTeacher, type Teacher } from "./speculation-teacher.ts";
import { halfBillion } from "./synthetic-checkpoint.ts";

/** Chances that a drafted token stands, by drafts that nobody looked up. */
const acceptances = [0, 0.2, 0.4, 0.6, 0.8, 1];
/** Tokens of a prompt, in the matrix: it is read once for each answer, and has no part in what is measured. */
const matrixPromptTokens = 32;
/** Tokens of an answer in the matrix: the model never gets to end one. */
const matrixEnding = { endIds: new Set<number>(), maxTokens: 96 };
const mostCallTokens = 96;
/** Answers of the shipped model for one of a grown one's: its steps take a fiftieth of the time. */
const smallRounds = 8;
/** Milliseconds of a turn, and the fewest tokens of one. */
const turnMs = 6;
const fewestTurnTokens = 2;

const halfOf = (count: number): number => Math.ceil(count / 2);

type Prompts = readonly (readonly number[])[];

/** Requests of the embedded task that are answered with a call, as token ids. */
function callPrompts(tokenizer: Tokenizer, count: number): Prompts {
  const { examples } = generateToolbox({ split: "test", seed: 11, examples: 4 * count });
  return examples
    .filter(({ expect }) => expect.behaviour === "tool")
    .slice(0, count)
    .map(({ messages, tools }) => tokenizer.encodeChat(messages, tools, { addGenerationPrompt: true }));
}

/** A model as it is measured: two runners that never draft through each other's memory. */
interface Bench {
  readonly teacher: Teacher;
  readonly plain: StepRunner;
  readonly other: StepRunner;
  readonly turnTokens: number;
  readonly calls: Prompts;
  readonly short: Prompts;
}

async function prepare(teacher: Teacher, calls: Prompts): Promise<Bench> {
  const [plain, other] = [teacher.createRunner(), teacher.createRunner()];
  const short = calls.map((prompt) => prompt.slice(-matrixPromptTokens));
  await plainAnswer(plain, short[0]!, matrixEnding);
  const start = monotonicMs();
  await plainAnswer(plain, short[0]!, matrixEnding);
  const stepMs = (monotonicMs() - start) / matrixEnding.maxTokens;
  const turnTokens = Math.max(fewestTurnTokens, Math.ceil(turnMs / stepMs));
  return { teacher, plain, other, turnTokens, calls, short };
}

/** Plain decoding against auto that drafts by `predictor`. */
async function againstAuto(
  { teacher: { format }, plain, other, turnTokens }: Bench,
  predictor: TokenPredictor,
) {
  const predictors = [predictor];
  const speculation = await createSpeculation({ runner: other, format, isStepwise: true, predictors });
  return { plain, other, turnTokens, speculation };
}

async function runMatrix(bench: Bench, rounds: number) {
  const { plain, short } = bench;
  const { vocabSize } = plain.shape;
  const cells = [];
  for (const acceptance of acceptances) {
    const oracle = createOracle(acceptance, createRandom(1), vocabSize);
    cells.push({ acceptance, oracle, cell: newCell(), rivals: await againstAuto(bench, oracle) });
  }
  const texts = new Map<readonly number[], readonly number[]>();
  for (let round = 0; round < rounds; round++) {
    const prompt = short[round % short.length]!;
    const text = texts.get(prompt) ?? (await plainAnswer(plain, prompt, matrixEnding));
    texts.set(prompt, text);
    for (let turn = 0; turn < cells.length; turn++) {
      const { oracle, cell, rivals } = cells[(round + turn) % cells.length]!;
      oracle.say(text);
      await compare(cell, rivals, prompt, matrixEnding);
    }
  }
  return cells.map(({ acceptance, cell }) => ({ given_acceptance: acceptance, ...summarise(cell) }));
}

/** The other runner decodes plainly too: in the plain session, or in the one that drafts are verified in. */
async function runPlain({ plain, turnTokens, short }: Bench, other: StepRunner, rounds: number) {
  const rivals: Rivals = { plain, other, turnTokens, speculation: null };
  const cell: Cell = newCell();
  for (let round = 0; round < rounds; round++)
    await compare(cell, rivals, short[round % short.length]!, matrixEnding);
  return cell;
}

async function runCalls(bench: Bench, answers: number) {
  const rivals = await againstAuto(bench, createPromptLookup());
  const ending = { endIds: new Set([bench.teacher.endId]), maxTokens: mostCallTokens };
  for (const prompt of bench.calls.slice(0, 2)) await plainAnswer(bench.plain, prompt, ending);
  const cell = newCell();
  for (let i = 0; i < answers; i++) await compare(cell, rivals, bench.calls[i % bench.calls.length]!, ending);
  return { check: rivals.speculation.check, ...summarise(cell) };
}

/**
 * What is measured: the teacher grown to the shape that peers are compared at (494M), at a quarter of its layers where
 * a step reads four bytes a weight, and as shipped.
 */
interface Model {
  readonly name: string;
  readonly shape: GrownShape | null;
  readonly format: WeightFormat;
}
const { layers, hiddenSize, intermediateSize, vocabSize } = halfBillion;
/** Heads of 32 dimensions, a multiple of the teacher's three for keys: as wide as the shape's 14 of 64. */
const body = { layers, hiddenSize, intermediateSize, heads: 27 };
const models: readonly Model[] = [
  { name: "int4", shape: { ...body, vocabSize }, format: "int4" },
  { name: "int8-row", shape: { ...body, vocabSize }, format: "int8-row" },
  { name: "fp32", shape: { ...body, layers: layers / 4 }, format: "fp32" },
  { name: "shipped fp32", shape: null, format: "fp32" },
];

/** How many answers of each kind. */
interface Counts {
  readonly rounds: number;
  readonly answers: number;
}

async function measure({ name, shape }: Model, bench: Bench, { rounds, answers }: Counts) {
  note(`${name}: ${bench.teacher.parameters} parameters, turns of ${bench.turnTokens} tokens`);
  const isSmall = shape === null;
  const times = isSmall ? smallRounds : 1;
  const control = summarise(await runPlain(bench, bench.other, times * rounds));
  const { check, ...calls } = await runCalls(bench, times * answers);
  // Steps of a fraction of a millisecond: the matrix of a model as small is that of its calls.
  const matrix = isSmall ? [] : await runMatrix(bench, rounds);
  const stepwise = slowdownOf(await runPlain(bench, bench.teacher.createStepwiseRunner(), halfOf(rounds)));
  const rows: readonly (Row & { readonly name: string })[] = [
    { name: `${name}, control`, ...control },
    ...matrix.map((cell) => ({ name: `${name}, acceptance ${cell.given_acceptance}`, ...cell })),
    { name: `${name}, calls`, ...calls },
  ];
  return {
    rows,
    summary: {
      parameters: bench.teacher.parameters,
      turn_tokens: bench.turnTokens,
      /** Plain decoding over plain decoding: what is not 1 here is the bench's own error. */
      control: { slowdown: control.slowdown, interval: control.interval },
      worst_slowdown: Math.max(...matrix.map(({ slowdown }) => slowdown), calls.slowdown),
      copy_speedup: 1 / calls.slowdown,
      copy_speedup_interval: calls.interval.map((ratio) => 1 / ratio).reverse(),
      batch_check: check,
      /** Plain decoding in the session that verifies, over plain decoding. */
      stepwise_session: stepwise,
    },
  };
}

async function run(options: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> {
  const { rounds = 1, answers = 1 } = options;
  const surroundings = await lookAround();
  return withTemporaryFolder(async (folder) => {
    const tokenizer = loadTokenizer(repositoryPath("assets", "teacher"));
    const prompts = callPrompts(tokenizer, answers);
    const measured: Record<string, Awaited<ReturnType<typeof measure>>["summary"]> = {};
    const rows: (Row & { readonly name: string })[] = [];
    for (const model of models) {
      const { name, shape, format } = model;
      const artefact = await exportTeacher(path.join(folder, name), shape, format);
      const teacher = await openTeacher(artefact, tokenizer);
      try {
        const { summary, rows: own } = await measure(model, await prepare(teacher, prompts), {
          rounds,
          answers,
        });
        measured[name] = summary;
        rows.push(...own);
      } finally {
        teacher.close();
      }
    }
    note(
      table([
        ["", "ms/token", "over plain", "95 %", "acceptance", "runs/token", "rollback p95", "differ"],
        ...rows.map((row) => [
          row.name,
          row.plain_ms_per_token.toFixed(2),
          row.slowdown.toFixed(3),
          row.interval.map((x) => x.toFixed(3)).join(" … "),
          row.acceptance === null ? "–" : row.acceptance.toFixed(2),
          row.target_runs_per_token.toFixed(2),
          row.rollback_rate_p95 === null ? "–" : row.rollback_rate_p95.toFixed(2),
          `${row.answers_that_differ} of ${row.answers}`,
        ]),
      ]),
    );
    const grown = models.filter(({ shape }) => shape !== null);
    const all = Object.values(measured);
    const worst = rows
      .filter(({ name }) => !name.endsWith("control"))
      .reduce((one, other) => (other.slowdown > one.slowdown ? other : one));
    return {
      worst_slowdown: worst.slowdown,
      worst_slowdown_interval: worst.interval,
      worst_slowdown_row: worst.name,
      /** The smallest of the grown models'. */
      copy_speedup: Math.min(...grown.map(({ name }) => measured[name]!.copy_speedup)),
      copy_speedup_by_format: Object.fromEntries(
        grown.map(({ name, format }) => [format, measured[name]!.copy_speedup]),
      ),
      /** The control that is farthest from 1. */
      control: all
        .map(({ control }) => control.slowdown)
        .reduce((far, each) => (Math.abs(each - 1) > Math.abs(far - 1) ? each : far)),
      models: measured,
      rows,
      rounds,
      peak_rss_mb: peakRssMb(),
      ...(await lookBack(surroundings)),
    };
  });
}

/** What drafting costs where it does not help, and gains where answers copy from the request. */
export const speculationBenchmark: Benchmark = {
  summary: "auto speculation over plain decoding, over acceptance rates and on calls that copy",
  options: {
    rounds: { value: 4, help: "answers of each acceptance rate" },
    answers: { value: 40, help: "calls, each made both ways" },
  },
  run,
};
