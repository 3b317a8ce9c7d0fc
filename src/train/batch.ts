import { invariant } from "../base/errors.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { classColumns, type LossPart } from "./losses.ts";
import type { TrainingRow } from "./rows.ts";
import type { BatchShape } from "./shapes.ts";
import { needsTopk } from "./step-graph.ts";
import type { TopkStore } from "./topk-file.ts";

export interface SpecialIds {
  readonly pad: number;
  /** Ends an assistant turn. */
  readonly end: number;
  /** Opens a call. */
  readonly call: number;
}

/** Sums over all micro-batches of a step, so that each part is a mean over the whole step. */
export interface StepTotals {
  ce: number;
  early: number;
  kl: number;
  priorRows: number;
}

export interface BatchOptions {
  readonly shape: BatchShape;
  readonly parts: readonly LossPart[];
  readonly k: number;
  readonly earlyTokens: number;
  readonly specials: SpecialIds;
  /** Which rows the early-call prior looks at. */
  readonly priorOn: "teacher_rows" | "all";
}

export function emptyTotals(): StepTotals {
  return { ce: 0, early: 0, kl: 0, priorRows: 0 };
}

function hasPrior(row: TrainingRow, priorOn: BatchOptions["priorOn"]): boolean {
  return row.shouldCall && (priorOn === "all" || row.voice === "teacher");
}

/** Adds the rows of one micro-batch to the step's totals. */
export function countRows(
  totals: StepTotals,
  rows: readonly TrainingRow[],
  options: Pick<BatchOptions, "priorOn">,
  topk: TopkStore | null,
): void {
  for (const row of rows) {
    for (let j = 0; j < row.positions.length; j++) {
      totals.ce += row.ceWeight[j]!;
      totals.early += row.earlyWeight[j]!;
    }
    totals.kl += topk?.find(row.exampleId, row.voice)?.count ?? 0;
    if (hasPrior(row, options.priorOn)) totals.priorRows++;
  }
}

/** The low words of an int64 tensor; the high words stay 0, as ids and indices are not negative. */
function lowWords(tensor: Tensor): Int32Array {
  const { buffer, byteOffset, length } = tensor.data as BigInt64Array;
  return new Int32Array(buffer, byteOffset, length * 2);
}

/** Marks an entry of `positions` that no completion position fills; see `pointDummies`. */
const unset = -1;

/** Forgets every position: `positions` holds the low words of int64. */
export function forgetPositions(positions: Int32Array): void {
  for (let at = 0; at < positions.length; at += 2) positions[at] = unset;
}

/**
 * Points the entries that are still unset at rows, of `rows`, that no other entry reads: the graph's gather takes
 * distinct positions. What they read has no weight in any loss.
 */
export function pointDummies(positions: Int32Array, rows: number): void {
  invariant(positions.length <= 2 * rows, `${positions.length / 2} positions in ${rows} rows`);
  const isRead = new Uint8Array(rows);
  for (let at = 0; at < positions.length; at += 2) {
    const row = positions[at]!;
    if (row === unset) continue;
    invariant(isRead[row] === 0, `position ${row} is read once`);
    isRead[row] = 1;
  }
  let free = 0;
  for (let at = 0; at < positions.length; at += 2) {
    if (positions[at] !== unset) continue;
    while (isRead[free]) free++;
    positions[at] = free++;
  }
}

/** Memory of one micro-batch of one shape, allocated once and filled at every step. */
export interface BatchBuffers {
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** Writes rows; parts are divided by `totals`. Returns tokens that are no padding. */
  fill(rows: readonly TrainingRow[], totals: StepTotals, topk: TopkStore | null): number;
}

const inverse = (x: number): number => (x > 0 ? 1 / x : 0);

