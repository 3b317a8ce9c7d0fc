import * as path from "node:path";
import { test } from "node:test";
import { onnxCpuBackend } from "#limbeck/backend/onnx/backend.js";
import { writeJsonAtomic } from "#limbeck/base/files.js";
import { createRandom, type Random } from "#limbeck/base/random.js";
import { readSafetensors, writeSafetensors } from "#limbeck/tensor/safetensors.js";
import { type Tensor, zeros } from "#limbeck/tensor/tensor.js";
import { createArena, fillArena, layOutParameters } from "#limbeck/train/arena.js";
import { adamWDefaults, createOptimiser } from "#limbeck/train/optimiser.js";
import { assertClose, runPython, temporaryFolder } from "./python.ts";

const folder = temporaryFolder();

// The second matrix is longer than one piece of the optimiser's graph.
const shapes = new Map<string, readonly number[]>([
  ["small", [7, 5]],
  ["large", [300, 200]],
  ["norm", [33]],
]);

function draw(random: Random, scale: number): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, shape] of shapes) {
    const values = zeros("float32", shape);
    for (let i = 0; i < values.data.length; i++) values.data[i] = scale * random.normal();
    tensors[name] = values;
  }
  return tensors;
}

const prefixed = (prefix: string, tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, value]) => [`${prefix}.${name}`, value]));

test("AdamW with clipping equals torch.optim.AdamW over 20 steps: weights and both moments", async () => {
  const random = createRandom(8);
  const start = draw(random, 0.5);
  // Norms on both sides of the clip: the first steps are clipped, the last are not.
  const gradients = Array.from({ length: 20 }, (_, step) => draw(random, 0.1 / (step + 1)));
  const rates = gradients.map((_, step) => 1e-3 * (step < 5 ? (step + 1) / 5 : 1 - step / 40));
  const clipNorm = 3;
  const settings = { ...adamWDefaults, weightDecay: 0.1 };

  const tensors = path.join(folder, "adamw.safetensors");
  const [job, out] = [path.join(folder, "adamw.json"), path.join(folder, "found.safetensors")];
  const given = gradients.map((gradient, step) => prefixed(`gradient.${step}`, gradient));
  writeSafetensors(tensors, Object.assign(prefixed("start", start), ...given) as Record<string, Tensor>);
  const { beta1, beta2, epsilon, weightDecay } = settings;
  writeJsonAtomic(job, {
    tensors,
    out,
    rates,
    clip_norm: clipNorm,
    beta1,
    beta2,
    epsilon,
    weight_decay: weightDecay,
  });
  runPython("test/oracle/adamw.py", [job]);
  const expected = readSafetensors(out).tensors;

  const layout = layOutParameters(shapes);
  const [weights, gradient] = [createArena(layout), createArena(layout)];
  fillArena(weights, start);
  const optimiser = await createOptimiser(onnxCpuBackend, weights, gradient, settings, { threads: 1 });
  for (const [step, values] of gradients.entries()) {
    fillArena(gradient, values);
    const norm = await optimiser.gradientNorm();
    await optimiser.update(step + 1, rates[step]!, Math.min(1, clipNorm / norm));
  }
  for (const name of shapes.keys()) {
    const at = (kind: string): Float32Array => expected[`${kind}.${name}`]!.data as Float32Array;
    const scaled = (moment: Tensor, factor: number): Float32Array =>
      (moment.data as Float32Array).map((x) => x * factor);
    assertClose(weights.tensors[name]!.data as Float32Array, at("weight"), 1e-6, `weights of ${name}`);
    assertClose(
      scaled(optimiser.first.tensors[name]!, 1 - beta1),
      at("first"),
      1e-7,
      `first moment of ${name}`,
    );
    assertClose(
      scaled(optimiser.second.tensors[name]!, 1 - beta2),
      at("second"),
      1e-9,
      `second moment of ${name}`,
    );
  }
  optimiser.close();
});
