import type { Sound } from "../types.ts";

/** Zero crossings of the sinc on each side: the longer, the steeper the filter's edge. */
const halfLobes = 16;
/** Kaiser window: 80 dB of stop band. */
const kaiserBeta = 8;
/** Where the pass band ends, as a part of the lower of both Nyquist frequencies: the rest is the filter's slope. */
const passBand = 0.92;

/** Modified Bessel function of the first kind, order 0, by its power series. */
function besselI0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);

interface Filter {
  /** Input samples on each side of a place that it reads. */
  readonly reach: number;
  /** [phase][tap], phases of one output step in `up` parts. */
  readonly phases: readonly Float64Array[];
}

const filters = new Map<string, Filter>();

/** One set of taps for each place that an output sample can have between two input samples. */
function filterFor(up: number, down: number): Filter {
  const key = `${up}/${down}`;
  const known = filters.get(key);
  if (known) return known;
  const cutoff = passBand * Math.min(1, up / down);
  const reach = Math.ceil(halfLobes / cutoff);
  const phases = Array.from({ length: up }, (_, phase) => {
    const taps = Float64Array.from({ length: 2 * reach }, (_, k) => {
      const t = k - reach + 1 - phase / up;
      const sinc = t === 0 ? 1 : Math.sin(Math.PI * cutoff * t) / (Math.PI * cutoff * t);
      const place = t / reach;
      if (Math.abs(place) >= 1) return 0;
      return (sinc * besselI0(kaiserBeta * Math.sqrt(1 - place * place))) / besselI0(kaiserBeta);
    });
    // Each phase passes a constant unchanged.
    const sum = taps.reduce((a, b) => a + b, 0);
    return taps.map((tap) => tap / sum);
  });
  const filter = { reach, phases };
  filters.set(key, filter);
  return filter;
}

/** The same sound at another rate: a windowed sinc, linear phase, nothing above the lower Nyquist frequency. */
export function resample(sound: Sound, sampleRateHz: number): Sound {
  const { samples, sampleRateHz: from } = sound;
  if (from === sampleRateHz) return sound;
  const divisor = greatestCommonDivisor(from, sampleRateHz);
  const up = sampleRateHz / divisor;
  const down = from / divisor;
  const { reach, phases } = filterFor(up, down);
  const out = new Float32Array(Math.ceil((samples.length * up) / down));
  for (let i = 0; i < out.length; i++) {
    const place = i * down;
    const first = Math.floor(place / up) - reach + 1;
    const taps = phases[place % up]!;
    let sum = 0;
    const from = Math.max(0, -first);
    const to = Math.min(taps.length, samples.length - first);
    for (let k = from; k < to; k++) sum += taps[k]! * samples[first + k]!;
    out[i] = sum;
  }
  return { samples: out, sampleRateHz };
}
