import { createRandom, type Random } from "#limbeck/base/random.js";
import { percentile } from "#limbeck/measure/statistics.js";
import { generateStep } from "#limbeck/runtime/generate-step.js";
import { createSampler, resolveSampling } from "#limbeck/runtime/sampling.js";
import type { Speculation, SpeculationRun } from "#limbeck/runtime/speculation/speculation.js";
import type { StepRunner } from "#limbeck/runtime/step-runner.js";
import type { TokenPredictor } from "#limbeck/runtime/token-predictor.js";
import type { SpeculationReport } from "#limbeck/runtime/types.js";
import { type Generation, takeTurns } from "./turns.ts";

/** When an answer ends. */
export interface Ending {
  readonly endIds: ReadonlySet<number>;
  readonly maxTokens: number;
}

/** Two runners of one model: one decodes plainly, the other as `speculation` says, or plainly too. */
export interface Rivals {
  readonly plain: StepRunner;
  readonly other: StepRunner;
  readonly speculation: Speculation | null;
  /** Tokens that each makes before it is the other's turn. */
  readonly turnTokens: number;
}

/** One greedy answer. */
function generationOf(
  promptIds: readonly number[],
  { endIds, maxTokens }: Ending,
  drafts: SpeculationRun | null,
): Generation {
  return (runner, onToken) =>
    generateStep(runner, createSampler(runner.shape.vocabSize), promptIds, {
      sampling: resolveSampling({ temperature: 0, seed: 1 }),
      endIds,
      maxTokens,
      ...(drafts?.drafter ? { drafter: drafts.drafter } : {}),
      onToken: (id) => {
        onToken(id);
        return true;
      },
    });
}

/** What plain decoding says, untimed. */
export async function plainAnswer(
  runner: StepRunner,
  promptIds: readonly number[],
  ending: Ending,
): Promise<readonly number[]> {
  const ids: number[] = [];
  await generationOf(promptIds, ending, null)(runner, (id) => ids.push(id));
  return ids;
}

/** Drafts what plain decoding will say, each token spoilt with a chance of its own. */
export function createOracle(
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

/** Answers made by both. */
export interface Cell {
  readonly plainMs: number[];
  readonly otherMs: number[];
  readonly reports: SpeculationReport[];
  tokens: number;
  differing: number;
}

export const newCell = (): Cell => ({ plainMs: [], otherMs: [], reports: [], tokens: 0, differing: 0 });

/** Both make one answer, in turns; which of them begins alternates over a cell's answers. */
export async function compare(
  cell: Cell,
  { plain, other, speculation, turnTokens }: Rivals,
  promptIds: readonly number[],
  ending: Ending,
): Promise<void> {
  const drafts = speculation?.begin("auto") ?? null;
  const [a, b] = await takeTurns(
    [plain, other],
    [generationOf(promptIds, ending, null), generationOf(promptIds, ending, drafts)],
    turnTokens,
    cell.plainMs.length % 2 === 0,
  );
  cell.plainMs.push(a.decodeMs);
  cell.otherMs.push(b.decodeMs);
  if (drafts) cell.reports.push(drafts.report(b.ids.length));
  cell.tokens += a.ids.length;
  if (a.ids.join() !== b.ids.join()) cell.differing++;
}

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** All of the other's decode time over all of plain's, with its 95 % interval over answers: they are of many lengths. */
export function slowdownOf({ plainMs, otherMs }: Cell): {
  readonly slowdown: number;
  readonly interval: readonly [number, number];
} {
  const random = createRandom(1);
  const ratio = (chosen: readonly number[]): number =>
    sum(chosen.map((i) => otherMs[i]!)) / sum(chosen.map((i) => plainMs[i]!));
  const all = plainMs.map((_, i) => i);
  const drawn = Array.from({ length: 1000 }, () => ratio(all.map(() => random.pick(all))));
  return { slowdown: ratio(all), interval: [percentile(drawn, 2.5), percentile(drawn, 97.5)] };
}

/** What a row of the document says of its answers. */
export function summarise(cell: Cell) {
  const { plainMs, otherMs, reports, tokens, differing } = cell;
  const proposed = sum(reports.map((report) => report.proposed));
  const accepted = sum(reports.map((report) => report.accepted));
  const rollbacks = reports
    .filter((report) => report.proposed > 0)
    .map((report) => (report.proposed - report.accepted) / report.proposed);
  return {
    ...slowdownOf(cell),
    answers: plainMs.length,
    tokens,
    answers_that_differ: differing,
    plain_ms_per_token: sum(plainMs) / (tokens - plainMs.length),
    proposed,
    acceptance: proposed === 0 ? null : accepted / proposed,
    rollback_rate_p95: rollbacks.length === 0 ? null : percentile(rollbacks, 95),
    target_runs_per_token:
      reports.length === 0 ? 1 : sum(reports.map((report) => report.targetRuns)) / (tokens - plainMs.length),
    off_because: reports.at(-1)?.offBecause ?? null,
    plain_ms: plainMs,
    other_ms: otherMs,
  };
}

export type Row = ReturnType<typeof summarise>;
