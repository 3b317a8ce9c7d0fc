import * as fs from "node:fs";
import * as path from "node:path";
import { z } from "zod";
import { openOnnx } from "../backend/onnx/backend.ts";
import type { Session, SessionOptions } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import {
  readBytes,
  readJson,
  sha256,
  withFileErrors,
  writeFileAtomic,
  writeJsonAtomic,
} from "../base/files.ts";
import { lowerToOnnx } from "../lower/onnx/lower.ts";
import { copyTokenizer, loadCheckpoint } from "./checkpoint.ts";
import { type ModelConfig, parseModelConfig, toHuggingFaceConfig } from "./config.ts";
import { parameterCount } from "./decoder.ts";
import { buildInferenceGraph, type WeightFormat, weightFormats } from "./inference-graph.ts";
import { measureParity } from "./parity.ts";
import { quantiseWeights } from "./quantise.ts";

const fingerprint = z.string().regex(/^[0-9a-f]{64}$/);

const manifestSchema = z.object({
  schema_version: z.literal(1),
  kind: z.literal("limbeck_artefact"),
  format: z.enum(weightFormats),
  /** Bytes of the model's own files (graph and weights). */
  bytes: z.number().int().positive(),
  parameters: z.number().int().positive(),
  config: z.record(z.string(), z.unknown()),
  context_length: z.number().int().positive(),
  /** Prompt lengths that the model was trained and is measured at. */
  shapes: z.array(z.number().int().positive()),
  fingerprints: z.object({
    /** Over the bytes of the model's file (and of its external data). */
    model: fingerprint,
    /** Over the bytes of the checkpoint's weights. */
    weights: fingerprint,
    tokenizer: fingerprint,
    /** Over tokenizer_config.json, which holds the chat template. */
    prompt_wrapper: fingerprint,
  }),
  parity: z.object({
    reference: z.literal("training_graph"),
    max_abs_logit_error: z.number().nonnegative(),
    limit: z.number().positive(),
    probe_tokens: z.number().int().positive(),
  }),
  licence: z.string(),
  created_by: z.string(),
});

/** What an exported model is: format, size, fingerprints of all that it was made from, and its proven parity. */
export type Manifest = z.infer<typeof manifestSchema>;

const modelFile = "model.onnx";
const dataFile = "model.onnx.data";

/** Protobuf messages end at 2 GiB; weights move to a file of their own well before. */
const externalThresholdBytes = 1 << 30;

export interface ExportOptions {
  readonly format: WeightFormat;
  /** Prompt lengths to record; default: the context length. */
  readonly shapes?: readonly number[];
  readonly licence?: string;
}

/**
 * Writes a checkpoint as an artefact: `model.onnx`, tokenizer, `manifest.json` (last, so that a folder with a
 * manifest is whole). The written file is opened again and compared with the training graph; an error above the
 * format's limit refuses the export. Errors: those of `loadCheckpoint`, `not_writable`, `disk_full`,
 * `invalid_artefact` (parity).
 */
