import * as fs from "node:fs";
import { invariant, LimbeckError } from "../../base/errors.ts";
import { withFileErrors } from "../../base/files.ts";
import type { Graph } from "../../graph/graph.ts";
import { lowerToOnnx } from "../../lower/onnx/lower.ts";
import type { Backend } from "../session.ts";
import { int8Config } from "./int8-overflow.ts";
import { type Handle, loadOrt, type Ort } from "./ort-api.ts";
import { OnnxSession } from "./session.ts";
import { createSessionOptions, type OnnxSessionOptions } from "./session-options.ts";

/** What every session is opened with: the caller's options over what this processor's int8 products ask for. */
async function settingsFor(ort: Ort, options: OnnxSessionOptions): Promise<Handle> {
  const config = { ...(await int8Config(ort)), ...options.config };
  return createSessionOptions(ort.api, { ...options, config });
}

/** `createSession` on another thread: reading and packing weights takes long. */
async function loadSession(
  ort: Ort,
  model: string | Uint8Array,
  what: string,
  options: OnnxSessionOptions,
): Promise<Handle> {
  const { api, env } = ort;
  const settings = await settingsFor(ort, options);
  const out = new BigUint64Array(new ArrayBuffer(4096), 0, 1);
  try {
    if (typeof model === "string")
      await api.callAsync("CreateSession", what, env, model, settings, api.address(out));
    else {
      const [bytes, size] = [api.address(model), model.byteLength];
      await api.callAsync("CreateSessionFromArray", what, env, bytes, size, settings, api.address(out));
      // Read here, so that it lives until here.
      invariant(model.byteLength === size, "the model's bytes were transferred while it was loaded");
    }
    return out[0] as Handle;
  } finally {
    api.release("SessionOptions", settings);
  }
}

async function createSession(
  ort: Ort,
  model: Uint8Array,
  what: string,
  options: OnnxSessionOptions,
): Promise<Handle> {
  const { api, env } = ort;
  const settings = await settingsFor(ort, options);
  try {
    return api.make("CreateSessionFromArray", what, env, model, model.byteLength, settings);
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
    return new OnnxSession("onnx-cpu", ort, { what, handle: await loadSession(ort, model, what, options) });
  } catch (cause) {
    if (!(cause instanceof LimbeckError) || cause.code !== "backend_failed") throw cause;
    throw new LimbeckError("invalid_artefact", cause.message, {
      cure: "Export the model again.",
      fields: { ...cause.fields, ...(typeof model === "string" ? { path: model } : {}) },
      cause,
    });
  }
}