export function createBatchBuffers(options: BatchOptions): BatchBuffers {
  const { shape, parts, specials, earlyTokens } = options;
  const { rows: B, tokens: T, completions: M } = shape;
  const k = needsTopk(parts) ? options.k : 0;
  const width = classColumns.topk + k;
  const inputs: Record<string, Tensor> = {
    ids: zeros("int64", [B, T]),
    positions: zeros("int64", [M]),
    classes: zeros("int64", [M, width]),
  };
  const floats = (name: string, sizes: readonly number[], isNeeded: boolean): Float32Array => {
    const made = zeros("float32", isNeeded ? sizes : [0]);
    if (isNeeded) inputs[name] = made;
    return made.data as Float32Array;
  };
  const hasPriorPart = parts.includes("early_prior");
  const ids = lowWords(inputs["ids"]!);
  const positions = lowWords(inputs["positions"]!);
  const classes = lowWords(inputs["classes"]!);
  const ceWeight = floats("ce_weight", [M], parts.includes("ce"));
  const earlyWeight = floats("early_weight", [M], parts.includes("early_ce"));
  const klWeight = floats("kl_weight", [M], k > 0);
  // The tail part alone reads no teacher probabilities: its ids are enough.
  const teacher = floats("teacher", [M, k + 1], parts.includes("kl"));
  const scratch = new Float32Array(k + 1);
  const earlyMask = floats("early_mask", [B, earlyTokens], hasPriorPart);
  const earlyRowWeight = floats("early_row_weight", [B], hasPriorPart);
  let earlyGrid: Int32Array = new Int32Array(0);
  if (hasPriorPart) {
    inputs["early_grid"] = zeros("int64", [B, earlyTokens]);
    earlyGrid = lowWords(inputs["early_grid"]);
  }
  // A dummy position has weight 0; its teacher is uniform, so that nothing is infinite.
  const uniform = -Math.log(k + 1);

  const clear = (): void => {
    for (let i = 0; i < B * T; i++) ids[2 * i] = specials.pad;
    forgetPositions(positions);
    classes.fill(0);
    for (const weights of [ceWeight, earlyWeight, klWeight, earlyMask, earlyRowWeight]) weights.fill(0);
    teacher.fill(uniform);
    earlyGrid.fill(0);
  };

  return {
    inputs,
    fill(rows, totals, topk) {
      invariant(rows.length <= B, `${rows.length} rows in a batch of ${B}`);
      clear();
      const share = {
        ce: inverse(totals.ce),
        early: inverse(totals.early),
        kl: inverse(totals.kl),
        prior: inverse(totals.priorRows),
      };
      let m = 0;
      let tokens = 0;
      rows.forEach((row, r) => {
        invariant(
          row.ids.length <= T && m + row.positions.length <= M,
          `row ${row.exampleId} fits the shape`,
        );
        tokens += row.ids.length;
        for (let i = 0; i < row.ids.length; i++) ids[2 * (r * T + i)] = row.ids[i]!;
        const stored = k > 0 ? topk?.find(row.exampleId, row.voice) : undefined;
        let record = stored?.start ?? 0;
        const isPrior = hasPriorPart && hasPrior(row, options.priorOn);
        if (isPrior) earlyRowWeight[r] = share.prior;
        for (let j = 0; j < row.positions.length; j++, m++) {
          positions[2 * m] = r * T + row.positions[j]!;
          const at = m * width;
          classes[2 * (at + classColumns.target)] = row.targets[j]!;
          classes[2 * (at + classColumns.end)] = specials.end;
          classes[2 * (at + classColumns.call)] = specials.call;
          if (ceWeight.length > 0) ceWeight[m] = row.ceWeight[j]! * share.ce;
          if (earlyWeight.length > 0) earlyWeight[m] = row.earlyWeight[j]! * share.early;
          if (stored && row.klMask[j]) {
            klWeight[m] = share.kl;
            const logs = teacher.length > 0 ? teacher : scratch;
            const logsAt = teacher.length > 0 ? m * (k + 1) : 0;
            topk?.read(record++, classes, 2 * (at + classColumns.topk), 2, logs, logsAt);
          }
          if (isPrior && j < earlyTokens && j < row.firstTurn) {
            earlyGrid[2 * (r * earlyTokens + j)] = m;
            earlyMask[r * earlyTokens + j] = 1;
          }
        }
        invariant(
          !stored || record === stored.start + stored.count,
          `top-k of ${row.exampleId} fits its row`,
        );
      });
      pointDummies(positions, B * T);
      return tokens;
    },
  };
}
