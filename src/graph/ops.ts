import type { DType, Tensor } from "../tensor/tensor.ts";

/** No attributes. */
export type None = Readonly<Record<never, never>>;

export interface MatMulAttrs {
  /** Swap the last two axes of the first / second operand before multiplying. */
  readonly transA: boolean;
  readonly transB: boolean;
  /** The product is multiplied by this. */
  readonly alpha: number;
}
export interface ReduceAttrs {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}
export interface AxisAttrs {
  readonly axis: number;
}
/**
 * How a matrix [R, W] lies in uint8 [R, ⌈W / block⌉, block · bits / 8] with a scale for each block: element
 * (q − 2^(bits−1)) · scale; with 4 bits two to a byte, the first in the low half.
 */
export interface BlockAttrs {
  readonly bits: 4 | 8;
  /** Elements of a row that share a scale: a power of two, at least 16. */
  readonly block: number;
}

/**
 * What a graph input is: `data` changes every run, `parameter` is a trained weight, `state` is kept between runs
 * (KV cache, optimiser moments).
 */
export type InputKind = "data" | "parameter" | "state";

/**
 * The closed set of operations, each with its attributes. A new name here does not compile until every table
 * (shapes, reference, vjp, ONNX) answers for it. Negative axes are resolved by the builder: attributes hold axes ≥ 0.
 */
export interface OpAttrs {
  // Leaves.
  input: { readonly name: string; readonly kind: InputKind };
  constant: { readonly tensor: Tensor };

  // Elementwise, one operand; float to float.
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  reciprocal: None;
  sigmoid: None;
  tanh: None;
  erf: None;
  relu: None;
  silu: None;
  abs: None;
  sign: None;
  /** To the nearest integer, ties to even. */
  round: None;
  clip: { readonly min: number; readonly max: number };
  cast: { readonly to: DType };
  /** The value; no gradient passes. */
  stopGradient: None;

  // Elementwise, two operands, numpy broadcasting.
  add: None;
  sub: None;
  mul: None;
  div: None;
  maximum: None;
  minimum: None;
  /** Comparisons give bool. */
  equal: None;
  less: None;
  /** (condition bool, a, b): a where true, else b. */
  where: None;

  // Matrices. [..., M, K] x [..., K, N], batch axes broadcast.
  matmul: MatMulAttrs;

  // Layout.
  transpose: { readonly perm: readonly number[] };
  reshape: { readonly shape: readonly (number | string)[] };
  /** Broadcast to a shape. */
  expand: { readonly shape: readonly (number | string)[] };
  concat: AxisAttrs;
  /** Elements start ≤ i < end of one axis. */
  slice: { readonly axis: number; readonly start: number; readonly end: number };

  // Reductions and scans.
  reduceSum: ReduceAttrs;
  reduceMean: ReduceAttrs;
  reduceMax: ReduceAttrs;
  cumSum: { readonly axis: number; readonly exclusive: boolean; readonly reverse: boolean };
  /** int64, first of equals. */
  argMax: AxisAttrs & { readonly keepDims: boolean };
  softmax: AxisAttrs;
  logSoftmax: AxisAttrs;

  // Indexing (indices int64).
  /** (table [R, ...], indices [...]) → [...indices, ...rest]: rows of axis 0. `distinct`: see scatterAdd. */
  gather: { readonly distinct: boolean };
  /**
   * (indices [M], updates [M, ...]) → [rows, ...]: sums the updates of each row; repeated indices add up. With
   * `distinct` the caller promises that no index is repeated, which lets rows be written by several threads.
   */
  scatterAdd: { readonly rows: number; readonly distinct: boolean };
  /** (data, indices) of equal rank: picks along an axis. */
  gatherElements: AxisAttrs;
  /** (data, indices, updates): data with updates added along an axis; repeated indices add up. */
  scatterElementsAdd: AxisAttrs;

