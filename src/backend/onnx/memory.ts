import { elementTypes } from "../../lower/onnx/element-types.ts";
import type { Tensor, TensorData } from "../../tensor/tensor.ts";
import type { Handle, Ort, OrtApi } from "./ort-api.ts";

/**
 * V8 may hold arrays of up to 64 bytes inside its own heap and move them. Native code must not keep the address of an
 * array in a buffer below this size.
 */
const movableBytes = 256;

/** Whether native code may keep the address of the tensor's memory. */
export function staysInPlace({ data }: Tensor): boolean {
  return data.buffer.byteLength > movableBytes;
}

/** Copies between arrays of one type. */
export function copyElements(from: TensorData, to: TensorData): void {
  // The types of the two belong together, which TypeScript cannot see through the union.
  (to as Uint8Array).set(from as Uint8Array);
}

/** A block outside V8's heap that holds numbers or texts for C. */
function block(bytes: number): ArrayBuffer {
  return new ArrayBuffer(Math.max(4096, bytes));
}

/** A C array of addresses; it must stay alive while native code reads it. */
export function addressTable(addresses: readonly Handle[]): BigUint64Array {
  const table = new BigUint64Array(block(addresses.length * 8), 0, addresses.length);
  table.set(addresses);
  return table;
}

/** A C array of texts (const char* const*), with the memory of the texts. */
export interface TextTable {
  readonly table: BigUint64Array;
  readonly texts: Uint8Array;
}

export function textTable(api: OrtApi, values: readonly string[]): TextTable {
  const encoded = values.map((text) => new TextEncoder().encode(`${text}\0`));
  const texts = new Uint8Array(block(encoded.reduce((sum, bytes) => sum + bytes.length, 0)));
  const base = api.address(texts);
  let offset = 0;
  const addresses = encoded.map((bytes) => {
    texts.set(bytes, offset);
    const address = base + BigInt(offset);
    offset += bytes.length;
    return address;
  });
  return { table: addressTable(addresses), texts };
}

const arenaAllocator = 1;
const defaultMemory = 0;

/** The description of a device's memory by name ("Cpu"); release as "MemoryInfo". */
export function memoryInfo(api: OrtApi, name: string): Handle {
  return api.make("CreateMemoryInfo", `memory ${name}`, name, arenaAllocator, 0, defaultMemory);
}

/** An OrtValue over the tensor's own memory: the tensor must stay alive as long. Release as "Value". */
export function createValue({ api }: Ort, memory: Handle, tensor: Tensor): Handle {
  const { dtype, shape, data } = tensor;
  const dims = new BigInt64Array(block(shape.length * 8), 0, shape.length);
  for (const [i, dim] of shape.entries()) dims[i] = BigInt(dim);
  return api.make(
    "CreateTensorWithDataAsOrtValue",
    `tensor ${dtype}[${shape.join(", ")}]`,
    memory,
    data,
    data.byteLength,
    dims,
    shape.length,
    elementTypes[dtype],
  );
}
