import type { OpName } from "../../graph/ops.ts";
import type { OnnxRule } from "./rule.ts";
import { elementwiseRules } from "./rules-elementwise.ts";
import { indexRules } from "./rules-index.ts";
import { layoutRules } from "./rules-layout.ts";
import { matrixRules } from "./rules-matrix.ts";
import { quantisedRules } from "./rules-quantised.ts";
import { transformerRules } from "./rules-transformer.ts";

/** How each operation is written as ONNX; inputs and constants are not nodes there. */
export const onnxRules: { readonly [O in Exclude<OpName, "input" | "constant">]: OnnxRule<O> } = {
  ...elementwiseRules,
  ...layoutRules,
  ...indexRules,
  ...matrixRules,
  ...transformerRules,
  ...quantisedRules,
};
