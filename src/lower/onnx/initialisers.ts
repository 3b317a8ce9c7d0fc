import type { MessageInitShape } from "@bufbuild/protobuf";
import { invariant } from "../../base/errors.ts";
import { dtypes, elementCount, type Tensor, type TensorData } from "../../tensor/tensor.ts";
import { elementTypes } from "./element-types.ts";
import type { TensorProtoSchema } from "./onnx_pb.ts";

type TensorProtoInit = MessageInitShape<typeof TensorProtoSchema>;

/** ONNX asks for whole memory pages, so that readers can map the file. */
const externalAlignment = 4096;

/** A tensor whose numbers are made when they are written: what is larger than memory comes piece by piece. */
export interface LazyTensor {
  readonly dtype: Tensor["dtype"];
  readonly shape: readonly number[];
  load(): TensorData;
}

/** Puts tensors of at least `thresholdBytes` (default 1024) into a file of this name beside the model. */
export interface ExternalData {
  readonly file: string;
  readonly thresholdBytes?: number;
}

function bytesOf(value: Tensor | LazyTensor): Uint8Array<ArrayBuffer> {
  const data = "data" in value ? value.data : value.load();
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}

function inside(name: string, value: Tensor | LazyTensor): TensorProtoInit {
  return {
    name,
    dims: value.shape.map(BigInt),
    dataType: elementTypes[value.dtype],
    rawData: bytesOf(value),
  };
}

/** A tensor's place in the external file. */
interface Placed {
  readonly value: Tensor | LazyTensor;
  readonly offset: number;
  readonly length: number;
}

/** Writes initialisers, the big ones into the external file. */
export class InitialiserWriter {
  readonly protos: TensorProtoInit[] = [];
  private readonly external: ExternalData | undefined;
  private readonly placed: Placed[] = [];
  private readonly known = new Map<string, Tensor | LazyTensor | Placed>();
  private end = 0;

  constructor(external: ExternalData | undefined) {
    this.external = external;
  }

  add(name: string, value: Tensor | LazyTensor): void {
    const length = elementCount(value.shape) * dtypes[value.dtype].bytes;
    if (!this.external || length < (this.external.thresholdBytes ?? 1024)) {
      this.known.set(name, value);
      this.protos.push(inside(name, value));
      return;
    }
    const place = { value, offset: Math.ceil(this.end / externalAlignment) * externalAlignment, length };
    this.placed.push(place);
    this.known.set(name, place);
    this.protos.push(this.outside(name, value.shape, place));
    this.end = place.offset + length;
  }

  /** Another name and shape for the bytes of a tensor that was added; outside of the model they are there once. */
  addView(name: string, of: string, shape: readonly number[]): void {
    const found = this.known.get(of);
    invariant(found, `ONNX: a view of "${of}", which is no initialiser`);
    this.protos.push(
      "offset" in found ? this.outside(name, shape, found) : inside(name, { ...found, shape }),
    );
  }

  private outside(
    name: string,
    shape: readonly number[],
    { value, offset, length }: Placed,
  ): TensorProtoInit {
    const entries = { location: this.external?.file ?? "", offset: `${offset}`, length: `${length}` };
    return {
      name,
      dims: shape.map(BigInt),
      dataType: elementTypes[value.dtype],
      dataLocation: 1,
      externalData: Object.entries(entries).map(([key, entry]) => ({ key, value: entry })),
    };
  }

  /** Size of the external file so far. */
  get externalBytes(): number {
    return this.end;
  }

  /** The external file's bytes, in order. */
  *parts(): Generator<Uint8Array> {
    let written = 0;
    for (const { value, offset, length } of this.placed) {
      if (offset > written) yield new Uint8Array(offset - written);
      const bytes = bytesOf(value);
      invariant(bytes.length === length, `ONNX: expected ${length} bytes of a tensor, got ${bytes.length}`);
      yield bytes;
      written = offset + length;
    }
  }
}
