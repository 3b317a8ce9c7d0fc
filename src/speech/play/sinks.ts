import { LimbeckError } from "../../base/errors.ts";
import { systemClock } from "../clock.ts";
import type { Sink, SpeechClock } from "../types.ts";
import { openDeviceContext } from "./device-context.ts";
import { createDeviceSink } from "./device-sink.ts";
import { createPacedSink, type SampleOutput } from "./paced-sink.ts";
import { openWavFile } from "./wav-file.ts";

export interface OpenSinkOptions {
  /** Path of a WAVE file (16-bit mono); without it sound goes to a device. */
  readonly out?: string;
  /** Name or id of the output device, or a part of its name; default: the system's. */
  readonly device?: string;
  /** Of the voice; a device may have its own, and the sink's `sampleRateHz` says it. */
  readonly sampleRateHz: number;
  /** 0 to 1. */
  readonly volume?: number;
  readonly clock?: SpeechClock;
  /** Of a file: `fast` (default) writes at once, `real` as it would be heard, pauses and interrupts included. */
  readonly pace?: "real" | "fast";
}

/** Errors: `usage`, `disk_full`, `not_writable`, `missing_dependency`, `audio_unavailable`. */
export async function openSink(options: OpenSinkOptions): Promise<Sink> {
  const { out, device, sampleRateHz, volume = 1, clock = systemClock, pace = "fast" } = options;
  if (!(volume >= 0 && volume <= 1)) {
    throw new LimbeckError("usage", `volume: expected 0 to 1, got ${volume}`);
  }
  if (out !== undefined) {
    return createPacedSink({ output: openWavFile(out, sampleRateHz), sampleRateHz, clock, pace, volume });
  }
  const { context, name } = await openDeviceContext(device);
  return await createDeviceSink({ context, name, clock, volume });
}

/** A sink that nobody hears: sound takes its time on the clock, and `onSamples` sees the stream that a listener would hear. */
export function createNullSink(options: {
  readonly sampleRateHz: number;
  readonly clock?: SpeechClock;
  readonly pace?: "real" | "fast";
  readonly onSamples?: (samples: Float32Array) => void;
}): Sink {
  const { sampleRateHz, clock = systemClock, pace = "real", onSamples } = options;
  const output: SampleOutput = {
    name: "null",
    write: (samples) => onSamples?.(samples),
    close: () => undefined,
  };
  return createPacedSink({ output, sampleRateHz, clock, pace, volume: 1 });
}
