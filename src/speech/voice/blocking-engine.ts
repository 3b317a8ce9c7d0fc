/** An engine that runs in a worker thread, where it may block. Everything is mono. */
export interface BlockingEngine {
  readonly sampleRateHz: number;
  /**
   * Samples of one text at the voice's own loudness, or undefined once `isCancelled` says so. Error: `voice_failed`.
   */
  speak(text: string, rate: number, isCancelled: () => boolean): Float32Array | undefined;
  /** Does now what the next call would otherwise do first. */
  prepare?(): void;
  close(): void;
}

/** What a worker can open, as plain data. */
export type EngineSpec =
  | { readonly engine: "flite"; readonly voice: string }
  | {
      readonly engine: "pico";
      readonly language: string;
      readonly textAnalysis: string;
      readonly signals: string;
    }
  | {
      readonly engine: "sherpa";
      readonly folder: string;
      readonly speaker: number;
      readonly packageName: string;
    };
