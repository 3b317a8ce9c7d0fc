import { LimbeckError } from "../../base/errors.ts";
import type { BinaryOp, UnaryOp } from "../../graph/ops.ts";
import { type DType, dtypes } from "../../tensor/tensor.ts";
import { broadcastTo, type Dense, dense } from "./dense.ts";
import type { RuleContext, RulesOf } from "./rule.ts";

export function sigmoid(x: number): number {
  // exp of a number ≤ 0 only: never Infinity / Infinity.
  const e = Math.exp(-Math.abs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/** Nearest integer, ties to even. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** erf(x) = 2/√π · exp(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, whose terms are all of one sign. Source: DLMF 7.6.2. */
function erf(x: number): number {
  if (Number.isNaN(x) || Math.abs(x) >= 6) return Number.isNaN(x) ? x : Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** Converts as ONNX Cast does: toward zero for integers, "not zero" for bool. Floats keep all their digits here. */
function castTo(to: DType, value: number): number {
  if (dtypes[to].isFloat) return value;
  if (to === "bool") return value === 0 ? 0 : 1;
  if (!Number.isFinite(value)) {
    throw new LimbeckError("backend_failed", `cast to ${to}: expected a finite number, got ${value}`);
  }
  return Math.trunc(value) + 0;
}

const unary =
  (f: (x: number) => number) =>
  ([x]: readonly Dense[]): readonly Dense[] => [dense(x!.shape, (i) => f(x!.data[i]!))];

const binary =
  (f: (a: number, b: number, dtype: DType) => number) =>
  (inputs: readonly Dense[], _attrs: unknown, { outputs }: RuleContext): readonly Dense[] => {
    const { shape, dtype } = outputs[0]!;
    const a = broadcastTo(inputs[0]!, shape).data;
    const b = broadcastTo(inputs[1]!, shape).data;
    return [dense(shape, (i) => f(a[i]!, b[i]!, dtype))];
  };

export const elementwiseRules: RulesOf<UnaryOp | BinaryOp | "clip" | "cast" | "where"> = {
  neg: unary((x) => -x),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  reciprocal: unary((x) => 1 / x),
  sigmoid: unary(sigmoid),
  tanh: unary(Math.tanh),
  erf: unary(erf),
  relu: unary((x) => Math.max(x, 0)),
  silu: unary((x) => x * sigmoid(x)),
  abs: unary(Math.abs),
  sign: unary(Math.sign),
  round: unary(roundHalfEven),
  stopGradient: ([x]) => [x!],
  clip: ([x], { min, max }) => [dense(x!.shape, (i) => Math.min(max, Math.max(min, x!.data[i]!)))],
  cast: ([x], { to }) => [dense(x!.shape, (i) => castTo(to, x!.data[i]!))],
  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b, dtype) => (dtypes[dtype].isFloat ? a / b : Math.trunc(a / b))),
  maximum: binary((a, b) => Math.max(a, b)),
  minimum: binary((a, b) => Math.min(a, b)),
  equal: binary((a, b) => (a === b ? 1 : 0)),
  less: binary((a, b) => (a < b ? 1 : 0)),
  where: (inputs, _attrs, { outputs }) => {
    const { shape } = outputs[0]!;
    const [condition, a, b] = inputs.map((x) => broadcastTo(x, shape).data);
    return [dense(shape, (i) => (condition![i] ? a![i]! : b![i]!))];
  },
};
