import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import type { MatMulAttrs } from "../graph/ops.ts";
import type { VjpEntriesOf } from "./rule.ts";
import { asRows, reshapeTo, sumTo } from "./shaping.ts";

/**
 * Both gradients of y = alpha · op(x) · op(w) as single products over the untransposed arrays:
 * dX = G·Wᵀ and dW = Xᵀ·G, written so that transposes stay flags and alpha stays inside the product.
 */
function productGradients(b: GraphBuilder, x: Value, w: Value, g: Value, attrs: MatMulAttrs): [Value, Value] {
  const { transA, transB, alpha } = attrs;
  const dx = transA
    ? b.matmul(w, g, { transA: transB, transB: true, alpha })
    : b.matmul(g, w, { transB: !transB, alpha });
  const dw = transB
    ? b.matmul(g, x, { transA: true, transB: transA, alpha })
    : b.matmul(x, g, { transA: !transA, alpha });
  return [dx, dw];
}

export const matrixVjps: VjpEntriesOf<"matmul"> = {
  matmul: ({ b, g, inputs, attrs }) => {
    const [x, w] = inputs as readonly [Value, Value];
    // [B, T, C] x [C, O]: the batch axes are rows like any other. One product with B·T as its inner size replaces
    // B products and a sum over [B, C, O].
    if (w.shape.length === 2 && x.shape.length > 2 && !attrs.transA) {
      const rows = asRows(b, x);
      const gRows = asRows(b, g);
      if (rows && gRows) {
        const [dx, dw] = productGradients(b, rows, w, gRows, attrs);
        return [reshapeTo(b, dx, x.shape), dw];
      }
    }
    const [dx, dw] = productGradients(b, x, w, g, attrs);
    return [sumTo(b, dx, x.shape), sumTo(b, dw, w.shape)];
  },
};
