import type { NamedTensors } from "../backend/session.ts";
import type { LazyTensor } from "../lower/onnx/initialisers.ts";
import type { TensorData } from "../tensor/tensor.ts";
import { parameterShapes } from "./decoder.ts";
import type { WeightSource } from "./training-logits.ts";
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
  for (const [name, shape] of parameterShapes(config)) {
    const form = formOf(name, shape, choice);
    const held = (): NamedTensors => {
      if (current?.name === name) return current.held;
      // The one before goes first: two tables of embeddings would be the peak of the export.
      current = undefined;
      const weight = read(name);
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
