/**
 * Seeded randomness: the only source of it in Limbeck.
 * The generator is SplitMix32-seeded sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, 32-bit integer
 * arithmetic only, so that every machine draws the same numbers.
 */
export interface Random {
  /** Uniform in [0, 1), 32 bits of resolution. */
  next(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
  /** Gamma(shape, 1) (Marsaglia and Tsang 2000). */
  gamma(shape: number): number;
  pick<T>(items: readonly T[]): T;
  /** A new array in random order (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[];
  /** An independent stream that depends on this seed and `label` only, not on what was drawn before. */
  fork(label: string): Random;
  /** The state, to resume from with `randomFromState`. */
  state(): readonly number[];
}

function hashLabel(seed: number, label: string): number {
  // FNV-1a over UTF-16 units, then avalanche.
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b) >>> 0;
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A generator for `seed` (any finite number; its low 32 bits count). */
export function createRandom(seed: number): Random {
  let s = seed >>> 0;
  const split = (): number => {
    s = (s + 0x9e3779b9) >>> 0;
    let z = s;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  const state = [split(), split(), split(), 1, seed >>> 0];
  const random = randomFromState(state);
  for (let i = 0; i < 12; i++) random.next();
  return random;
}

/** The generator whose `state()` was `saved`. */
export function randomFromState(saved: readonly number[]): Random {
  let [a = 0, b = 0, c = 0, d = 1] = saved;
  const seed = saved[4] ?? 0;
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 4294967296;
  };
  const integer = (bound: number): number => Math.floor(next() * bound);
  const normal = (): number => {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    return radius * Math.cos(2 * Math.PI * next());
  };
  const gamma = (shape: number): number => {
    if (shape < 1) return gamma(shape + 1) * (1 - next()) ** (1 / shape);
    const d0 = shape - 1 / 3;
    const c0 = 1 / Math.sqrt(9 * d0);
    for (;;) {
      const x = normal();
      const v = (1 + c0 * x) ** 3;
      if (v > 0 && Math.log(1 - next()) < 0.5 * x * x + d0 - d0 * v + d0 * Math.log(v)) return d0 * v;
    }
  };
  return {
    next,
    integer,
    normal,
    gamma,
    pick: <T>(items: readonly T[]): T => items[integer(items.length)] as T,
    shuffle: <T>(items: readonly T[]): T[] => {
      const out = [...items];
      for (let i = out.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        [out[i], out[j]] = [out[j] as T, out[i] as T];
      }
      return out;
    },
    fork: (label) => createRandom(hashLabel(seed, label)),
    state: () => [a, b, c, d, seed],
  };
}
