import type { OpName } from "../../graph/ops.ts";
import { cachedAttentionRules } from "./cached-attention.ts";
import { compositeRules } from "./composite.ts";
import { widen } from "./dense.ts";
import { elementwiseRules } from "./elementwise.ts";
import { indexingRules } from "./indexing.ts";
import { layoutRules } from "./layout.ts";
import { matrixRules } from "./matrix.ts";
import { quantisedRules } from "./quantised.ts";
import { reduceRules } from "./reduce.ts";
import type { ReferenceRule } from "./rule.ts";

/** What every operation means, in float64. Slow on purpose: short loops that can be read against a definition. */
export const referenceRules: { readonly [O in OpName]: ReferenceRule<O> } = {
  input: (_inputs, { name }, context) => [context.feed(name)],
  constant: (_inputs, { tensor }) => [widen(tensor)],
  ...elementwiseRules,
  ...matrixRules,
  ...layoutRules,
  ...reduceRules,
  ...indexingRules,
  ...compositeRules,
  ...cachedAttentionRules,
  ...quantisedRules,
};
