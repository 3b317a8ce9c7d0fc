import * as path from "node:path";
import { LimbeckError } from "../../base/errors.ts";
import { joined } from "../sound/join.ts";
import { stretch } from "../sound/stretch.ts";
import type { BlockingEngine } from "./blocking-engine.ts";
import { missingPackage } from "./package-file.ts";
import { pieces } from "./readable.ts";
import { readSherpaFolder } from "./sherpa-folder.ts";

export const sherpaPackage = "sherpa-onnx-node";
const mostCharacters = 200;

/** What is called of `sherpa-onnx-node`. */
interface SherpaModule {
  readonly OfflineTts: new (
    config: object,
  ) => {
    readonly sampleRate: number;
    readonly numSpeakers: number;
    generate(request: { text: string; sid: number; speed: number; enableExternalBuffer: boolean }): {
      readonly samples: Float32Array;
      readonly sampleRate: number;
    };
  };
}

/**
 * A Piper, Kokoro or other VITS model of a local folder through sherpa-onnx, which is not among our dependencies: it is 40 MB, and its
 * phonemizer is espeak-ng (GPL-3.0). Errors: `missing_dependency`, `voice_failed`.
 */
export async function openSherpa(options: {
  readonly folder: string;
  readonly speaker: number;
  readonly packageName: string;
}): Promise<BlockingEngine> {
  const { folder, speaker, packageName } = options;
  const model = readSherpaFolder(folder);
  let sherpa: SherpaModule;
  try {
    const loaded = (await import(packageName)) as { default?: SherpaModule } & SherpaModule;
    sherpa = loaded.default ?? loaded;
  } catch (cause) {
    throw missingPackage(packageName, "", cause);
  }
  let tts: InstanceType<SherpaModule["OfflineTts"]>;
  try {
    tts = new sherpa.OfflineTts({
      model: { ...model.config, numThreads: 1, provider: "cpu" },
      maxNumSentences: 1,
    });
  } catch (cause) {
    throw new LimbeckError(
      "voice_failed",
      `${path.basename(folder)}: sherpa-onnx refused it: ${(cause as Error).message}`,
      {
        cure: "Check that the folder is whole: model, tokens.txt, espeak-ng-data or lexicon.",
        cause,
      },
    );
  }
  if (speaker >= tts.numSpeakers) {
    throw new LimbeckError(
      "voice_failed",
      `${path.basename(folder)}: expected speaker 0 to ${tts.numSpeakers - 1}, got ${speaker}`,
    );
  }
  return {
    sampleRateHz: tts.sampleRate,
    speak(text, rate, isCancelled) {
      const parts: Float32Array[] = [];
      for (const piece of pieces(text, mostCharacters)) {
        if (isCancelled()) return undefined;
        parts.push(
          tts.generate({ text: piece, sid: speaker, speed: 1, enableExternalBuffer: false }).samples,
        );
      }
      // VITS rounds every phoneme up to whole frames: its own speed 2 left 0.7 of the length.
      return stretch({ samples: joined(parts), sampleRateHz: tts.sampleRate }, rate).samples;
    },
    close() {
      // The addon frees its model when it is collected.
    },
  };
}
