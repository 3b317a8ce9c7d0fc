import type { GraphBuilder } from "../../graph/builder.ts";
import type { Value } from "../../graph/graph.ts";
import { zeros } from "../../tensor/tensor.ts";

/** Positions of the cache. */
export const positions = 16;

/** Attention of two heads of q [1, T, 32] and one of k and v [1, T, 16] over a cache of its own, as a graph's outputs. */
export function outputAttention(g: GraphBuilder, [q, k, v]: readonly [Value, Value, Value]): void {
  const cache = (name: string): Value => g.input(name, "float32", [1, 1, positions, 16], "state");
  const table = (): Value => g.constant(zeros("float32", [positions, 8]));
  const { out, presentKey, presentValue } = g.cachedAttention(
    {
      q,
      k,
      v,
      pastKey: cache("past_key"),
      pastValue: cache("past_value"),
      lastPosition: g.input("last_position", "int32", [1]),
      totalLength: g.input("total_length", "int32", []),
      cos: table(),
      sin: table(),
    },
    { heads: 2, kvHeads: 1, scale: 0.25 },
  );
  g.output("out", out);
  g.output("present_key", presentKey);
  g.output("present_value", presentValue);
}
