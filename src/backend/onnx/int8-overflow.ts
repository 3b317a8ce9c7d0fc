import { GraphBuilder } from "../../graph/builder.ts";
import { lowerToOnnx } from "../../lower/onnx/lower.ts";
import { float32, tensor } from "../../tensor/tensor.ts";
import type { Ort } from "./ort-api.ts";
import { OnnxSession } from "./session.ts";
import { createSessionOptions } from "./session-options.ts";

/** Has ONNX Runtime multiply uint8 by uint8 where it was told int8: exact on every x86-64, and slower. */
export const exactInt8: Readonly<Record<string, string>> = { "session.x64quantprecision": "1" };

/**
 * 255 · 127 + 255 · 127 is more than 16 bits hold: processors of x86-64 without VNNI add such pairs in 16 bits and cut
 * off what is beyond. Multiplies once; ONNX Runtime does not say which kernel it takes.
 */
async function cutsOffPairs(ort: Ort): Promise<boolean> {
  const b = new GraphBuilder("int8 overflow");
  const x = b.input("x", "float32", [1, 4]);
  const values = b.parameter("values", [4, 1], "int8");
  const scale = b.parameter("scale", [1]);
  b.output("y", b.matmulInt8(x, values, scale, { transB: false, activations: "int8" }));
  const parameters = {
    values: tensor("int8", [4, 1], new Int8Array(4).fill(127)),
    scale: float32([1], [1]),
  };
  const { bytes } = lowerToOnnx(b.build(), { parameters });
  const settings = createSessionOptions(ort.api, { threads: 1 });
  let session: OnnxSession | undefined;
  try {
    const what = "int8 overflow";
    const handle = ort.api.make("CreateSessionFromArray", what, ort.env, bytes, bytes.byteLength, settings);
    session = new OnnxSession("onnx-cpu", ort, { what, handle });
    const { y } = await session.run({ x: float32([1, 4], [1, 1, 1, 1]) });
    return Math.abs(Number(y!.data[0]) - 4 * 127) > 1;
  } finally {
    session?.close();
    ort.api.release("SessionOptions", settings);
  }
}

let known: Promise<Readonly<Record<string, string>>> | undefined;

/** Entries of a session's configuration that keep int8 products exact on this processor. */
export function int8Config(ort: Ort): Promise<Readonly<Record<string, string>>> {
  known ??=
    process.arch === "x64"
      ? cutsOffPairs(ort).then((isCut): Readonly<Record<string, string>> => (isCut ? exactInt8 : {}))
      : Promise.resolve({});
  return known;
}
