import type { OpName } from "../graph/ops.ts";
import { compositeVjps } from "./composite.ts";
import { binaryVjps, unaryVjps } from "./elementwise.ts";
import { indexingVjps } from "./indexing.ts";
import { layoutVjps } from "./layout.ts";
import { matrixVjps } from "./matrix.ts";
import { reduceVjps } from "./reduce.ts";
import type { VjpEntry } from "./rule.ts";

/** How a gradient passes every operation, in forms that are fast on a CPU: few passes over big arrays. */
export const vjpRules: { readonly [O in OpName]: VjpEntry<O> } = {
  input: "zero",
  constant: "zero",
  ...unaryVjps,
  ...binaryVjps,
  ...matrixVjps,
  ...layoutVjps,
  ...reduceVjps,
  ...indexingVjps,
  ...compositeVjps,
};