export async function exportArtefact(
  checkpointDir: string,
  outDir: string,
  options: ExportOptions,
): Promise<Manifest> {
  const { config, weights, fingerprint: weightsFingerprint } = loadCheckpoint(checkpointDir);
  const manifestFile = path.join(outDir, "manifest.json");
  withFileErrors("create", outDir, () => {
    fs.mkdirSync(outDir, { recursive: true });
    fs.rmSync(manifestFile, { force: true });
  });
  copyTokenizer(checkpointDir, outDir);
  const parameters = options.format === "int8" ? quantiseWeights(weights) : weights;
  const totalBytes = Object.values(parameters).reduce((sum, { data }) => sum + data.byteLength, 0);
  const onnx = lowerToOnnx(buildInferenceGraph(config, { weights: options.format }), {
    parameters,
    ...(totalBytes > externalThresholdBytes ? { externalData: { file: dataFile } } : {}),
  });
  const file = path.join(outDir, modelFile);
  if (onnx.external) writeFileAtomic(path.join(outDir, onnx.external.file), onnx.external.parts);
  writeFileAtomic(file, onnx.bytes);

  const session = await openOnnx(file);
  const parity = await measureParity(config, weights, session, options.format).finally(() => session.close());
  if (!(parity.max_abs_logit_error <= parity.limit)) {
    throw new LimbeckError(
      "invalid_artefact",
      `export ${options.format}: expected logits within ${parity.limit} of the training graph, got ${parity.max_abs_logit_error}`,
      {
        cure: "The artefact was not completed. Report this with the checkpoint's config.json.",
        fields: { ...parity },
      },
    );
  }
  const manifest: Manifest = {
    schema_version: 1,
    kind: "limbeck_artefact",
    format: options.format,
    bytes: modelBytes(outDir),
    parameters: parameterCount(config),
    config: { ...toHuggingFaceConfig(config) },
    context_length: config.contextLength,
    shapes: [...(options.shapes ?? [config.contextLength])],
    fingerprints: { ...fingerprintArtefact(outDir), weights: weightsFingerprint },
    parity,
    licence: options.licence ?? "as the checkpoint",
    created_by: "limbeck export",
  };
  writeJsonAtomic(manifestFile, manifest);
  return manifest;
}

function modelFiles(dir: string): string[] {
  return [modelFile, dataFile].map((name) => path.join(dir, name)).filter((file) => fs.existsSync(file));
}

function modelBytes(dir: string): number {
  return modelFiles(dir).reduce((sum, file) => sum + fs.statSync(file).size, 0);
}

/** Recomputes the fingerprints of an artefact's files from their bytes. */
function fingerprintArtefact(dir: string): Omit<Manifest["fingerprints"], "weights"> {
  const hash = (name: string): string => sha256(readBytes(path.join(dir, name)));
  const parts = modelFiles(dir).map((file) => sha256(readBytes(file)));
  return {
    model: parts.length === 1 ? (parts[0] as string) : sha256(parts.join("")),
    tokenizer: hash("tokenizer.json"),
    prompt_wrapper: hash("tokenizer_config.json"),
  };
}

/** Reads and checks `manifest.json`. Errors: `file_not_found`, `invalid_artefact` with the field. */
export function readManifest(dir: string): Manifest {
  const file = path.join(dir, "manifest.json");
  const parsed = manifestSchema.safeParse(readJson(file));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new LimbeckError("invalid_artefact", `${file}: ${issue?.path.join(".")}: ${issue?.message}`, {
    cure: "Export the checkpoint again.",
    fields: { path: file },
  });
}

/**
 * Reads the manifest and checks that the files are the ones that it speaks of.
 * Error: `invalid_artefact` naming the fingerprint that differs.
 */
export function verifyArtefact(dir: string): { manifest: Manifest; config: ModelConfig } {
  const manifest = readManifest(dir);
  const found = fingerprintArtefact(dir);
  for (const [name, value] of Object.entries(found)) {
    const expected = manifest.fingerprints[name as keyof typeof found];
    if (value !== expected) {
      throw new LimbeckError(
        "invalid_artefact",
        `${dir}: fingerprint of ${name}: expected ${expected}, got ${value}`,
        {
          cure: "A file of the artefact was changed or is damaged: export the checkpoint again.",
          fields: { path: dir, fingerprint: name },
        },
      );
    }
  }
  return { manifest, config: parseModelConfig(manifest.config, path.join(dir, "manifest.json")) };
}

/** Opens an artefact's model on the CPU after checking its files. */
export async function openArtefactSession(
  dir: string,
  options: SessionOptions = {},
): Promise<{ manifest: Manifest; config: ModelConfig; session: Session }> {
  const { manifest, config } = verifyArtefact(dir);
  return { manifest, config, session: await openOnnx(path.join(dir, modelFile), options) };
}
