import type { Backend, Binding, Session } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { type Arena, arenaSlice, createArena } from "./arena.ts";

export interface AdamWSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

export const adamWDefaults: AdamWSettings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.01 };

/** A run of elements that is updated in one go. */
export interface Segment {
  readonly name: string;
  readonly count: number;
  readonly decays: boolean;
}

/**
 * AdamW over flat segments, with moments scaled so that few passes over memory are needed:
 *   M' = β1·M + g,  V' = β2·V + g²,  w' = decay·w − M' / (A·sqrt(V') + B)
 * where m = (1 − β1)·M and v = (1 − β2)·V are the usual moments and `updateScalars` gives A, B and decay.
 * Inputs per segment s: `w.s`, `m.s`, `v.s` (state) and `g.s`; scalars `clip`, `decay`, `a`, `b`. Outputs `w.s.next`,
 * `m.s.next`, `v.s.next`: each old value is read only on the way to its own new one, so that outputs may be the inputs'
 * memory. With `ema`, also `e.s.next` = ema·e + (1 − ema)·w'. Source: Loshchilov and Hutter 2019, arXiv:1711.05101.
 */
export function buildAdamW(
  segments: readonly Segment[],
  settings: AdamWSettings,
  ema: number | null = null,
): Graph {
  const g = new GraphBuilder("adamw");
  const clip = g.input("clip", "float32", []);
  const decay = g.input("decay", "float32", []);
  const a = g.input("a", "float32", []);
  const b = g.input("b", "float32", []);
  for (const { name, count, decays } of segments) {
    const w = g.input(`w.${name}`, "float32", [count], "parameter");
    const m = g.input(`m.${name}`, "float32", [count], "state");
    const v = g.input(`v.${name}`, "float32", [count], "state");
    const gradient = g.mul(g.input(`g.${name}`, "float32", [count]), clip);
    const first = g.add(g.mul(m, settings.beta1), gradient);
    const second = g.add(g.mul(v, settings.beta2), g.mul(gradient, gradient));
    const step = g.div(first, g.add(g.mul(g.sqrt(second), a), b));
    const next = g.sub(decays ? g.mul(w, decay) : w, step);
    g.output(`w.${name}.next`, next);
    g.output(`m.${name}.next`, first);
    g.output(`v.${name}.next`, second);
    if (ema !== null) {
      const e = g.input(`e.${name}`, "float32", [count], "state");
      g.output(`e.${name}.next`, g.add(g.mul(e, ema), g.mul(next, 1 - ema)));
    }
  }
  return g.build();
}

/** Σ g² of a flat gradient [count] → `sum_of_squares` []. */
export function buildGradientNorm(count: number): Graph {
  const g = new GraphBuilder("gradient_norm");
  const gradient = g.input("g", "float32", [count]);
  g.output("sum_of_squares", g.reduceSum(g.mul(gradient, gradient)));
  return g.build();
}

/** The scalars of step t = 1, 2, … . Error: `invalid_config` when the learning rate is not positive. */
export function updateScalars(
  settings: AdamWSettings,
  step: number,
  learningRate: number,
): { a: number; b: number; decay: number } {
  if (!(learningRate > 0)) {
    throw new LimbeckError(
      "invalid_config",
      `learning rate: expected a positive number, got ${learningRate}`,
      {
        cure: "Set optimiser.learning_rate above 0, and schedule.floor above 0 if the rate falls to it.",
      },
    );
  }
  const { beta1, beta2, epsilon, weightDecay } = settings;
  const rate = (learningRate * (1 - beta1)) / (1 - beta1 ** step);
  const second = Math.sqrt((1 - beta2) / (1 - beta2 ** step));
  return { a: second / rate, b: epsilon / rate, decay: 1 - learningRate * weightDecay };
}

/** Weights, gradients and moments of one training, with the sessions that update them in place. */
export interface Optimiser {
  /** Scaled moments M and V (see `buildAdamW`). */
  readonly first: Arena;
  readonly second: Arena;
  /** The running average of the weights, when asked for. */
  readonly average: Arena | null;
  /** Global norm of the gradients as they lie in their arena. */
  gradientNorm(): Promise<number>;
  /** One update; step counts from 1. `clipScale` multiplies every gradient. */
  update(step: number, learningRate: number, clipScale: number): Promise<void>;
  /** From now on vectors (norm scales) stay as they are. */
  freezeVectors(): void;
  close(): void;
}

