import * as path from "node:path";
import { createRandom, type Random } from "#limbeck/base/random.js";
import { generateToolbox } from "#limbeck/data/toolbox/generate.js";
import { monotonicMs } from "#limbeck/measure/clock.js";
import { percentile } from "#limbeck/measure/statistics.js";
import type { WeightFormat } from "#limbeck/model/weight-formats.js";
import { generateStep } from "#limbeck/runtime/generate-step.js";
import { createSampler, resolveSampling, type Sampler } from "#limbeck/runtime/sampling.js";
import { createPromptLookup } from "#limbeck/runtime/speculation/prompt-lookup.js";
import { createSpeculation, type Speculation } from "#limbeck/runtime/speculation/speculation.js";
import type { StepRunner } from "#limbeck/runtime/step-runner.js";
import type { TokenPredictor } from "#limbeck/runtime/token-predictor.js";
import type { SpeculationMode, SpeculationReport } from "#limbeck/runtime/types.js";
import { loadTokenizer, type Tokenizer } from "#limbeck/tokenizer/tokenizer.js";
import { type Benchmark, lookAround, lookBack, note, peakRssMb, table } from "./benchmark.ts";
import { repositoryPath, withTemporaryFolder } from "./repository.ts";
import { ratioOf, runRounds } from "./rounds.ts";
import { exportTeacher, openTeacher, type Teacher } from "./speculation-teacher.ts";

/** Chances that a drafted token stands, by drafts that nobody looked up. */
const acceptances = [0, 0.2, 0.4, 0.6, 0.8, 1];
/** Tokens of an answer in the matrix: the model never gets to end one. */
const matrixTokens = 96;
/** Of a prompt, in the matrix: it is read once for each answer, and has no part in what is measured. */
const matrixPromptTokens = 32;
const mostCallTokens = 96;

/** A target with what it learned about drafting. */
interface Target {
  readonly runner: StepRunner;
  readonly sampler: Sampler;
  readonly speculation: Speculation;
}

interface Answer {
  readonly ids: readonly number[];
  /** After the first token. */
  readonly decodeMs: number;
  readonly report: SpeculationReport;
}

async function answer(
  { runner, sampler, speculation }: Target,
  promptIds: readonly number[],
  mode: SpeculationMode,
  { endIds, maxTokens }: { readonly endIds: ReadonlySet<number>; readonly maxTokens: number },
): Promise<Answer> {
  const { drafter, report } = speculation.begin(mode);
  const ids: number[] = [];
  let firstAt = 0;
  await generateStep(runner, sampler, promptIds, {
    sampling: resolveSampling({ temperature: 0, seed: 1 }),
    endIds,
    maxTokens,
    ...(drafter ? { drafter } : {}),
    onToken: (id, atMs) => {
      if (ids.push(id) === 1) firstAt = atMs;
      return true;
    },
  });
  return { ids, decodeMs: monotonicMs() - firstAt, report: report(ids.length) };
}

/** Drafts what plain decoding will say, each token spoilt with a chance of its own. */
function createOracle(
  acceptance: number,
  random: Random,
  vocabSize: number,
): TokenPredictor & { say(ids: readonly number[]): void } {
  let whole: readonly number[] = [];
  let made = 0;
  return {
    name: "prompt_lookup",
    say: (ids) => {
      whole = ids;
    },
    begin: () => {
      made = 0;
    },
    propose: (most) =>
      whole.slice(made, made + most).map((id) => (random.next() < acceptance ? id : (id + 1) % vocabSize)),
    accept: (ids) => {
      made += ids.length;
    },
    close: () => undefined,
  };
}

/** Both ways of answering, turn by turn: who begins alternates. */
interface Pairs {
  readonly plainMs: number[];
  readonly autoMs: number[];
  readonly reports: SpeculationReport[];
  tokens: number;
  differing: number;
}

const newPairs = (): Pairs => ({ plainMs: [], autoMs: [], reports: [], tokens: 0, differing: 0 });

