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
  sha256File,
  writeFileAtomic,
  writeJsonAtomic,
  writePartsAtomic,
} from "../base/files.ts";
import { stageFiles } from "../base/staged-files.ts";
import { lowerToOnnx, type OnnxModel } from "../lower/onnx/lower.ts";
import { attendStepwise } from "../lower/onnx/stepwise.ts";
import { dtypes, elementCount } from "../tensor/tensor.ts";
import { artefactLogits } from "./artefact-logits.ts";
import { copyTokenizer, openCheckpoint, optionalTokenizerFiles } from "./checkpoint.ts";
import { type ModelConfig, parseModelConfig, toHuggingFaceConfig } from "./config.ts";
import { parameterCount } from "./decoder.ts";
import { checkBlock, checkedShapes, checkVocabulary } from "./export-checks.ts";
import { assertWeightErrors, type StreamedWeights, streamWeights } from "./export-weights.ts";
import { buildInferenceGraph, choiceOf } from "./inference-graph.ts";
import { checkLayout } from "./layout.ts";
import { copyLicence, findLicence, licenceFile } from "./licence.ts";
import { assertParity, compareLogits, paritySchema, probeTokens } from "./parity.ts";
import { trainingLogits } from "./training-logits.ts";
import {
  type BlockSize,
  blockSizes,
  isInBlocks,
  roundsActivations,
  type WeightFormat,
  weightFormats,
} from "./weight-formats.ts";
import type { WeightChoice } from "./weight-forms.ts";

/** Grows when manifests of before can no longer be read. */
export const manifestVersion = 3;

const fingerprint = z.string().regex(/^[0-9a-f]{64}$/);

const manifestSchema = z.object({
  schema_version: z.literal(manifestVersion),
  kind: z.literal("limbeck_artefact"),
  format: z.enum(weightFormats),
  /** Elements that share a scale, in formats of blocks. */
  block: z.literal(blockSizes).nullable(),
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
    /** Over tokenizer_config.json and, where the template stands in a file of its own, over that too. */
    prompt_wrapper: fingerprint,
  }),
  parity: paritySchema,
  /** What holding cost each weight that is not held exactly. */
  weight_errors: z.array(
    z.object({
      name: z.string(),
      /** ‖held − weight‖ / ‖weight‖ (Frobenius). */
      relative_error: z.number().nonnegative(),
      max_abs_error: z.number().nonnegative(),
    }),
  ),
  licence: z.string(),
  created_by: z.string(),
});

/** What an exported model is: format, size, fingerprints of all that it was made from, and its proven parity. */
export type Manifest = z.infer<typeof manifestSchema>;

const templateFile = "chat_template.jinja";
const modelFile = "model.onnx";
const dataFile = "model.onnx.data";

/**
 * Protobuf messages end at 2 GiB; weights move to a file of their own well before. ONNX Runtime maps that file instead of
 * reading it.
 */
const externalThresholdBytes = 1 << 26;

export interface ExportOptions {
  readonly format: WeightFormat;
  /** Elements that share a scale, in formats of blocks; default 128. */
  readonly block?: BlockSize;
  /** Prompt lengths to record, each within the context; default: the context length. */
  readonly shapes?: readonly number[];
  /** Default: what the checkpoint's README.md or LICENSE says. */
  readonly licence?: string;
  /** Models of more bytes as float32 than this are compared in pieces; default 256 MiB. */
  readonly largestWholeBytes?: number;
  /** Stops the export between two weights or pieces. */
  readonly signal?: AbortSignal;
}

/**
 * Writes a checkpoint as an artefact: `model.onnx`, tokenizer, the licence's text, `manifest.json` (last, so that a folder with a
 * manifest is whole). The written file is opened again and compared with the training graph; an error above the
 * format's limit refuses the export. Weights are read, made and written one by one, and both sides of the comparison are
 * run a layer at a time where the model is large (`parity.method`): an export holds a layer or a table, not the model.
 * Errors: those of `openCheckpoint` and `checkTokenizer`, `not_writable`, `disk_full`, `invalid_request` (a block size for a
 * format without blocks, shapes beyond the context), `invalid_artefact` (parity, layout, weights). An earlier artefact in
 * `outDir` stays whole until this one is proven, so that both need room on the disk; `cancelled` leaves it as well.
 */
