import { generateStep, type StepOptions } from "../generate-step.ts";
import { createSampler, resolveSampling } from "../sampling.ts";
import type { StepRunner } from "../step-runner.ts";
import type { SamplingOptions } from "../types.ts";
import type { DraftedRun, Drafter } from "./drafter.ts";

/** Logits [V] after a sequence of tokens. */
export type Logits = (tokens: readonly number[]) => Float32Array;

export interface FakeRunner extends StepRunner {
  /** Tokens of each run after the prompt. */
  readonly runs: readonly number[];
}

/** A runner that computes logits from the tokens alone; `batched` are those of runs of several tokens. */
export function createFakeRunner(
  vocabSize: number,
  logitsOf: Logits,
  { contextLength = 256, batched = logitsOf }: { contextLength?: number; batched?: Logits } = {},
): FakeRunner {
  const tokens: number[] = [];
  const runs: number[] = [];
  const logits = new Float32Array(vocabSize);
  return {
    shape: { layers: 1, kvHeads: 1, headDim: 1, contextLength, vocabSize },
    kvBytes: 0,
    kvBytesPerToken: 0,
    prefillChunk: contextLength,
    logits,
    runs,
    get length() {
      return tokens.length;
    },
    prefillSessionMs: 0,
    decodeSessionMs: 0,
    reset: () => {
      tokens.length = 0;
      runs.length = 0;
    },
    prefill: async (ids) => {
      tokens.push(...ids);
      logits.set(logitsOf(tokens));
      return ids.length;
    },
    decode: (id) => {
      tokens.push(id);
      runs.push(1);
      logits.set(logitsOf(tokens));
      return undefined;
    },
    verify: (ids) => {
      runs.push(ids.length);
      const rows = new Float32Array(ids.length * vocabSize);
      ids.forEach((id, i) => {
        tokens.push(id);
        rows.set(batched(tokens), i * vocabSize);
      });
      return rows;
    },
    rewind: (length) => {
      if (length > tokens.length) throw new Error(`rewind to ${length} of ${tokens.length}`);
      tokens.length = length;
    },
    saveKv: () => new Uint8Array(),
    loadKv: () => undefined,
    close: () => undefined,
  };
}

export interface FakeDrafter extends Drafter {
  readonly settled: readonly DraftedRun[];
  readonly replays: readonly number[];
}

/** Drafts what `propose` says for the tokens so far, always `length` of them where there is room. */
export function createFakeDrafter(
  propose: (tokens: readonly number[], most: number) => readonly number[],
  { tolerance = 0, length = 8 }: { tolerance?: number; length?: number } = {},
): FakeDrafter {
  const tokens: number[] = [];
  const settled: DraftedRun[] = [];
  const replays: number[] = [];
  return {
    tolerance,
    settled,
    replays,
    begin: (promptIds) => {
      tokens.length = 0;
      tokens.push(...promptIds);
    },
    draft: (most) => propose(tokens, Math.min(most, length)).slice(0, Math.min(most, length)),
    accept: (ids) => {
      tokens.push(...ids);
    },
    settle: (run) => {
      settled.push(run);
    },
    replayed: (runs) => {
      replays.push(runs);
    },
  };
}

/** The ids that a runner generates. */
export async function idsOf(
  runner: StepRunner,
  promptIds: readonly number[],
  { sampling = {}, ...options }: Partial<Omit<StepOptions, "sampling">> & { sampling?: SamplingOptions } = {},
): Promise<number[]> {
  const ids: number[] = [];
  await generateStep(runner, createSampler(runner.shape.vocabSize), promptIds, {
    endIds: new Set(),
    onToken: (id) => {
      ids.push(id);
      return true;
    },
    ...options,
    sampling: resolveSampling({ seed: 1, ...sampling }),
  });
  return ids;
}