async function compare(
  pairs: Pairs,
  target: Target,
  promptIds: readonly number[],
  isPlainFirst: boolean,
  options: Parameters<typeof answer>[3],
): Promise<void> {
  const modes = isPlainFirst ? (["off", "auto"] as const) : (["auto", "off"] as const);
  const found: Partial<Record<SpeculationMode, Answer>> = {};
  for (const mode of modes) found[mode] = await answer(target, promptIds, mode, options);
  const { off, auto } = found as Record<"off" | "auto", Answer>;
  pairs.plainMs.push(off.decodeMs);
  pairs.autoMs.push(auto.decodeMs);
  pairs.reports.push(auto.report);
  pairs.tokens += off.ids.length;
  if (off.ids.join() !== auto.ids.join()) pairs.differing++;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** All of auto's decode time over all of plain's, with its 95 % interval over answers: they are of many lengths. */
function totalOf(plainMs: readonly number[], autoMs: readonly number[]) {
  const random = createRandom(1);
  const ratio = (chosen: readonly number[]): number =>
    sum(chosen.map((i) => autoMs[i]!)) / sum(chosen.map((i) => plainMs[i]!));
  const all = plainMs.map((_, i) => i);
  const drawn = Array.from({ length: 1000 }, () => ratio(all.map(() => random.pick(all))));
  return {
    total_slowdown: ratio(all),
    total_interval: [percentile(drawn, 2.5), percentile(drawn, 97.5)] as const,
  };
}

/** What a row of the document says of its pairs. */
function summarise({ plainMs, autoMs, reports, tokens, differing }: Pairs) {
  const proposed = sum(reports.map((report) => report.proposed));
  const accepted = sum(reports.map((report) => report.accepted));
  const rollbacks = reports
    .filter((report) => report.proposed > 0)
    .map((report) => (report.proposed - report.accepted) / report.proposed);
  const { ratio, interval } = ratioOf(plainMs, autoMs);
  return {
    /** Median of auto's decode time over the median of plain's, in pairs. */
    slowdown: ratio,
    interval,
    ...totalOf(plainMs, autoMs),
    answers: plainMs.length,
    tokens,
    answers_that_differ: differing,
    acceptance: proposed === 0 ? null : accepted / proposed,
    rollback_rate_p95: rollbacks.length === 0 ? null : percentile(rollbacks, 95),
    target_runs_per_token: sum(reports.map((report) => report.targetRuns)) / (tokens - plainMs.length),
    off_because: reports.at(-1)?.offBecause ?? null,
    plain_ms: plainMs,
    auto_ms: autoMs,
  };
}

/** Requests of the embedded task that are answered with a call, as token ids. */
function callPrompts(tokenizer: Tokenizer, count: number): readonly (readonly number[])[] {
  const { examples } = generateToolbox({ split: "test", seed: 5, examples: 4 * count });
  return examples
    .filter(({ expect }) => expect.behaviour === "tool")
    .slice(0, count)
    .map(({ messages, tools }) => tokenizer.encodeChat(messages, tools, { addGenerationPrompt: true }));
}

async function openTarget({ runner, format }: Teacher, predictor: TokenPredictor): Promise<Target> {
  return {
    runner,
    sampler: createSampler(runner.shape.vocabSize),
    speculation: await createSpeculation({ runner, format, isStepwise: true, predictors: [predictor] }),
  };
}

async function runMatrix(teacher: Teacher, prompts: readonly (readonly number[])[], rounds: number) {
  const noEnd = { endIds: new Set<number>(), maxTokens: matrixTokens };
  const { vocabSize } = teacher.runner.shape;
  const cells = [];
  for (const acceptance of acceptances) {
    const oracle = createOracle(acceptance, createRandom(1), vocabSize);
    cells.push({ acceptance, oracle, pairs: newPairs(), target: await openTarget(teacher, oracle) });
  }
  const short = prompts.map((prompt) => prompt.slice(-matrixPromptTokens));
  const texts = new Map<readonly number[], readonly number[]>();
  for (let round = 0; round < rounds; round++) {
    const prompt = short[round % prompts.length]!;
    for (let turn = 0; turn < cells.length; turn++) {
      const { oracle, pairs, target } = cells[(round + turn) % cells.length]!;
      if (!texts.has(prompt)) texts.set(prompt, (await answer(target, prompt, "off", noEnd)).ids);
      oracle.say(texts.get(prompt)!);
      await compare(pairs, target, prompt, (round + turn) % 2 === 0, noEnd);
    }
    note(`matrix: round ${round + 1} of ${rounds}`);
  }
  return cells.map(({ acceptance, pairs }) => ({ given_acceptance: acceptance, ...summarise(pairs) }));
}

/** Plain decoding by the session that drafts are verified in, over plain decoding by the plain one. */
async function runOnlyStepwise(teacher: Teacher, prompts: readonly (readonly number[])[], rounds: number) {
  const { onlyStepwise } = teacher;
  const prompt = prompts[0]!.slice(-matrixPromptTokens);
  const target = await openTarget(teacher, createPromptLookup());
  const noEnd = { endIds: new Set<number>(), maxTokens: matrixTokens };
  const times = await runRounds(
    {
      plain: async () => (await answer(target, prompt, "off", noEnd)).decodeMs,
      stepwise: async () =>
        (await answer({ ...target, runner: onlyStepwise }, prompt, "off", noEnd)).decodeMs,
    },
    { rounds, pauseMs: 5 },
  );
  return ratioOf(times.plain, times.stepwise);
}

async function runCopies(teacher: Teacher, prompts: readonly (readonly number[])[], rounds: number) {
  const target = await openTarget(teacher, createPromptLookup());
  const options = { endIds: new Set([teacher.endId]), maxTokens: mostCallTokens };
  const pairs = newPairs();
  for (const prompt of prompts.slice(0, 2)) await answer(target, prompt, "off", options);
  for (let round = 0; round < rounds; round++)
    await compare(pairs, target, prompts[round % prompts.length]!, round % 2 === 0, options);
  return { check: target.speculation.check, ...summarise(pairs) };
}

/** What is measured: the teacher as shipped, and widened to a size at which a step is mostly weights. */
interface Model {
  readonly name: string;
  /** Times the width asked for; null: as shipped. */
  readonly widths: number | null;
  readonly format: WeightFormat;
}
const models: readonly Model[] = [
  { name: "int4", widths: 2, format: "int4" },
  { name: "fp32", widths: 1, format: "fp32" },
  { name: "shipped fp32", widths: null, format: "fp32" },
];

async function measure(
  name: string,
  teacher: Teacher,
  prompts: readonly (readonly number[])[],
  {
    rounds,
    answers,
    isWide,
  }: { readonly rounds: number; readonly answers: number; readonly isWide: boolean },
) {
  note(`${name}: ${teacher.parameters} parameters`);
  const { check, ...copies } = await runCopies(teacher, prompts, answers);
  // Steps of a fraction of a millisecond: the matrix of a model as small is that of its copies.
  const matrix = isWide ? await runMatrix(teacher, prompts, rounds) : [];
  const onlyStepwise = await runOnlyStepwise(teacher, prompts, 2 * rounds);
  const rows = [
    ...matrix.map((cell) => ({ name: `${name}, acceptance ${cell.given_acceptance}`, ...cell })),
    { name: `${name}, calls`, ...copies },
  ];
  return {
    rows,
    summary: {
      parameters: teacher.parameters,
      worst_slowdown: Math.max(...matrix.map(({ slowdown }) => slowdown), copies.total_slowdown),
      copy_speedup: 1 / copies.total_slowdown,
      copy_speedup_interval: copies.total_interval.map((ratio) => 1 / ratio).reverse(),
      max_logit_difference: check.maxLogitDifference,
      /** Plain decoding in the session that verifies, over plain decoding. */
      stepwise_session: onlyStepwise,
    },
  };
}

async function run(options: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> {
  const { rounds = 1, answers = 1, width = 1 } = options;
  const surroundings = await lookAround();
  return withTemporaryFolder(async (folder) => {
    const tokenizer = loadTokenizer(repositoryPath("assets", "teacher"));
    const prompts = callPrompts(tokenizer, answers);
    const measured: Record<string, Awaited<ReturnType<typeof measure>>["summary"]> = {};
    const rows: Awaited<ReturnType<typeof measure>>["rows"] = [];
    for (const { name, widths, format } of models) {
      const isWide = widths !== null;
      const artefact = await exportTeacher(path.join(folder, name), isWide ? widths * width : null, format);
      const teacher = await openTeacher(artefact, tokenizer);
      try {
        const { summary, rows: own } = await measure(name, teacher, prompts, { rounds, answers, isWide });
        measured[name] = summary;
        rows.push(...own);
      } finally {
        teacher.close();
      }
    }
    note(
      table([
        ["", "ms/token", "auto/plain", "in total", "acceptance", "runs/token", "rollback p95", "differ"],
        ...rows.map((row) => [
          row.name,
          (sum(row.plain_ms) / (row.tokens - row.answers)).toFixed(2),
          `${row.slowdown.toFixed(3)} (${row.interval.map((x) => x.toFixed(3)).join(" … ")})`,
          row.total_slowdown.toFixed(3),
          row.acceptance === null ? "–" : row.acceptance.toFixed(2),
          row.target_runs_per_token.toFixed(2),
          row.rollback_rate_p95 === null ? "–" : row.rollback_rate_p95.toFixed(2),
          `${row.answers_that_differ} of ${row.answers}`,
        ]),
      ]),
    );
    const wide = models.filter(({ widths }) => widths !== null).map(({ name }) => measured[name]!);
    return {
      worst_slowdown: Math.max(...Object.values(measured).map((each) => each.worst_slowdown)),
      /** The smaller of the widened models'. */
      copy_speedup: Math.min(...wide.map((each) => each.copy_speedup)),
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
    rounds: { value: 8, help: "answers of each acceptance rate" },
    answers: { value: 40, help: "calls, each made both ways" },
    width: { value: 8192, help: "feed-forward width of the widened teacher; twice that in int4" },
  },
  run,
};
