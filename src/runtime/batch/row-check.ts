import type { BatchRow, BatchStepper } from "./batch-stepper.ts";

/** What running rows side by side did to their bits. */
export interface RowCheck {
  /** Logits that were compared, bit by bit, with those of runs of one row. */
  readonly compared: number;
  readonly differing: number;
  /** Null: there is no room for a comparison. */
  readonly maxLogitDifference: number | null;
  readonly isKvEqual: boolean;
  /** Why rows may not run side by side; null: they give the very bits of runs of one. */
  readonly refusal: string | null;
}

/** Tokens that each row decodes, alone and in company. */
const steps = 3;

interface Decoded {
  readonly logits: readonly Float32Array[];
  /** Keys and values of the decoded tokens. */
  readonly kv: Uint8Array;
}

/** Any tokens do: spread over the vocabulary, other ones and another number of them in each row. */
function promptOf(row: number, { vocabSize, contextLength }: BatchRow["runner"]["shape"]): number[] {
  const length = Math.min(5 + 3 * row, contextLength - steps);
  return Array.from({ length }, (_, i) => (7919 * (i + 1) + 31 * row) % vocabSize);
}

async function decode({ runner, enter, leave }: BatchRow, row: number): Promise<Decoded> {
  enter();
  try {
    const prompt = promptOf(row, runner.shape);
    runner.reset();
    await runner.prefill(prompt);
    const logits: Float32Array[] = [];
    for (let step = 0; step < steps; step++) {
      await runner.decode((104_729 * (step + 1) + row) % runner.shape.vocabSize);
      logits.push(runner.logits.slice());
    }
    return { logits, kv: runner.saveKv(prompt.length, runner.length) };
  } finally {
    leave();
  }
}

/**
 * Decodes the same tokens after prompts of several lengths row by row and then together, in every number of rows, and
 * compares logits, keys and values bit for bit. Kernels that add up in another order for more rows differ in nearly
 * every logit, so a few tokens find them out. Errors: those of the runner.
 */
export async function checkRows({ rows }: Pick<BatchStepper, "rows">): Promise<RowCheck> {
  const contextLength = rows[0]?.runner.shape.contextLength ?? 0;
  if (contextLength <= steps) {
    const refusal = `a context of ${contextLength} tokens has no room for a check`;
    return { compared: 0, differing: 0, maxLogitDifference: null, isKvEqual: false, refusal };
  }
  const alone: Decoded[] = [];
  for (const [b, row] of rows.entries()) alone.push(await decode(row, b));
  let compared = 0;
  let differing = 0;
  let maxLogitDifference = 0;
  let isKvEqual = true;
  for (let count = 2; count <= rows.length; count++) {
    const together = await Promise.all(rows.slice(0, count).map(decode));
    for (const [b, { logits, kv }] of together.entries()) {
      const own = alone[b] as Decoded;
      isKvEqual &&= Buffer.compare(kv, own.kv) === 0;
      for (const [step, row] of logits.entries()) {
        const single = own.logits[step] as Float32Array;
        compared += row.length;
        for (let v = 0; v < row.length; v++) {
          if (row[v] === single[v]) continue;
          differing += 1;
          maxLogitDifference = Math.max(
            maxLogitDifference,
            Math.abs((row[v] as number) - (single[v] as number)),
          );
        }
      }
    }
  }
  const refusal =
    differing === 0 && isKvEqual
      ? null
      : `rows run together give other bits than alone: ${differing} of ${compared} logits differ, by up to ${maxLogitDifference}`;
  return { compared, differing, maxLogitDifference, isKvEqual, refusal };
}
