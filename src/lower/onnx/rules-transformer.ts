import type { Dim } from "../../graph/graph.ts";
import type { DType } from "../../tensor/tensor.ts";
import { contrib, type OnnxEmitter } from "./emitter.ts";
import { joinedHeads } from "./joined-heads.ts";
import type { OnnxRules } from "./rule.ts";
import { emitProduct } from "./rules-matrix.ts";

const plain = { transA: false, transB: false, alpha: 1 };

/** What a hidden score is lowered by: exp gives an exact 0, and no NaN arises as it would from −∞ − (−∞). */
const hidden = -1e30;

/**
 * 0 where query t may see key s, else `hidden`: [T, S]. Position t sees keys ≤ t + (S − T), of those the last `window`.
 */
function causalMask(emit: OnnxEmitter, dtype: DType, queries: Dim, keys: Dim, window?: number): string {
  const key = `mask ${dtype} ${queries} ${keys} ${window ?? ""}`;
  const known = emit.shared.get(key);
  if (known !== undefined) return known;
  const zero = emit.scalar("int64", 0);
  const one = emit.scalar("int64", 1);
  const scalarDim = (dim: Dim): string => emit.op("Squeeze", [emit.dim(dim)]);
  const t = scalarDim(queries);
  const s = scalarDim(keys);
  const row = emit.op("Range", [emit.op("Sub", [s, t]), s, one]); // last visible key of each query, [T]
  const column = emit.op("Range", [zero, s, one]); // [S]
  const last = emit.op("Unsqueeze", [row, emit.int64s([1])]); // [T, 1]
  const isLater = emit.op("Less", [last, column]); // [T, S]
  const isHidden =
    window === undefined
      ? isLater
      : emit.op("Or", [
          isLater,
          emit.op("LessOrEqual", [column, emit.op("Sub", [last, emit.scalar("int64", window)])]),
        ]);
  const mask = emit.op("Where", [isHidden, emit.scalar(dtype, hidden), emit.scalar(dtype, 0)]);
  emit.shared.set(key, mask);
  return mask;
}

/** x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))). */
function gelu(emit: OnnxEmitter, dtype: DType, x: string): string {
  if (dtype === "float32") return emit.op("Gelu", [x], { attributes: { approximate: { text: "tanh" } } });
  const number = (value: number): string => emit.scalar(dtype, value);
  const slope = Math.sqrt(2 / Math.PI);
  const cubic = emit.op("Mul", [emit.op("Mul", [x, x]), number(slope * 0.044715)]);
  const t = emit.op("Tanh", [emit.op("Mul", [x, emit.op("Add", [cubic, number(slope)])])]);
  return emit.op("Mul", [emit.op("Mul", [x, number(0.5)]), emit.op("Add", [t, number(1)])]);
}

/** The two halves of the last axis. */
function halves(emit: OnnxEmitter, x: string, width: number): [string, string] {
  const part = (start: number, end: number): string =>
    emit.op("Slice", [x, emit.int64s([start]), emit.int64s([end]), emit.int64s([3])]);
  return [part(0, width / 2), part(width / 2, width)];
}

export const transformerRules: OnnxRules<
  | "rmsNorm"
  | "rotary"
  | "swiglu"
  | "geglu"
  | "attention"
  | "crossEntropy"
  | "pickLogSoftmax"
  | "cachedAttention"
