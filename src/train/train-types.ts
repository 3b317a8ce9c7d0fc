import type { Backend, NamedTensors } from "../backend/session.ts";
import type { Example } from "../data/types.ts";
import type { ModelConfig } from "../model/config.ts";
import type { SpecialIds } from "./batch.ts";
import type { LengthDiagnostics } from "./length-step.ts";
import type { LossPart } from "./losses.ts";
import type { LayerCosine } from "./qat.ts";
import type { Recipe } from "./recipe.ts";
import type { Encode, RowSource } from "./row-source.ts";
import type { TopkStore } from "./topk-file.ts";
import type { EventRecord, StepRecord } from "./train-log.ts";
import type { TensorWriter, TrainProgress } from "./train-state.ts";
import type { Judge, ValidationReport } from "./validation.ts";

/** All that one training needs, loaded and checked. */
export interface LoopSetup {
  readonly backend: Backend;
  readonly recipe: Recipe;
  readonly config: ModelConfig;
  readonly startWeights: NamedTensors;
  readonly source: RowSource;
  readonly topk: TopkStore | null;
  readonly validation: readonly Example[];
  readonly encode: Encode;
  readonly specials: SpecialIds;
  readonly judge: Judge | null;
  /** Over everything that the bits of this run depend on. */
  readonly fingerprint: string;
  readonly outDir: string;
  readonly resume: boolean;
  /** Writes weights as a checkpoint folder. */
  readonly saveWeights: (dir: string, weights: NamedTensors) => void;
  readonly hooks: LoopHooks;
}

export interface LoopHooks {
  readonly signal?: AbortSignal;
  /** Rate of the machine's pure matmuls, for `ceiling_fraction`. */
  readonly ceilingGflops?: number;
  readonly writeTensors?: TensorWriter;
  readonly onStep?: (record: StepRecord) => void;
  readonly onEvent?: (record: EventRecord) => void;
}

export interface LoopResult {
  readonly steps: number;
  readonly tokens: number;
  /** Over the steps of this call, padding excluded. */
  readonly tokensPerSecond: number | null;
  readonly seconds: number;
  readonly overheadMsMedian: number | null;
  readonly ceilingFraction: number | null;
  readonly finalLoss: number | null;
  readonly finalParts: Partial<Readonly<Record<LossPart, number>>>;
  readonly best: TrainProgress["best"];
  readonly validations: readonly (ValidationReport & { readonly step: number })[];
  readonly length: readonly (LengthDiagnostics & { readonly step: number })[];
  readonly cosines: readonly LayerCosine[];
  readonly earlyScale: number;
  readonly epochs: readonly {
    readonly epoch: number;
    readonly plannedMix: readonly number[];
    readonly realisedMix: readonly number[];
    readonly paddingWaste: number;
    /** Rows that fit no shape: left out whole. */
    readonly skipped: number;
    /** Always 0: nothing is ever cut. */
    readonly truncated: 0;
  }[];
  /** What was done about failures: an early weight that was halved. */
  readonly actions: readonly string[];
}