  // Composites that transformers need: one node, so that the gradient and each lowering can be the fast form.
  /**
   * (x [..., C], weight [C]) → (x · r · weight, r [..., 1]) with r = 1 / sqrt(mean(x²) + epsilon), which the gradient
   * reads. Source: Zhang and Sennrich 2019, arXiv:1910.07467.
   */
  rmsNorm: { readonly epsilon: number };
  /**
   * (x [B, H, T, D], cos [T, D/2], sin [T, D/2]): rotary position embedding in the half-split layout of Llama;
   * `inverse` turns the other way. Source: Su et al. 2021, arXiv:2104.09864.
   */
  rotary: { readonly inverse: boolean };
  /** (gate, up): silu(gate) · up. Source: Shazeer 2020, arXiv:2002.05202. */
  swiglu: None;
  /**
   * (gate, up): gelu(gate) · up with gelu(x) = x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))).
   * Source: Hendrycks and Gimpel 2016, arXiv:1606.08415.
   */
  geglu: None;
  /**
   * (q [B, H, T, D], k [B, H, S, D], v [B, H, S, D]) → (out [B, H, T, D], probabilities [B, H, T, S]).
   * Causal: position t sees keys ≤ t + (S − T); with a window only the last `window` of those.
   */
  attention: { readonly scale: number; readonly causal: boolean; readonly window?: number };
  /** (logits [M, V], targets int64 [M]) → (nll [M], probabilities [M, V]). */
  crossEntropy: None;
  /**
   * (logits [M, V], classes int64 [M, K]) → (log-probabilities of the classes [M, K], of all classes [M, V]). The
   * gradient of the first is written in the one array that it needs.
   */
  pickLogSoftmax: None;

  // Quantisation.
  /**
   * (weight [I, O]): symmetric fake quantisation per output channel (axis 1), straight-through gradient.
   * scale = max(max|w| over the column, 1e-8) / (2^(bits−1) − 1); value = round(w / scale) · scale.
   */
  fakeQuant: { readonly bits: number };
  /** (q int8 [I, O], scale float32 [O]): q · scale, the exported twin of fakeQuant. */
  dequantize: None;
  /**
   * (x [..., I], values uint8 [O, blocks, block · bits / 8], scale [O, blocks]) → x · Wᵀ [..., O], W [O, I] as in
   * `BlockAttrs`. With `activations` "int8" a kernel may round x to 8 bits, a scale for each block or row of it: faster,
   * and within max|x| / 127 of each element. Inference only: no gradient.
   */
  matmulQuantised: BlockAttrs & { readonly activations: "float32" | "int8" };
  /**
   * (x [..., I], values int8 [I, O], [O, I] with `transB`, scale [O]) → (x · values) · scale [..., O]. With `activations`
   * "int8" each row of x is rounded first, to round(x / s) · s with s = max(max|row| · (1 / 127), 1e-30) in float32, ties
   * to even, and the sum is one of integers: a row's result depends on no other row. Inference only: no gradient.
   */
  matmulInt8: { readonly transB: boolean; readonly activations: "float32" | "int8" };
  /**
   * (values uint8 [R, blocks, block · bits / 8], scale [R, blocks], indices [...]) → [..., width]: rows of the matrix
   * that `BlockAttrs` describes. Inference only: no gradient.
   */
  gatherQuantised: BlockAttrs & { readonly width: number };

  // Inference only: no gradient.
  /**
   * Attention over a KV cache that is updated in place; applies rotary embedding.
   * (q [B, T, H·D], k [B, T, K·D], v [B, T, K·D], pastKey [B, K, S, D], pastValue [B, K, S, D],
   *  lastPosition int32 [B] (tokens before + T − 1), totalLength int32 [], cos [S, D/2], sin [S, D/2])
   * → (out [B, T, H·D], presentKey, presentValue) where present may be the same memory as past.
   * With a window each token sees itself and the `window` − 1 before it.
   */
  cachedAttention: {
    readonly heads: number;
    readonly kvHeads: number;
    readonly scale: number;
    readonly window?: number;
  };
}

export type OpName = keyof OpAttrs;

/** Elementwise on one operand, without attributes: several tables answer for these in one way. */
export type UnaryOp =
  | "neg"
  | "exp"
  | "log"
  | "sqrt"
  | "reciprocal"
  | "sigmoid"
  | "tanh"
  | "erf"
  | "relu"
  | "silu"
  | "abs"
  | "sign"
  | "round"
  | "stopGradient";

/** Elementwise on two operands of one type. */
export type BinaryOp = "add" | "sub" | "mul" | "div" | "maximum" | "minimum" | "equal" | "less";