function scalarTensors(): { [name in "clip" | "decay" | "a" | "b"]: Tensor } {
  const one = (): Tensor => zeros("float32", []);
  return { clip: one(), decay: one(), a: one(), b: one() };
}

function setScalar(tensor: Tensor, value: number): void {
  (tensor.data as Float32Array)[0] = value;
}

/**
 * Elements of one flat piece: what goes from pass to pass stays in the last-level cache, and a pass is long against the
 * start of its node. Pieces that fit the second-level cache lose more at the start of their many nodes than they gain.
 * Large models have larger pieces, so that the graph stays small.
 */
const pieceElements = 524_288;
const mostPieces = 128;

/** Splits the matrices, or the vectors, of a layout into pieces. */
function pieces(start: number, end: number, decays: boolean): (Segment & { start: number })[] {
  const out: (Segment & { start: number })[] = [];
  const size = Math.max(pieceElements, 16 * Math.ceil((end - start) / mostPieces / 16));
  for (let at = start; at < end; at += size) {
    out.push({ name: String(at), count: Math.min(size, end - at), decays, start: at });
  }
  return out;
}

/** Compiles the optimiser for `weights` and `gradients` (same layout). Close it when done. */
export async function createOptimiser(
  backend: Backend,
  weights: Arena,
  gradients: Arena,
  settings: AdamWSettings,
  options: { ema?: number | null; threads?: number } = {},
): Promise<Optimiser> {
  const { layout } = weights;
  const first = createArena(layout);
  const second = createArena(layout);
  const ema = options.ema ?? null;
  const average = ema === null ? null : createArena(layout);
  average?.data.set(weights.data);
  const scalars = scalarTensors();
  const compileOptions = options.threads === undefined ? {} : { threads: options.threads };

  const open = async (start: number, end: number, decays: boolean): Promise<[Session, Binding] | null> => {
    if (start === end) return null;
    const segments = pieces(start, end, decays);
    const session = await backend.compile(buildAdamW(segments, settings, ema), compileOptions);
    const inputs: Record<string, Tensor> = { ...scalars };
    const outputs: Record<string, Tensor> = {};
    for (const segment of segments) {
      const slice = (arena: Arena): Tensor => arenaSlice(arena, segment.start, segment.start + segment.count);
      inputs[`g.${segment.name}`] = slice(gradients);
      const state: [string, Arena | null][] = [
        ["w", weights],
        ["m", first],
        ["v", second],
        ["e", average],
      ];
      for (const [letter, arena] of state) {
        if (!arena) continue;
        const tensor = slice(arena);
        inputs[`${letter}.${segment.name}`] = tensor;
        outputs[`${letter}.${segment.name}.next`] = tensor;
      }
    }
    return [session, session.bind(inputs, outputs)];
  };

  const matrices = await open(0, layout.matrixCount, true);
  const vectors = await open(layout.matrixCount, layout.count, false);
  const normSession = await backend.compile(buildGradientNorm(layout.count), compileOptions);
  const sum = zeros("float32", []);
  const norm = normSession.bind({ g: arenaSlice(gradients, 0, layout.count) }, { sum_of_squares: sum });
  let vectorsFrozen = false;

  return {
    first,
    second,
    average,
    async gradientNorm() {
      await norm.run();
      return Math.sqrt((sum.data as Float32Array)[0]!);
    },
    async update(step, learningRate, clipScale) {
      const { a, b, decay } = updateScalars(settings, step, learningRate);
      setScalar(scalars.a, a);
      setScalar(scalars.b, b);
      setScalar(scalars.decay, decay);
      setScalar(scalars.clip, clipScale);
      if (matrices) await matrices[1].run();
      if (vectors && !vectorsFrozen) await vectors[1].run();
    },
    freezeVectors() {
      vectorsFrozen = true;
    },
    close() {
      for (const pair of [matrices, vectors]) {
        pair?.[1].close();
        pair?.[0].close();
      }
      norm.close();
      normSession.close();
    },
  };
}
