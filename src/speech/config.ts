import { closest } from "fastest-levenshtein";
import { parseDocument } from "yaml";
import { LimbeckError } from "../base/errors.ts";
import { readText } from "../base/files.ts";
import { packagePath } from "../flow/package-files.ts";
import { type ConfigMachine, configKeys } from "./config-keys.ts";
import { defaultSettings, type SpeechMode, type SpeechSettings } from "./settings.ts";

export interface SpeechConfig {
  readonly mode: SpeechMode;
  readonly settings: SpeechSettings;
  /** Keys that do not act, or not fully, each with its reason. */
  readonly warnings: readonly string[];
}

/** The values of a file by `section.key`. */
type ConfigValues = ReadonlyMap<string, unknown>;

const sections = [...new Set(Object.keys(configKeys).map((key) => key.split(".")[0] ?? ""))];

function refuse(
  source: string,
  message: string,
  cure: string,
  fields: Record<string, unknown>,
): LimbeckError {
  return new LimbeckError("invalid_config", `${source}: ${message}`, {
    cure,
    fields: { path: source, ...fields },
  });
}

function unknownKey(source: string, key: string, known: readonly string[]): LimbeckError {
  const nearest = closest(key, [...known]);
  return refuse(source, `unknown key ${key}`, `Did you mean ${nearest}?`, { key, nearest });
}

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === "object" && !Array.isArray(value);

function valuesOf(parsed: unknown, source: string): ConfigValues {
  if (parsed === null || parsed === undefined) return new Map();
  const values = new Map<string, unknown>();
  if (!isMapping(parsed))
    throw refuse(source, "expected sections with keys, got another value", "See docs/speech.md.", {});
  for (const [section, keys] of Object.entries(parsed)) {
    if (!sections.includes(section)) throw unknownKey(source, section, sections);
    if (!isMapping(keys)) {
      throw refuse(source, `${section}: expected keys, got ${JSON.stringify(keys)}`, "See docs/speech.md.", {
        key: section,
      });
    }
    for (const [key, value] of Object.entries(keys)) {
      const name = `${section}.${key}`;
      const known = Object.hasOwn(configKeys, name) ? configKeys[name] : undefined;
      if (known === undefined) throw unknownKey(source, name, Object.keys(configKeys));
      const result = known.schema.safeParse(value);
      if (!result.success) {
        const why = result.error.issues[0]?.message ?? "another value";
        throw refuse(source, `${name}: ${why}, got ${JSON.stringify(value)}`, "Correct the value.", {
          key: name,
        });
      }
      values.set(name, result.data);
    }
  }
  return values;
}

/** Checks the YAML text of a configuration. Error: `invalid_config` with file, key, and the nearest name. */
export function parseSpeechConfig(yaml: string, source: string): ConfigValues {
  const document = parseDocument(yaml);
  const [error] = document.errors;
  if (error !== undefined) {
    throw refuse(source, `expected YAML, ${error.message.split("\n")[0]}`, "Correct the file's syntax.", {});
  }
  return valuesOf(document.toJS(), source);
}

const qualityModes: Readonly<Record<string, SpeechMode>> = {
  low: "fast",
  medium: "balanced",
  high: "quality",
};

export interface ConfigSources {
  readonly mode?: SpeechMode;
  /** A file that overrides the mode's. */
  readonly file?: string;
  readonly machine: ConfigMachine;
}

/**
 * The settings of a mode, then of a file. Every key of the file acts or is warned of with its reason. Errors:
 * `file_not_found`, `invalid_config`.
 */
export function loadSpeechConfig({ mode, file, machine }: ConfigSources): SpeechConfig {
  const own: ConfigValues = file === undefined ? new Map() : parseSpeechConfig(readText(file), file);
  const chosen = mode ?? qualityModes[String(own.get("tts.quality"))] ?? "balanced";
  const preset = packagePath("configs", "speech", `${chosen}.yaml`);
  let settings = defaultSettings;
  const warnings: string[] = [];
  for (const values of [parseSpeechConfig(readText(preset), preset), own]) {
    for (const [name, value] of values) {
      const { apply, about } = configKeys[name] ?? { about: "" };
      if (apply === undefined) {
        warnings.push(`${name}: no effect, ${about}`);
        continue;
      }
      const effect = apply(settings, value as never, machine);
      settings = effect.settings ?? settings;
      if (effect.warning !== undefined) warnings.push(`${name}: ${effect.warning}`);
    }
  }
  if (mode !== undefined && own.has("tts.quality")) {
    warnings.push(`tts.quality: no effect, --mode ${mode} was given`);
  }
  return { mode: chosen, settings, warnings };
}
