import { LimbeckError } from "../../base/errors.ts";
import { readBytes } from "../../base/files.ts";
import { stretch } from "../sound/stretch.ts";
import { fromPcm16 } from "../sound/wav.ts";
import type { BlockingEngine } from "./blocking-engine.ts";
import { missingPackage } from "./package-file.ts";
import { readable } from "./readable.ts";

/** What is called of the Emscripten module: C functions (addresses and sizes as numbers), its heap, its files. */
interface PicoModule {
  readonly HEAPU8: Uint8Array;
  readonly HEAP16: Int16Array;
  readonly HEAP32: Int32Array;
  readonly FS: { writeFile(name: string, data: Uint8Array): void };
  _malloc(bytes: number): number;
  _free(address: number): void;
  _pico_initialize(memory: number, bytes: number, system: number): number;
  _pico_loadResource(system: number, file: number, resource: number): number;
  _pico_getResourceName(system: number, resource: number, name: number): number;
  _pico_createVoiceDefinition(system: number, voice: number): number;
  _pico_addResourceToVoiceDefinition(system: number, voice: number, resource: number): number;
  _pico_newEngine(system: number, voice: number, engine: number): number;
  _pico_putTextUtf8(engine: number, text: number, bytes: number, taken: number): number;
  _pico_getData(engine: number, buffer: number, bytes: number, got: number, type: number): number;
  _pico_disposeEngine(system: number, engine: number): number;
}

const packageName = "@echogarden/svoxpico-wasm";
const sampleRateHz = 16000;
/** Working memory that Pico's documentation asks for. */
const arenaBytes = 2_500_000;
const nameBytes = 256;
const pcmBytes = 4096;
/** The most that one call takes: its count is a signed 16-bit number. */
const mostTextBytes = 32_000;
/** At its own level, 100, loud vowels are cut off at full scale: a recogniser then missed half of the words instead of an eighth. */
const volume = 35;
const status = { ok: 0, idle: 200, busy: 201 } as const;

export interface PicoFiles {
  readonly language: string;
  /** Path of the text analysis resource. */
  readonly textAnalysis: string;
  /** Path of the signal generation resource. */
  readonly signals: string;
}

/** Text as it is given to the engine: at a volume at which nothing is cut off. */
export const picoMarkup = (text: string): string => `<volume level="${volume}">${text}</volume>`;

/**
 * SVOX Pico: gives its sound in steps of a few samples, so it stops within one when it is cancelled. Its own speed
 * control scales only a part of the sounds (level 200 gave 0.58 to 0.69 of the length), so the sound is stretched. Errors: `missing_dependency`,
 * `file_not_found`, `voice_failed`.
 */
export async function openPico({ language, textAnalysis, signals }: PicoFiles): Promise<BlockingEngine> {
  const pico = await loadModule();
  const check = (code: number, what: string): void => {
    if (code === status.ok) return;
    throw new LimbeckError("voice_failed", `SVOX Pico: ${what}: expected status 0, got ${code}`, {
      fields: { language },
    });
  };
  const text = (value: string): number => {
    const bytes = new TextEncoder().encode(`${value}\0`);
    const at = pico._malloc(bytes.length);
    pico.HEAPU8.set(bytes, at);
    return at;
  };
  const [out, engineOut] = [pico._malloc(4), pico._malloc(4)];
  const pointer = (): number => pico.HEAP32[out >> 2]!;

  check(pico._pico_initialize(pico._malloc(arenaBytes), arenaBytes, out), "start");
  const system = pointer();
  const voice = text("voice");
  check(pico._pico_createVoiceDefinition(system, voice), "voice");
  for (const [name, file] of [
    ["/ta.bin", textAnalysis],
    ["/sg.bin", signals],
  ] as const) {
    pico.FS.writeFile(name, readBytes(file));
    check(pico._pico_loadResource(system, text(name), out), `load ${file}`);
    const resource = pico._malloc(nameBytes);
    check(pico._pico_getResourceName(system, pointer(), resource), "name of a resource");
    check(pico._pico_addResourceToVoiceDefinition(system, voice, resource), "resource of the voice");
  }
  const buffer = pico._malloc(pcmBytes);
  const [taken, got, type] = [pico._malloc(2), pico._malloc(2), pico._malloc(2)];

  /** Takes what the engine has until it waits for more text; false once cancelled. */
  const drain = (engine: number, parts: Uint8Array[], isCancelled: () => boolean): boolean => {
    for (;;) {
      const code = pico._pico_getData(engine, buffer, pcmBytes, got, type);
      const bytes = pico.HEAP16[got >> 1]!;
      if (bytes > 0) parts.push(pico.HEAPU8.slice(buffer, buffer + bytes));
      if (code === status.idle) return true;
      if (code !== status.busy) check(code, "sound");
      if (isCancelled()) return false;
    }
  };
  const synthesise = (bytes: Uint8Array, isCancelled: () => boolean): Uint8Array[] | undefined => {
    // An engine remembers its noise from text to text: with one for each text the same words are the same sound.
    check(pico._pico_newEngine(system, voice, engineOut), "engine");
    const engine = pico.HEAP32[engineOut >> 2]!;
    const address = pico._malloc(bytes.length);
    pico.HEAPU8.set(bytes, address);
    const parts: Uint8Array[] = [];
    try {
      for (let at = 0; at < bytes.length; ) {
        const most = Math.min(mostTextBytes, bytes.length - at);
        check(pico._pico_putTextUtf8(engine, address + at, most, taken), "text");
        const bytesTaken = pico.HEAP16[taken >> 1]!;
        // Idle engines have room; one that takes nothing would be asked for ever.
        if (bytesTaken <= 0) check(-1, "text taken");
        at += bytesTaken;
        if (!drain(engine, parts, isCancelled)) return undefined;
      }
      return parts;
    } finally {
      pico._free(address);
      // Takes the address of its address.
      check(pico._pico_disposeEngine(system, engineOut), "end");
    }
  };

  return {
    sampleRateHz,
    speak(given, rate, isCancelled) {
      // "<" begins a command of its markup.
      const plain = readable(given, "latin1", language).replaceAll("<", " ");
      if (plain.trim() === "") return new Float32Array(0);
      // The zero at the end makes it say what it holds.
      const bytes = new TextEncoder().encode(`${picoMarkup(plain)}\0`);
      const parts = synthesise(bytes, isCancelled);
      if (parts === undefined) return undefined;
      return stretch({ samples: fromPcm16(Buffer.concat(parts)), sampleRateHz }, rate).samples;
    },
    close() {
      // Its memory is the module's, and goes with the worker.
    },
  };
}

async function loadModule(): Promise<PicoModule> {
  let make: (options: object) => Promise<PicoModule>;
  try {
    ({ default: make } = (await import(packageName as string)) as { default: typeof make });
  } catch (cause) {
    throw missingPackage(packageName, "", cause);
  }
  return await make({});
}
