import * as fs from "node:fs";
import * as path from "node:path";
import { openOnnx } from "../backend/onnx/backend.ts";
import { readBytes, writeFileAtomic } from "../base/files.ts";
import { type Cut, splitModel } from "../lower/onnx/pieces.ts";
import type { ModelConfig } from "./config.ts";
import { embeddingPart, finalScope, layerScope, parameterCount } from "./decoder.ts";
import { decodeModel } from "./layout.ts";
import { type ArtefactLogits, cachedLogits, cachedRows } from "./parity.ts";
import type { PieceRows } from "./training-logits.ts";

/**
 * Models whose parameters take more than this as float32 are proven in pieces. ONNX Runtime packs float32 products into
 * memory of its own beside the file's, and makes float32 of smaller weights first: opened whole, that is what an export
 * would hold beside its model.
 */
const largestWholeBytes = 1 << 28;

const pieceFile = "model.piece.onnx";
const twinFile = "model.exact.onnx";

/** A model in a folder beside its data file, and how to run it. */
export interface WrittenModel {
  readonly dir: string;
  /** The file that ships. */
  readonly file: string;
  /** The same model with products that round no activations, as the bytes of a file beside it; null where it ships so. */
  readonly exactTwin: (() => Uint8Array) | null;
  readonly config: ModelConfig;
  /** Parameters of more bytes (as float32) than this are run in pieces; default 256 MiB. */
  readonly largestWholeBytes?: number | undefined;
  /** Called between pieces; what it throws ends the comparison. */
  readonly goOn?: () => void;
}

/** Runs `action` with a file in the model's folder: it reads the same data file, and is gone afterwards. */
async function withFileBeside<T>(
  dir: string,
  name: string,
  bytes: Uint8Array,
  action: (file: string) => Promise<T>,
): Promise<T> {
  const file = path.join(dir, name);
  try {
    writeFileAtomic(file, bytes);
    return await action(file);
  } finally {
    fs.rmSync(file, { force: true });
  }
}

async function wholeLogits(config: ModelConfig, file: string, ids: readonly number[]): Promise<Float32Array> {
  const session = await openOnnx(file);
  return cachedLogits(config, session, ids).finally(() => session.close());
}

/**
 * What each piece of a model gives on what the one before gave; the last one gives the logits. The pieces are nodes of
 * the model's own bytes and read the data file where the model does; one of them is open at a time.
 */
async function pieceRows(
  { dir, file, config, goOn }: WrittenModel,
  model: Uint8Array,
  ids: readonly number[],
): Promise<PieceRows[]> {
  const width = config.hiddenSize;
  const cut = (scope: string, ...rows: string[]): Cut => ({
    scope,
    type: { dtype: "float32", shape: [...rows, width] },
  });
  const layers = Array.from({ length: config.layers }, (_, i) => cut(layerScope(i), "B", "T"));
  const pieces = splitModel(decodeModel(model, file), [...layers, cut(finalScope, "Q")]);
  const results: PieceRows[] = [];
  for (const { name, bytes, input, output } of pieces) {
    goOn?.();
    const before = results.at(-1);
    const stretch = {
      input: before && input !== null ? { name: input, rows: before.rows } : null,
      output: output === null ? { name: "logits", width: config.vocabSize } : { name: output, width },
    };
    const rows = await withFileBeside(dir, pieceFile, bytes, async (own) => {
      const session = await openOnnx(own);
      return cachedRows(session, ids, stretch).finally(() => session.close());
    });
    results.push({ name: name || embeddingPart, rows });
  }
  return results;
}

/** ONNX Runtime reads the whole model and knows its every node; nothing is packed, so its weights stay in their file. */
async function assertOpens(file: string): Promise<void> {
  const session = await openOnnx(file, { isOptimised: false, config: { "session.disable_prepacking": "1" } });
  session.close();
}

/**
 * Logits of a written model: as it ships and, where that rounds activations, through its exact twin. A small model is run
 * as a whole, a large one in pieces, whose figures are those of the whole but for what ONNX Runtime would fuse across
 * their borders. Errors: `invalid_artefact` (ONNX Runtime cannot read it), `not_writable`, `disk_full`.
 */
export async function artefactLogits(model: WrittenModel, ids: readonly number[]): Promise<ArtefactLogits> {
  const { dir, config, file, exactTwin } = model;
  if (4 * parameterCount(config) > (model.largestWholeBytes ?? largestWholeBytes)) {
    await assertOpens(file);
    const shipped = await pieceRows(model, readBytes(file), ids);
    const exact = exactTwin && (await pieceRows(model, exactTwin(), ids));
    const logitsOf = (rows: readonly PieceRows[]) => rows.at(-1)!.rows;
    return {
      shipped: logitsOf(shipped),
      floatActivations: exact && logitsOf(exact),
      pieces: exact ?? shipped,
    };
  }
  const shipped = await wholeLogits(config, file, ids);
  const floatActivations =
    exactTwin && (await withFileBeside(dir, twinFile, exactTwin(), (twin) => wholeLogits(config, twin, ids)));
  return { shipped, floatActivations, pieces: null };
}