export async function exportArtefact(
  checkpointDir: string,
  outDir: string,
  options: ExportOptions,
): Promise<Manifest> {
  const { format, block, signal } = options;
  const goOn = (): void => {
    if (signal?.aborted) throw new LimbeckError("cancelled", "export: interrupted; nothing was changed");
  };
  const opened = openCheckpoint(checkpointDir);
  const { config } = opened;
  // All that takes long reads weights, or runs pieces of the written file.
  const read: typeof opened.read = (name) => {
    goOn();
    return opened.read(name);
  };
  const checkpoint = { ...opened, read };
  checkBlock(format, block);
  const shapes = checkedShapes(options.shapes ?? [config.contextLength], config.contextLength);
  checkVocabulary(checkpointDir, config);
  const licence = options.licence ?? findLicence(checkpointDir);
  const choice = choiceOf({ weights: format, block });
  const isArtefact = fs.existsSync(path.join(outDir, "manifest.json"));
  // What is not made anew must not be taken for a part of this artefact.
  const stale = [modelFile, dataFile, ...optionalTokenizerFiles, ...(isArtefact ? [licenceFile] : [])];
  return stageFiles(outDir, { stale, seal: "manifest.json" }, async (stage) => {
    copyTokenizer(checkpointDir, stage);
    copyLicence(checkpointDir, stage);
    const weights = streamWeights(checkpoint, choice);
    await writeModel(stage, config, choice, weights);
    const file = path.join(stage, modelFile);
    checkLayout(file, config, choice);
    const ids = probeTokens(config);
    const exactTwin = roundsActivations[format]
      ? (): Uint8Array => lowerModel(config, { ...choice, activations: "float32" }, weights).bytes
      : null;
    const parity = compareLogits(
      format,
      config.vocabSize,
      await trainingLogits(checkpoint, ids, choice),
      await artefactLogits(
        { dir: stage, file, exactTwin, config, largestWholeBytes: options.largestWholeBytes, goOn },
        ids,
      ),
    );
    assertParity(format, parity);
    assertWeightErrors(format, weights.errors());
    const manifest: Manifest = {
      schema_version: manifestVersion,
      kind: "limbeck_artefact",
      format,
      block: isInBlocks[format] ? choice.block : null,
      bytes: modelBytes(stage),
      parameters: parameterCount(config),
      config: { ...toHuggingFaceConfig(config) },
      context_length: config.contextLength,
      shapes,
      fingerprints: { ...fingerprintArtefact(stage), weights: checkpoint.fingerprint() },
      parity,
      weight_errors: [...weights.errors()],
      licence,
      created_by: "limbeck export",
    };
    writeJsonAtomic(path.join(stage, "manifest.json"), manifest);
    goOn();
    return manifest;
  });
}

/** Lowers the inference graph; large weights go to a file of their own, whose bytes are made as they are written. */
function lowerModel(config: ModelConfig, choice: WeightChoice, { parameters }: StreamedWeights): OnnxModel {
  const { format, block, activations } = choice;
  const totalBytes = Object.values(parameters).reduce(
    (sum, { dtype, shape }) => sum + elementCount(shape) * dtypes[dtype].bytes,
    0,
  );
  const graph = buildInferenceGraph(config, { weights: format, block, activations, isJoined: true });
  return lowerToOnnx(graph, {
    parameters,
    ...(totalBytes > externalThresholdBytes ? { externalData: { file: dataFile } } : {}),
  });
}

async function writeModel(
  dir: string,
  config: ModelConfig,
  choice: WeightChoice,
  weights: StreamedWeights,
): Promise<void> {
  const onnx = lowerModel(config, choice, weights);
  if (onnx.external) await writePartsAtomic(path.join(dir, onnx.external.file), onnx.external.parts);
  writeFileAtomic(path.join(dir, modelFile), onnx.bytes);
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
  const parts = modelFiles(dir).map(sha256File);
  return {
    model: parts.length === 1 ? (parts[0] as string) : sha256(parts.join("")),
    tokenizer: hash("tokenizer.json"),
    prompt_wrapper: fs.existsSync(path.join(dir, templateFile))
      ? sha256(hash("tokenizer_config.json") + hash(templateFile))
      : hash("tokenizer_config.json"),
  };
}

/** Reads and checks `manifest.json`. Errors: `file_not_found`, `invalid_artefact` with the field. */
export function readManifest(dir: string): Manifest {
  const file = path.join(dir, "manifest.json");
  const found = readJson(file);
  const parsed = manifestSchema.safeParse(found);
  if (parsed.success) return parsed.data;
  const version = (found as { readonly schema_version?: unknown } | null)?.schema_version;
  if (typeof version === "number" && version !== manifestVersion) {
    throw new LimbeckError(
      "invalid_artefact",
      `${file}: expected schema_version ${manifestVersion}, got ${version}: another version of Limbeck wrote it`,
      { cure: "Export the checkpoint again.", fields: { path: file } },
    );
  }
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

/** The model's configuration as the manifest has it; no file is checked. Errors: those of `readManifest`. */
export function readArtefactConfig(dir: string): ModelConfig {
  return parseModelConfig(readManifest(dir).config, path.join(dir, "manifest.json"));
}

export interface ArtefactSessionOptions extends SessionOptions {
  /** The last tokens of a run, up to so many, may attend one by one: see lower/onnx/stepwise.ts. Default: none. */
  readonly steps?: number;
}

/** Opens an artefact's model on the CPU after checking its files and how its tensors lie. */
export async function openArtefactSession(
  dir: string,
  options: ArtefactSessionOptions = {},
): Promise<{ manifest: Manifest; config: ModelConfig; session: Session }> {
  const { manifest, config } = verifyArtefact(dir);
  checkLayout(
    path.join(dir, modelFile),
    config,
    choiceOf({ weights: manifest.format, block: manifest.block }),
  );
  return { manifest, config, session: await openModel(dir, options) };
}

/** Opens the model of an artefact that was checked before; each session prepares weights of its own. */
export async function openModel(
  dir: string,
  { steps, ...options }: ArtefactSessionOptions = {},
): Promise<Session> {
  const file = path.join(dir, modelFile);
  if (steps === undefined) return openOnnx(file, options);
  // A model of bytes does not know beside which file its weights lie.
  const config = { "session.model_external_initializers_file_folder_path": path.resolve(dir) };
  return openOnnx(attendStepwise(readBytes(file), steps), { ...options, config });
}
