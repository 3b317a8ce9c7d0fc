import { spawn } from "node:child_process";
import * as path from "node:path";
import { LimbeckError } from "#limbeck/base/errors.js";
import { parseJson } from "#limbeck/base/json.js";
import { type WeightFormat, weightFormats } from "#limbeck/model/weight-formats.js";
import { type Benchmark, lookAround, lookBack, note, table } from "./benchmark.ts";
import { withTemporaryFolder } from "./repository.ts";
import { largeModel, writeSyntheticCheckpoint } from "./synthetic-checkpoint.ts";

/** What one export says of itself: see export-once.ts. */
interface Outcome {
  readonly format: WeightFormat;
  readonly seconds: number;
  readonly model_mb: number;
  readonly peak_rss_mb: number;
  readonly parity: Readonly<Record<string, unknown>>;
}

/** What an export may hold beside the bytes of a model: of the checkpoint or of what it writes, whichever is less. */
const allowedMb = 1000;

/** The most that an export of these sizes may hold. */
const limitMb = (checkpointMb: number, { model_mb }: Outcome): number =>
  Math.min(checkpointMb, model_mb) + allowedMb;

/** Exports in a process of its own: the peak of memory is a property of a process. */
function exportOnce(checkpoint: string, out: string, format: WeightFormat): Promise<Outcome> {
  const child = spawn(
    process.execPath,
    [path.join(import.meta.dirname, "export-once.js"), checkpoint, out, format],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      if (status === 0) resolve(parseJson(text, "export-once.js") as unknown as Outcome);
      else
        reject(new LimbeckError("backend_failed", `export ${format}: expected exit status 0, got ${status}`));
    });
  });
}

/** Exports a checkpoint larger than a protobuf message, and says how much memory that took. */
export const exportBenchmark: Benchmark = {
  summary: "peak memory of exporting a checkpoint of 2.5 GB in every format",
  options: {
    layers: { value: 26, help: "layers of 88 MB (float16) each" },
    format: {
      value: 0,
      help: `one format alone: ${weightFormats.map((name, i) => `${i + 1} ${name}`).join(", ")}; all unless asked for`,
    },
  },
  async run(options) {
    const { layers = 1, format: asked = 0 } = options;
    const chosen = weightFormats.filter((_, i) => asked === 0 || asked === i + 1);
    if (chosen.length === 0)
      throw new LimbeckError(
        "usage",
        `bench export: --format: expected 1 to ${weightFormats.length}, got ${asked}`,
      );
    const surroundings = await lookAround();
    return withTemporaryFolder(async (folder) => {
      const checkpoint = path.join(folder, "checkpoint");
      const checkpointMb = writeSyntheticCheckpoint(checkpoint, { ...largeModel, layers }) / 1e6;
      note(`checkpoint: ${checkpointMb.toFixed(0)} MB of float16 in shards`);
      const outcomes: Outcome[] = [];
      for (const format of chosen) {
        const outcome = await exportOnce(checkpoint, path.join(folder, "artefact"), format);
        note(`${format}: ${outcome.seconds.toFixed(0)} s, peak RSS ${outcome.peak_rss_mb.toFixed(0)} MB`);
        outcomes.push(outcome);
      }
      note(
        table([
          ["", "model MB", "peak RSS MB", "limit MB", "s"],
          ...outcomes.map((outcome) => [
            outcome.format,
            outcome.model_mb.toFixed(0),
            outcome.peak_rss_mb.toFixed(0),
            limitMb(checkpointMb, outcome).toFixed(0),
            outcome.seconds.toFixed(0),
          ]),
        ]),
      );
      return {
        checkpoint_mb: checkpointMb,
        allowed_mb: allowedMb,
        is_within: outcomes.every((outcome) => outcome.peak_rss_mb < limitMb(checkpointMb, outcome)),
        exports: outcomes.map((outcome) => ({ ...outcome, limit_mb: limitMb(checkpointMb, outcome) })),
        ...(await lookBack(surroundings)),
      };
    });
  },
};
