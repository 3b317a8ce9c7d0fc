import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import * as path from "node:path";
import { z } from "zod";
import { LimbeckError } from "../base/errors.ts";
import { readJson, withFileErrors, writeJsonAtomic } from "../base/files.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Arena } from "./arena.ts";
import type { Optimiser } from "./optimiser.ts";

/** Everything but tensors that a run needs to go on with the same bits. */
export interface TrainProgress {
  /** Updates made. */
  readonly step: number;
  readonly epoch: number;
  /** Batches of the epoch that are done. */
  readonly batch: number;
  readonly tokens: number;
  /** Halved each time calls on controls rise. */
  readonly earlyScale: number;
  readonly falseCalls: number | null;
  readonly best: { readonly step: number; readonly loss: number } | null;
}

const progressSchema = z.strictObject({
  step: z.number().int().nonnegative(),
  epoch: z.number().int().nonnegative(),
  batch: z.number().int().nonnegative(),
  tokens: z.number().nonnegative(),
  earlyScale: z.number(),
  falseCalls: z.number().nullable(),
  best: z.strictObject({ step: z.number(), loss: z.number() }).nullable(),
});

const stateSchema = z.strictObject({
  schema_version: z.literal(1),
  kind: z.literal("limbeck_training_state"),
  /** Over recipe, data, tokenizer, teacher and start weights: a state goes on only with the same ones. */
  fingerprint: z.string(),
  file: z.string(),
  progress: progressSchema,
});

/** Writes tensors to a file; a test may stand in one that fails. */
export type TensorWriter = (file: string, tensors: Readonly<Record<string, Tensor>>) => void;

function flat(arena: Arena): Tensor {
  return { dtype: "float32", shape: [arena.layout.count], data: arena.data };
}

function stateTensors(weights: Arena, optimiser: Optimiser): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {
    weights: flat(weights),
    first_moments: flat(optimiser.first),
    second_moments: flat(optimiser.second),
  };
  if (optimiser.average) tensors["average"] = flat(optimiser.average);
  return tensors;
}

/**
 * Writes `state-<step>.safetensors`, then `state.json` that names it, then deletes older tensors: whatever fails, the
 * state before stays whole. Errors: `disk_full`, `not_writable`.
 */
export function saveTrainState(
  dir: string,
  fingerprint: string,
  progress: TrainProgress,
  weights: Arena,
  optimiser: Optimiser,
  write: TensorWriter = writeSafetensors,
): void {
  withFileErrors("create", dir, () => mkdirSync(dir, { recursive: true }));
  const file = `state-${String(progress.step).padStart(7, "0")}.safetensors`;
  withFileErrors("write", path.join(dir, file), () =>
    write(path.join(dir, file), stateTensors(weights, optimiser)),
  );
  writeJsonAtomic(path.join(dir, "state.json"), {
    schema_version: 1,
    kind: "limbeck_training_state",
    fingerprint,
    file,
    progress,
  });
  withFileErrors("clean", dir, () => {
    for (const name of readdirSync(dir)) {
      if (/^state-\d+\.safetensors$/.test(name) && name !== file) rmSync(path.join(dir, name));
    }
  });
}

/** Whether `dir` holds a state. */
export function hasTrainState(dir: string): boolean {
  return existsSync(path.join(dir, "state.json"));
}

/**
 * Fills weights and moments from a saved state and returns where it was.
 * Errors: `file_not_found`, `invalid_checkpoint` (another recipe, data or model), `invalid_safetensors`.
 */
export function loadTrainState(
  dir: string,
  fingerprint: string,
  weights: Arena,
  optimiser: Optimiser,
): TrainProgress {
  const source = path.join(dir, "state.json");
  const parsed = stateSchema.safeParse(readJson(source));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new LimbeckError(
      "invalid_checkpoint",
      `${source}: ${issue?.path.join(".") || "(root)"}: ${issue?.message}`,
      {
        cure: "Start again without resuming, or give the folder of an interrupted run.",
        fields: { path: source },
      },
    );
  }
  const state = parsed.data;
  if (state.fingerprint !== fingerprint) {
    throw new LimbeckError(
      "invalid_checkpoint",
      `${source}: expected the state of this recipe, data, tokenizer, teacher and student, got another run's`,
      {
        cure: "Resume with exactly the same recipe and data, or start again in another folder.",
        fields: { path: source, expected: fingerprint, got: state.fingerprint },
      },
    );
  }
  const { tensors } = readSafetensors(path.join(dir, state.file));
  for (const [name, target] of Object.entries(stateTensors(weights, optimiser))) {
    const found = tensors[name];
    if (found?.dtype !== "float32" || found.data.length !== target.data.length) {
      throw new LimbeckError(
        "invalid_checkpoint",
        `${path.join(dir, state.file)}: tensor "${name}": expected float32[${target.data.length}], got ${
          found ? `${found.dtype}[${found.shape.join(", ")}]` : "nothing"
        }`,
        { fields: { path: path.join(dir, state.file), tensor: name } },
      );
    }
    (target.data as Float32Array).set(found.data as Float32Array);
  }
  return state.progress;
}
