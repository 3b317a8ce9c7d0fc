import type { Sound } from "../types.ts";

/** Two periods of a low voice (80 Hz) fit into a frame. */
const frameMs = 30;
/** One period of it is searched for the best splice. */
const searchMs = 12;
/** The first, coarse search looks at every fourth place and sample. */
const coarse = 4;

/** How well the stretches of `length` samples at `a` and `b` agree: their correlation over `b`'s own size. */
function agreement(samples: Float32Array, a: number, b: number, length: number, step: number): number {
  let product = 0;
  let energy = 1e-9;
  for (let k = 0; k < length; k += step) {
    const y = samples[b + k]!;
    product += samples[a + k]! * y;
    energy += y * y;
  }
  return product / Math.sqrt(energy);
}

/**
 * `rate` times as fast at the same pitch, by overlapping frames of the sound where they agree best (WSOLA: Verhelst and
 * Roelands 1993). The length is that of the sound over `rate`, to within one sample.
 */
export function stretch(sound: Sound, rate: number): Sound {
  const { samples, sampleRateHz } = sound;
  if (rate === 1 || samples.length === 0) return sound;
  const hop = Math.round((frameMs / 2000) * sampleRateHz);
  const frame = 2 * hop;
  const search = Math.round((searchMs / 1000) * sampleRateHz);
  const outLength = Math.round(samples.length / rate);
  // Frames may reach over both ends: silence there.
  const padded = new Float32Array(samples.length + 2 * (frame + search) + Math.ceil(hop * rate));
  const lead = search;
  padded.set(samples, lead);
  const window = Float32Array.from({ length: frame }, (_, k) => 0.5 - 0.5 * Math.cos((Math.PI * k) / hop));

  const out = new Float32Array(outLength + frame);
  let previous = lead;
  for (let at = 0; at < outLength; at += hop) {
    const wanted = lead + Math.round(at * rate);
    const last = padded.length - frame;
    let best = Math.min(wanted, last);
    if (at > 0) {
      // What would have come next had there been no splice.
      const natural = Math.min(previous + hop, last);
      const lookFor = (from: number, to: number, step: number): number => {
        let found = from;
        let most = Number.NEGATIVE_INFINITY;
        for (let place = Math.max(0, from); place <= Math.min(to, last); place += step) {
          const score = agreement(padded, natural, place, frame, step);
          if (score > most) [most, found] = [score, place];
        }
        return found;
      };
      const near = lookFor(best - search, best + search, coarse);
      best = lookFor(near - coarse, near + coarse, 1);
    }
    for (let k = 0; k < frame; k++) {
      // The first frame starts at full strength.
      const weight = at === 0 && k < hop ? 1 : window[k]!;
      out[at + k] = out[at + k]! + weight * padded[best + k]!;
    }
    previous = best;
  }
  return { samples: out.slice(0, outLength), sampleRateHz };
}
