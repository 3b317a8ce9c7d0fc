import { vjpRules } from "../autodiff/rules.ts";
import { referenceRules } from "../backend/reference/rules.ts";
import type { OpName } from "../graph/ops.ts";
import { shapeRules } from "../graph/shapes.ts";
import { onnxRules } from "../lower/onnx/rules.ts";

type VjpEntry = (typeof vjpRules)[OpName];

function describeGradient(entry: VjpEntry): string {
  if (entry === "zero") return "zero";
  return entry === "missing" ? "none" : "rule";
}

/** docs/ops.md: every operation, and which tables answer for it. */
export function renderOpReference(): string {
  const ops = Object.keys(shapeRules) as OpName[];
  const lowered: ReadonlySet<string> = new Set(Object.keys(onnxRules));
  return [
    "# Operations",
    "",
    "Written by `npm run docs` from the tables of shapes, gradients, the reference interpreter and the ONNX lowering.",
    "What each operation means stands in `src/graph/ops.ts`. *rule*: a gradient rule; *zero*: the gradient is zero by",
    "definition; *none*: a gradient that has to pass raises `vjp_missing`. Inputs and constants are no ONNX nodes: they",
    "become graph inputs and initialisers.",
    "",
    "| operation | gradient | reference | ONNX |",
    "| --- | --- | --- | --- |",
    ...ops.map((op) => {
      const reference = op in referenceRules ? "yes" : "no";
      const onnx = lowered.has(op) ? "yes" : "leaf";
      return `| \`${op}\` | ${describeGradient(vjpRules[op])} | ${reference} | ${onnx} |`;
    }),
    "",
  ].join("\n");
}
