import * as fs from "node:fs";
import { LimbeckError } from "../../base/errors.ts";
import { withFileErrors } from "../../base/files.ts";
import type { Graph } from "../../graph/graph.ts";
import { lowerToOnnx } from "../../lower/onnx/lower.ts";
import type { Backend } from "../session.ts";
import { int8Config } from "./int8-overflow.ts";
import { type Handle, loadOrt, type Ort } from "./ort-api.ts";
import { OnnxSession } from "./session.ts";
import { createSessionOptions, type OnnxSessionOptions } from "./session-options.ts";

async function createSession(
  ort: Ort,
  model: string | Uint8Array,
  what: string,
  options: OnnxSessionOptions,
): Promise<Handle> {
  const { api, env } = ort;
  const config = { ...(await int8Config(ort)), ...options.config };
  const settings = createSessionOptions(api, { ...options, config });
  try {
    return typeof model === "string"
      ? api.make("CreateSession", what, env, model, settings)
      : api.make("CreateSessionFromArray", what, env, model, model.byteLength, settings);
  } finally {
    api.release("SessionOptions", settings);
  }
}

/** ONNX Runtime on the CPU. */
export interface OnnxBackend extends Backend {
  compile(graph: Graph, options?: OnnxSessionOptions): Promise<OnnxSession>;
}

/** ONNX Runtime on the CPU. Errors: `missing_dependency`, `backend_unavailable`, `unsupported_op`, `invalid_graph`. */
export const onnxCpuBackend: OnnxBackend = {
  name: "onnx-cpu",
  async compile(graph, options = {}) {
    const ort = await loadOrt();
    const what = `graph "${graph.name}"`;
    const handle = await createSession(ort, lowerToOnnx(graph).bytes, what, options);
    return new OnnxSession("onnx-cpu", ort, { what, handle, graph });
  },
};

/**
 * Opens an ONNX model on the CPU: bytes, or a file, whose external data lies beside it. Errors: `file_not_found`,
 * `invalid_artefact` (ONNX Runtime cannot read it), `missing_dependency`, `backend_unavailable`.
 */
export async function openOnnx(
  model: string | Uint8Array,
  options: OnnxSessionOptions = {},
): Promise<OnnxSession> {
  const what = typeof model === "string" ? model : "ONNX model";
  if (typeof model === "string") withFileErrors("open", model, () => fs.accessSync(model, fs.constants.R_OK));
  const ort = await loadOrt();
  try {
    return new OnnxSession("onnx-cpu", ort, { what, handle: await createSession(ort, model, what, options) });
  } catch (cause) {
    if (!(cause instanceof LimbeckError) || cause.code !== "backend_failed") throw cause;
    throw new LimbeckError("invalid_artefact", cause.message, {
      cure: "Export the model again.",
      fields: { ...cause.fields, ...(typeof model === "string" ? { path: model } : {}) },
      cause,
    });
  }
}
