import * as fs from "node:fs";
import * as path from "node:path";
import { LimbeckError } from "../../base/errors.ts";
import { readJson, readText, withFileErrors } from "../../base/files.ts";
import type { Language, Licence } from "../types.ts";

export interface SherpaFolder {
  /** The model's part of sherpa-onnx's configuration. */
  readonly config: object;
  readonly languages: readonly Language[];
  readonly licence: Licence;
}

/** First words of licences that are recognised; anything else is unknown, and so not taken for commercial. */
const licences: readonly (readonly [RegExp, Licence])[] = [
  [/Apache License,?\s+Version 2\.0/i, { name: "Apache-2.0", isCommercial: true }],
  [/\bMIT License\b|Permission is hereby granted, free of charge/i, { name: "MIT", isCommercial: true }],
  [/\bCC0\b/, { name: "CC0-1.0", isCommercial: true }],
  [/Attribution-NonCommercial|CC[- ]BY[- ]NC/i, { name: "CC-BY-NC", isCommercial: false }],
];
const unknownLicence: Licence = { name: "not stated in the folder", isCommercial: false };

/**
 * Reads how a folder of sherpa-onnx's releases is laid out: `voices.bin` marks Kokoro, else it is VITS (Piper too). Its language
 * stands in Piper's `*.onnx.json`, else in the folder's name (`vits-piper-es_ES-x`). Error: `voice_failed`.
 */
export function readSherpaFolder(folder: string): SherpaFolder {
  const names = withFileErrors("read", folder, () => fs.readdirSync(folder)).sort();
  const inside = (name: string): string => path.join(folder, name);
  const optional = (name: string): string => (names.includes(name) ? inside(name) : "");
  const bad = (expected: string): LimbeckError =>
    new LimbeckError(
      "voice_failed",
      `${folder}: expected ${expected}, got ${names.slice(0, 12).join(", ") || "nothing"}`,
      {
        cure: "Give the folder of one unpacked model, as sherpa-onnx publishes them.",
      },
    );
  const models = names.filter((name) => name.endsWith(".onnx"));
  const model = models.find((name) => !name.includes("int8")) ?? models[0];
  if (model === undefined) throw bad("a model (*.onnx)");
  if (!names.includes("tokens.txt")) throw bad("tokens.txt");
  const lexicon = names
    .filter((name) => /^lexicon.*\.txt$/.test(name))
    .map(inside)
    .join(",");
  const shared = {
    model: inside(model),
    tokens: inside("tokens.txt"),
    dataDir: optional("espeak-ng-data"),
    lexicon,
  };
  const isKokoro = names.includes("voices.bin");
  const languages = languagesOf(folder, names, model, isKokoro);
  if (languages.length === 0) throw bad("a language in its name (as en_US) or in Piper's *.onnx.json");
  return {
    config: isKokoro ? { kokoro: { ...shared, voices: inside("voices.bin") } } : { vits: shared },
    languages,
    licence: licenceOf(names.filter((name) => /^(LICEN[CS]E|COPYING|MODEL_CARD)/i.test(name)).map(inside)),
  };
}

function languagesOf(folder: string, names: readonly string[], model: string, isKokoro: boolean): Language[] {
  const described = `${model}.json`;
  if (names.includes(described)) {
    const { espeak, language } = readJson(path.join(folder, described)) as {
      espeak?: { voice?: string };
      language?: { code?: string };
    };
    const code = language?.code ?? espeak?.voice;
    if (code !== undefined) return [code.replace("_", "-")];
  }
  const name = path.basename(folder);
  if (isKokoro && name.includes("multi-lang")) return ["en", "zh"];
  const match = /(?:^|[-_])([a-z]{2}(?:[-_][A-Z]{2})?)(?=$|[-_])/.exec(name);
  return match ? [match[1]!.replace("_", "-")] : [];
}

function licenceOf(files: readonly string[]): Licence {
  for (const file of files) {
    const text = readText(file);
    const known = licences.find(([words]) => words.test(text));
    if (known) return known[1];
  }
  return unknownLicence;
}