> = {
  rmsNorm: ({ emit, node, inputs, outputs }) => {
    const { dtype } = node.inputs[0]!;
    const { epsilon } = node.attrs;
    const [x, weight] = inputs as [string, string];
    if (dtype === "float32") {
      // ONNX Runtime's own name for the same kernel has 1 / root as its second result.
      const opType = outputs[1] ? "SimplifiedLayerNormalization" : "RMSNormalization";
      emit.node(opType, [x, weight], outputs[1] ? [outputs[0] || emit.fresh(), outputs[1]] : [outputs[0]!], {
        attributes: { axis: { int: -1 }, epsilon: { float: epsilon }, stash_type: { int: 1 } },
      });
      return;
    }
    // The kernel takes epsilon as a float32 attribute, which is too coarse for wider types.
    const square = emit.op("Mul", [x, x]);
    const mean = emit.op("ReduceMean", [square, emit.int64s([-1])], { attributes: { keepdims: { int: 1 } } });
    const root = emit.op("Sqrt", [emit.op("Add", [mean, emit.scalar(dtype, epsilon)])]);
    if (outputs[1]) emit.node("Reciprocal", [root], [outputs[1]]);
    if (outputs[0]) emit.node("Mul", [emit.op("Div", [x, root]), weight], [outputs[0]]);
  },

  rotary: ({ emit, node, inputs, outputs }) => {
    const [x, cos, sin] = inputs as [string, string, string];
    const { dtype, shape } = node.inputs[0]!;
    const turn = node.attrs.inverse ? emit.op("Neg", [sin]) : sin;
    if (dtype === "float32") {
      const first = emit.int64s([0]); // the position of the first token
      emit.node("RotaryEmbedding", [x, first, cos, turn], [outputs[0]!], { domain: contrib });
      return;
    }
    // (a, b) → (a·cos − b·sin, b·cos + a·sin)
    const [a, b] = halves(emit, x, shape[3] as number);
    const low = emit.op("Sub", [emit.op("Mul", [a, cos]), emit.op("Mul", [b, turn])]);
    const high = emit.op("Add", [emit.op("Mul", [b, cos]), emit.op("Mul", [a, turn])]);
    emit.node("Concat", [low, high], [outputs[0]!], { attributes: { axis: { int: 3 } } });
  },

  // Not QuickGelu: the gradient needs the same sigmoid, and ONNX Runtime merges equal nodes.
  swiglu: ({ emit, inputs, outputs }) => {
    const [gate, up] = inputs as [string, string];
    const silu = emit.op("Mul", [gate, emit.op("Sigmoid", [gate])]);
    emit.node("Mul", [silu, up], [outputs[0]!]);
  },

  geglu: ({ emit, node, inputs, outputs }) => {
    const [gate, up] = inputs as [string, string];
    const { dtype } = node.inputs[0]!;
    emit.node("Mul", [gelu(emit, dtype, gate), up], [outputs[0]!]);
  },

  attention: ({ emit, node, inputs, outputs }) => {
    const { scale, causal, window } = node.attrs;
    const [q, k, v] = node.inputs.map(({ shape }, i) => ({ name: inputs[i]!, shape }));
    const { dtype, shape } = node.outputs[1]!;
    const scores = emit.fresh(); // [B, H, T, S]
    emitProduct(emit, dtype, [q!, k!], { transA: false, transB: true, alpha: scale }, scores);
    const mask = causal && causalMask(emit, dtype, shape[2]!, shape[3]!, window);
    const seen = mask ? emit.op("Add", [scores, mask]) : scores;
    const probabilities = outputs[1] || emit.fresh();
    emit.node("Softmax", [seen], [probabilities], { attributes: { axis: { int: -1 } } });
    if (outputs[0]) emitProduct(emit, dtype, [{ name: probabilities, shape }, v!], plain, outputs[0]);
  },

  // nll = −log p_target, without the underflow of p_target: with m = max logits, whose probability is at least 1/V,
  // log p_target = log max p + (l_target − m).
  crossEntropy: ({ emit, node, inputs, outputs }) => {
    const [logits, targets] = inputs as [string, string];
    const count = node.inputs[0]!.shape[0]!;
    const probabilities = outputs[1] || emit.fresh(); // [M, V]
    emit.node("Softmax", [logits], [probabilities], { attributes: { axis: { int: -1 } } });
    if (!outputs[0]) return;
    const over = { attributes: { keepdims: { int: 1 } } };
    const top = emit.op("ReduceMax", [logits, emit.int64s([-1])], over); // [M, 1]
    const topProbability = emit.op("ReduceMax", [probabilities, emit.int64s([-1])], over); // [M, 1]
    const column = emit.reshape(targets, [count, 1]);
    const target = emit.op("GatherElements", [logits, column], { attributes: { axis: { int: 1 } } });
    const gap = emit.op("Sub", [top, target]);
    emit.reshape(emit.op("Sub", [gap, emit.op("Log", [topProbability])]), [count], outputs[0]);
  },

  pickLogSoftmax: ({ emit, inputs, outputs }) => {
    const [logits, classes] = inputs as [string, string];
    const log = outputs[1] || emit.fresh(); // [M, V]
    emit.node("LogSoftmax", [logits], [log], { attributes: { axis: { int: 1 } } });
    if (outputs[0])
      emit.node("GatherElements", [log, classes], [outputs[0]], { attributes: { axis: { int: 1 } } });
  },

  cachedAttention: ({ emit, node, inputs, outputs, nameOf }) => {
    const { heads, kvHeads, scale, window } = node.attrs;
    const results = outputs.map((name) => name || emit.fresh());
    const joined = joinedHeads(node);
    const qkv = joined ? [nameOf(joined), "", ""] : inputs.slice(0, 3);
    emit.node("GroupQueryAttention", [...qkv, ...inputs.slice(3)], results, {
      domain: contrib,
      attributes: {
        num_heads: { int: heads },
        kv_num_heads: { int: kvHeads },
        scale: { float: scale },
        do_rotary: { int: 1 },
        ...(window === undefined ? {} : { local_window_size: { int: window } }),
      },
    });
  },
};
