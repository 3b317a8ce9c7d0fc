import { LimbeckError } from "../../base/errors.ts";
import { stretch } from "../sound/stretch.ts";
import { fromPcm16, readWav } from "../sound/wav.ts";
import type { Language, Sound, Voice } from "../types.ts";
import { runChild } from "./child.ts";
import { makeVoice } from "./make-voice.ts";

export interface CommandOptions {
  /** The program and its words. `{rate}` in a word becomes the rate; without it the sound is stretched. */
  readonly argv: readonly string[];
  readonly language: Language;
  /** Where its output is bare 16-bit little-endian mono PCM and no WAVE file: the rate of that. */
  readonly pcmSampleRateHz?: number;
  /** For one text. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 30_000;
/** Twenty minutes at 48 kHz. */
const mostBytes = 120_000_000;

/**
 * Any program that reads text on its standard input and writes a WAVE file, or bare PCM, to its standard output. It speaks one word at
 * once, which shows that it works and at which rate. Whose voice it is, is the user's to know: its language is taken as asked for.
 * Errors: `voice_failed`, `usage`.
 */
export async function openCommandVoice(options: CommandOptions): Promise<Voice> {
  const { argv, language, pcmSampleRateHz, timeoutMs = defaultTimeoutMs } = options;
  const hasRate = argv.some((word) => word.includes("{rate}"));
  const speak = async (text: string, rate: number, signal?: AbortSignal): Promise<Sound> => {
    const words = argv.map((word) => word.replaceAll("{rate}", String(rate)));
    const output = await runChild(words, {
      stdin: text,
      timeoutMs,
      mostBytes,
      ...(signal ? { signal } : {}),
    });
    const sound = readOutput(output, argv[0]!, pcmSampleRateHz);
    return hasRate ? sound : stretch(sound, rate);
  };
  const { sampleRateHz } = await speak("one", 1);
  return makeVoice({
    name: `command:${argv.join(" ")}`,
    licence: { name: "the command's own", isCommercial: false },
    isRemote: false,
    languages: [language],
    sampleRateHz,
    synthesise: speak,
    close: async () => undefined,
  });
}

function readOutput(output: Buffer, program: string, pcmSampleRateHz: number | undefined): Sound {
  const isWav = output.subarray(0, 4).toString("latin1") === "RIFF";
  if (isWav || pcmSampleRateHz === undefined) return readWav(output, program);
  if (output.length === 0) {
    throw new LimbeckError("voice_failed", `${program}: expected sound, got nothing`);
  }
  return { samples: fromPcm16(output), sampleRateHz: pcmSampleRateHz };
}

/**
 * Words of a command line as a shell would split it, with quotes and backslashes, and nothing else of a shell: no variables, no
 * patterns, no substitution. Error: `usage` for a quote that stays open.
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let i = 0; i < line.length; i++) {
    const sign = line[i]!;
    if (sign === "\\" && quote !== "'" && i + 1 < line.length) word = (word ?? "") + line[++i]!;
    else if (quote !== undefined) {
      if (sign === quote) quote = undefined;
      else word = (word ?? "") + sign;
    } else if (sign === "'" || sign === '"') [quote, word] = [sign, word ?? ""];
    else if (/\s/.test(sign)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + sign;
  }
  if (quote !== undefined)
    throw new LimbeckError("usage", `voice command: expected a closing ${quote} in ${line}`);
  if (word !== undefined) words.push(word);
  return words;
}
