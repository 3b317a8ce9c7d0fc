import type { NamedTensors } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import type { LazyTensor } from "../lower/onnx/initialisers.ts";
import type { TensorData } from "../tensor/tensor.ts";
import { joinColumns, joinedWeights } from "./joined-weights.ts";
import type { WeightSource } from "./training-logits.ts";
import type { WeightFormat } from "./weight-formats.ts";
import { formOf, type WeightChoice, type WeightError, weightError } from "./weight-forms.ts";

/** The parameters of an inference graph, made from a checkpoint when they are written. */
export interface StreamedWeights {
  readonly parameters: Readonly<Record<string, LazyTensor>>;
  /** What holding cost each weight that is not held exactly, of those loaded so far. */
  errors(): readonly WeightError[];
}

/**
 * The checkpoint's weights as a format holds them. One weight is in memory at a time: the parts of it (values, scales)
 * come from one reading where they are loaded one after the other.
 */
export function streamWeights({ config, read }: WeightSource, choice: WeightChoice): StreamedWeights {
  const parameters: Record<string, LazyTensor> = {};
  const errors = new Map<string, WeightError>();
  let current: { readonly name: string; readonly held: NamedTensors } | undefined;
  for (const { name, shape, parts } of joinedWeights(config)) {
    const form = formOf(name, shape, choice);
    const held = (): NamedTensors => {
      if (current?.name === name) return current.held;
      // The one before goes first: two tables of embeddings would be the peak of the export.
      current = undefined;
      const weight = joinColumns(parts.map(read));
      current = { name, held: form.hold(weight) };
      if (current.held[name] !== weight)
        errors.set(name, weightError(name, weight, form.restore(current.held)));
      return current.held;
    };
    for (const { name: input, dtype, shape: size } of form.inputs)
      parameters[input] = { dtype, shape: size, load: (): TensorData => held()[input]!.data };
  }
  return { parameters, errors: () => [...errors.values()] };
}

/** Rounding to 4 bits costs a tenth of a weight, outliers a quarter; values in wrong places cost more than all of it. */
const mostWeightError = 0.5;

/**
 * Parity compares with the weights as they are held: this says that what is held is still the weight.
 * Error: `invalid_artefact`, naming the weight.
 */
export function assertWeightErrors(format: WeightFormat, errors: readonly WeightError[]): void {
  for (const { name, relative_error, max_abs_error } of errors) {
    if (relative_error <= mostWeightError) continue;
    throw new LimbeckError(
      "invalid_artefact",
      `export ${format}: weight "${name}": expected a relative error of at most ${mostWeightError}, got ${relative_error}`,
      {
        cure: "The artefact was not completed. Choose a format of more bits for this checkpoint.",
        fields: { tensor: name, relative_error, max_abs_error },
      },
    );
  }
}
