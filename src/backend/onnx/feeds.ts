import { LimbeckError } from "../../base/errors.ts";
import { type DType, elementCount, type Tensor } from "../../tensor/tensor.ts";
import type { NamedTensors, TensorSpec } from "../session.ts";

/** Values of named sizes ("T" → 12) in one run. */
export type Sizes = ReadonlyMap<string, number>;

function describe(dtype: DType, shape: readonly (number | string)[]): string {
  return `${dtype}[${shape.join(", ")}]`;
}

function bad(message: string, name: string, cure?: string): LimbeckError {
  return new LimbeckError("invalid_tensor", message, { fields: { name }, ...(cure ? { cure } : {}) });
}

/** Checks one tensor against what is expected; adds the named sizes that it fixes to `sizes`. */
export function checkTensor(kind: string, spec: TensorSpec, value: Tensor, sizes: Map<string, number>): void {
  const { name, dtype, shape } = spec;
  const mismatch = (expected: string): LimbeckError =>
    bad(`${kind} "${name}": expected ${expected}, got ${describe(value.dtype, value.shape)}`, name);
  if (value.dtype !== dtype || value.shape.length !== shape.length) throw mismatch(describe(dtype, shape));
  const count = elementCount(value.shape);
  if (value.data.length !== count) {
    throw bad(`${kind} "${name}": expected ${count} elements, got ${value.data.length}`, name);
  }
  shape.forEach((dim, i) => {
    const size = value.shape[i]!;
    if (typeof dim === "number") {
      if (size !== dim) throw mismatch(describe(dtype, shape));
      return;
    }
    const known = sizes.get(dim);
    if (known !== undefined && known !== size)
      throw mismatch(`${describe(dtype, shape)} with ${dim} = ${known}`);
    sizes.set(dim, size);
  });
}

/** Checks that `given` has exactly the names of `specs`. */
export function checkNames(kind: string, specs: readonly TensorSpec[], given: NamedTensors): void {
  const expected = new Set(specs.map((spec) => spec.name));
  const list = specs.map((spec) => spec.name).join(", ") || "none";
  for (const name of expected) {
    if (!given[name]) throw bad(`${kind}: expected "${name}", got none`, name);
  }
  for (const name of Object.keys(given)) {
    if (!expected.has(name)) throw bad(`${kind}: expected ${list}, got "${name}"`, name, "Leave it out.");
  }
}

/** Checks all feeds of a run. Returns the named sizes that they fix. Error: `invalid_tensor`. */
export function checkFeeds(specs: readonly TensorSpec[], feeds: NamedTensors): Map<string, number> {
  checkNames("input", specs, feeds);
  const sizes = new Map<string, number>();
  for (const spec of specs) checkTensor("input", spec, feeds[spec.name]!, sizes);
  return sizes;
}

/** The sizes of an output, or null where one is known only after the run. */
export function resolveShape(spec: TensorSpec, sizes: Sizes): readonly number[] | null {
  const shape: number[] = [];
  for (const dim of spec.shape) {
    const size = typeof dim === "number" ? dim : sizes.get(dim);
    if (size === undefined) return null;
    shape.push(size);
  }
  return shape;
}
