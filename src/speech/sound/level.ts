import type { Sound } from "../types.ts";

/** Loudness that every voice is brought to: root mean square of its louder parts, below full scale. */
const targetRms = 0.1;
/** No sample of a levelled sound lies further out: room for resampling. */
export const mostPeak = 0.9;
/** Quieter than this (-46 dBFS) counts as silence at a sound's ends. */
const silenceLevel = 0.005;
/** Sound kept before the first loud sample: soft consonants begin quietly. */
const keptLeadMs = 15;
/** Pause kept after the last loud sample: enough between two sentences. */
const keptPauseMs = 180;
const windowMs = 20;

/** Root mean square of the windows that are not silent; 0 where all are. */
export function activeRms({ samples, sampleRateHz }: Sound): number {
  const width = Math.max(1, Math.round((windowMs / 1000) * sampleRateHz));
  let sum = 0;
  let count = 0;
  for (let at = 0; at < samples.length; at += width) {
    const end = Math.min(samples.length, at + width);
    let energy = 0;
    for (let i = at; i < end; i++) energy += samples[i]! ** 2;
    if (energy / (end - at) < silenceLevel ** 2) continue;
    sum += energy;
    count += end - at;
  }
  return count === 0 ? 0 : Math.sqrt(sum / count);
}

export function peakOf(samples: Float32Array): number {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return peak;
}

/** A copy of the sound at the common loudness: one factor, so that its shape stays and no sample passes `mostPeak`. */
export function level(sound: Sound): Sound {
  const rms = activeRms(sound);
  const peak = peakOf(sound.samples);
  const gain = rms === 0 ? 1 : Math.min(targetRms / rms, mostPeak / peak);
  return { ...sound, samples: sound.samples.map((sample) => sample * gain) };
}

/** Without the silence before the first word, and with a short pause after the last; empty where all is silent. A view, no copy. */
export function trim({ samples, sampleRateHz }: Sound): Sound {
  const isLoud = (sample: number): boolean => Math.abs(sample) >= silenceLevel;
  const first = samples.findIndex(isLoud);
  if (first < 0) return { samples: new Float32Array(0), sampleRateHz };
  const last = samples.findLastIndex(isLoud);
  const from = Math.max(0, first - Math.round((keptLeadMs / 1000) * sampleRateHz));
  const to = Math.min(samples.length, last + 1 + Math.round((keptPauseMs / 1000) * sampleRateHz));
  return { samples: samples.subarray(from, to), sampleRateHz };
}

/** Ends `samples` in silence without a click: half a cosine over all of them. Changes them. */
export function fadeOut(samples: Float32Array): Float32Array {
  for (let i = 0; i < samples.length; i++) {
    samples[i] = samples[i]! * (0.5 + 0.5 * Math.cos((Math.PI * (i + 1)) / samples.length));
  }
  return samples;
}
