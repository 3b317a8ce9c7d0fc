import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { LimbeckError } from "#limbeck/base/errors.js";
import { writeJsonAtomic } from "#limbeck/base/files.js";
import { parseJson } from "#limbeck/base/json.js";
import { writeSafetensors } from "#limbeck/tensor/safetensors.js";
import { adamWDefaults } from "#limbeck/train/optimiser.js";
import { type StepSetting, sharedTensors } from "./reference-step.ts";
import { oraclePython, repositoryPath } from "./repository.ts";

const script = repositoryPath("bench", "torch-step.py");

/** Writes what `torch-step.py` needs into `folder`; returns the path of its job. */
export function writeTorchJob(folder: string, setting: StepSetting, threads: number): string {
  const { config, learningRate, clipNorm } = setting;
  const tensors = path.join(folder, "step.safetensors");
  writeSafetensors(tensors, sharedTensors(setting));
  const job = path.join(folder, "job.json");
  writeJsonAtomic(job, {
    tensors,
    layers: config.layers,
    heads: config.heads,
    kv_heads: config.kvHeads,
    head_dim: config.headDim,
    rope_theta: config.ropeTheta,
    rms_norm_epsilon: config.rmsNormEpsilon,
    tie_embeddings: config.tieEmbeddings,
    threads,
    learning_rate: learningRate,
    clip_norm: clipNorm,
    beta1: adamWDefaults.beta1,
    beta2: adamWDefaults.beta2,
    epsilon: adamWDefaults.epsilon,
    weight_decay: adamWDefaults.weightDecay,
  });
  return job;
}

/** Why there is no PyTorch to compare with; null where there is one. */
export function whyNoTorch(): string | null {
  const python = oraclePython();
  if (!fs.existsSync(python)) return "no .venv-oracle";
  const probe = spawnSync(python, ["-c", "import torch, safetensors"], { encoding: "utf8" });
  return probe.status === 0 ? null : (probe.stderr.trim().split("\n").at(-1) ?? "torch cannot be imported");
}

export interface TorchPeer {
  readonly version: string;
  readonly threads: number;
  /** One step in the other process, timed there. */
  step(): Promise<{ readonly ms: number; readonly loss: number }>;
  close(): Promise<void>;
}

/** Answers of a child, line by line. */
function readAnswers(
  child: ChildProcessWithoutNullStreams,
): () => Promise<Readonly<Record<string, unknown>>> {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2000);
  });
  return async () => {
    const { value, done } = await lines.next();
    if (done === true) {
      throw new LimbeckError(
        "backend_failed",
        `PyTorch: expected an answer, got the end of it: ${errors.trim()}`,
        {
          cure: "Run bash scripts/oracle-venv.sh again, or take .venv-oracle away to go without PyTorch.",
        },
      );
    }
    return parseJson(value, "torch-step.py") as Readonly<Record<string, unknown>>;
  };
}

/** Starts PyTorch on the setting's weights and batch. Error: `backend_failed`. */
export async function openTorchPeer(
  folder: string,
  setting: StepSetting,
  threads: number,
): Promise<TorchPeer> {
  const job = writeTorchJob(folder, setting, threads);
  const child = spawn(oraclePython(), [script, "time", job], {
    env: { ...process.env, OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) },
  });
  const exit = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  // A child that died is told by the missing answer; writing to it must not throw as well.
  child.stdin.on("error", () => undefined);
  const answer = readAnswers(child);
  const hello = await answer();
  return {
    version: String(hello["torch"]),
    threads: Number(hello["threads"]),
    async step() {
      child.stdin.write("go\n");
      const { ms, loss } = await answer();
      return { ms: Number(ms), loss: Number(loss) };
    },
    async close() {
      child.stdin.end();
      await exit;
    },
  };
}
