import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { LimbeckError } from "../../base/errors.ts";
import { readBytes } from "../../base/files.ts";
import { readWav } from "../sound/wav.ts";
import type { Language, Licence, Voice } from "../types.ts";
import { runChild } from "./child.ts";
import { makeVoice } from "./make-voice.ts";

/** The terms of macOS allow its voices for personal use. */
export const sayLicence: Licence = { name: "macOS system voice", isCommercial: false };

const sampleRateHz = 22050;
const timeoutMs = 30_000;
const mostBytes = 1_000_000;
/** Words a minute that count as a voice's own speed. */
const ownWordsPerMinute = 175;

export interface SayVoice {
  readonly name: string;
  readonly language: Language;
}

/** Voices of a `say -v ?` listing: a name of any words, a locale, a sample sentence after "#". */
export function parseSayVoices(listing: string): SayVoice[] {
  return listing.split("\n").flatMap((line) => {
    const match = /^(.+?)\s+([a-z]{2,3}[_-][A-Za-z0-9_-]+)\s+#/.exec(line);
    return match ? [{ name: match[1]!, language: match[2]!.replace("_", "-") }] : [];
  });
}

/** What this machine's `say` has. Error: `voice_failed` where there is no `say`. */
export async function listSayVoices(): Promise<SayVoice[]> {
  return parseSayVoices((await runChild(["say", "-v", "?"], { timeoutMs, mostBytes })).toString());
}

/** Brackets that `say` would take for its own commands are parted. */
const withoutCommands = (text: string): string => text.replaceAll("[[", "[ [").replaceAll("]]", "] ]");

/** A voice of macOS through its `say`. Error: `voice_failed`. */
export async function openSayVoice(name: string): Promise<Voice> {
  const found = (await listSayVoices()).find((voice) => voice.name === name);
  if (!found) {
    throw new LimbeckError("voice_failed", `say: expected a voice of this machine, got "${name}"`, {
      cure: "`say -v ?` lists them; System Settings, Accessibility, Spoken Content adds more.",
    });
  }
  // It writes its sound to a file only.
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-say-"));
  const file = path.join(folder, "sound.wav");
  return makeVoice({
    name: `say:${name}`,
    licence: sayLicence,
    isRemote: false,
    languages: [found.language],
    sampleRateHz,
    async synthesise(text, rate, signal) {
      const speed = rate === 1 ? [] : ["-r", String(Math.round(ownWordsPerMinute * rate))];
      const format = ["--file-format=WAVE", `--data-format=LEI16@${sampleRateHz}`];
      await runChild(["say", "-v", name, ...speed, "-o", file, ...format, "-f", "-"], {
        stdin: withoutCommands(text),
        timeoutMs,
        mostBytes,
        signal,
      });
      try {
        return readWav(readBytes(file), "say");
      } finally {
        fs.rmSync(file, { force: true });
      }
    },
    async close() {
      fs.rmSync(folder, { recursive: true, force: true });
    },
  });
}
