import { LimbeckError } from "../../base/errors.ts";
import type { Sound } from "../types.ts";

/** Bytes of the header that `wavHeader` writes; 16-bit mono samples follow it. */
export const wavHeaderBytes = 44;
/** RIFF counts bytes in 32 bits: more samples do not fit into one file. */
export const wavMostDataBytes = 0xffff_ffff - 36 - 1;

/** Header of a RIFF/WAVE file with `dataBytes` of 16-bit mono PCM. */
export function wavHeader(sampleRateHz: number, dataBytes: number): Uint8Array {
  const bytes = new Uint8Array(wavHeaderBytes);
  const view = new DataView(bytes.buffer);
  const tag = (at: number, name: string): void => bytes.set(Buffer.from(name, "latin1"), at);
  tag(0, "RIFF");
  view.setUint32(4, 36 + dataBytes, true);
  tag(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRateHz, true);
  view.setUint32(28, sampleRateHz * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  tag(36, "data");
  view.setUint32(40, dataBytes, true);
  return bytes;
}

/** 16-bit little-endian PCM of samples; what lies outside [-1, 1] is held at its ends. */
export function toPcm16(samples: Float32Array): Uint8Array {
  const bytes = new Uint8Array(samples.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < samples.length; i++) {
    const held = Math.max(-1, Math.min(1, samples[i]!));
    view.setInt16(2 * i, Math.round(held * 32767), true);
  }
  return bytes;
}

/** A whole WAVE file of one sound. */
export function toWav({ samples, sampleRateHz }: Sound): Uint8Array {
  const data = toPcm16(samples);
  const bytes = new Uint8Array(wavHeaderBytes + data.length);
  bytes.set(wavHeader(sampleRateHz, data.length));
  bytes.set(data, wavHeaderBytes);
  return bytes;
}

/** Mono samples of 16-bit little-endian PCM. An odd last byte is no sample. */
export function fromPcm16(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength >> 1 }, (_, i) => view.getInt16(2 * i, true) / 32768);
}

type SampleReader = (view: DataView, at: number) => number;

/** By format tag and bits: 1 is PCM, 3 is IEEE float. */
const readers: Readonly<Record<string, SampleReader>> = {
  "1/8": (view, at) => (view.getUint8(at) - 128) / 128,
  "1/16": (view, at) => view.getInt16(at, true) / 32768,
  "1/24": (view, at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 8388608,
  "1/32": (view, at) => view.getInt32(at, true) / 2147483648,
  "3/32": (view, at) => view.getFloat32(at, true),
  "3/64": (view, at) => view.getFloat64(at, true),
};

/** WAVE_FORMAT_EXTENSIBLE: the real tag is the first two bytes of its sub-format. */
const extensible = 0xfffe;

/**
 * Sound of a WAVE file; channels are averaged. A program that writes to a pipe cannot know its length: a data chunk
 * that claims more than there is (0xffffffff, 0x7fffffff) or is the last and claims 0 ends with the bytes. Error: `voice_failed`.
 */
export function readWav(bytes: Uint8Array, what: string): Sound {
  const bad = (got: string): LimbeckError =>
    new LimbeckError("voice_failed", `${what}: expected a WAVE file of PCM or float samples, got ${got}`, {
      fields: { bytes: bytes.length },
    });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number): string => Buffer.from(bytes.subarray(at, at + 4)).toString("latin1");
  if (bytes.length < 12 || tag(0) !== "RIFF" || tag(8) !== "WAVE") {
    throw bad(bytes.length === 0 ? "nothing" : `${bytes.length} bytes of something else`);
  }
  let format: { key: string; channels: number; sampleRateHz: number; frameBytes: number } | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    if (tag(at) === "fmt " && size >= 16 && start + size <= bytes.length) {
      const given = view.getUint16(start, true);
      const kind = given === extensible && size >= 26 ? view.getUint16(start + 24, true) : given;
      const channels = view.getUint16(start + 2, true);
      format = {
        key: `${kind}/${view.getUint16(start + 14, true)}`,
        channels,
        sampleRateHz: view.getUint32(start + 4, true),
        frameBytes: view.getUint16(start + 12, true),
      };
    } else if (tag(at) === "data") {
      if (!format) throw bad("samples before their format");
      const read = readers[format.key];
      const { channels, sampleRateHz, frameBytes } = format;
      if (!read || channels === 0 || sampleRateHz === 0)
        throw bad(`format ${format.key}, ${channels} channels`);
      const isOpen = size === 0 || start + size > bytes.length;
      const frames = Math.floor((isOpen ? bytes.length - start : size) / frameBytes);
      const samples = new Float32Array(frames);
      const width = frameBytes / channels;
      for (let i = 0; i < frames; i++) {
        let sum = 0;
        for (let c = 0; c < channels; c++) sum += read(view, start + i * frameBytes + c * width);
        samples[i] = sum / channels;
      }
      return { samples, sampleRateHz };
    }
    // Chunks start at even places.
    at = start + size + (size & 1);
  }
  throw bad("no samples");
}
