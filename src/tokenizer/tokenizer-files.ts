import { existsSync } from "node:fs";
import * as path from "node:path";
import { LimbeckError } from "../base/errors.ts";
import { readJson, readText, sha256 } from "../base/files.ts";
import { type Json, parseJson } from "../base/json.ts";

export type JsonRecord = { readonly [key: string]: Json };

/** What a tokenizer is made of, as parsed files. */
export interface TokenizerParts {
  readonly json: JsonRecord;
  readonly config: JsonRecord;
  readonly template: string;
  /** generation_config.json, where there is one: it names every token that ends an answer. */
  readonly generation?: JsonRecord;
  readonly fingerprint?: string;
  /** Names the tokenizer in errors. */
  readonly source: string;
}

/** `value` as an object, an empty one where it is none. */
export function asRecord(value: Json | undefined): JsonRecord {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as JsonRecord) : {};
}

/** An error about the files of a tokenizer. */
export function invalidTokenizer(source: string, message: string, cause?: unknown): LimbeckError {
  return new LimbeckError("invalid_checkpoint", `${source}: ${message}`, {
    cure: "Use a folder with the tokenizer.json and tokenizer_config.json of one model.",
    fields: { path: source },
    cause,
  });
}

/** The file with the chat template: chat_template.jinja goes before tokenizer_config.json, as in transformers. */
export function templateFile(dir: string): string {
  const own = path.join(dir, "chat_template.jinja");
  return existsSync(own) ? own : path.join(dir, "tokenizer_config.json");
}

function readTemplate(dir: string, config: JsonRecord): string {
  const file = templateFile(dir);
  if (file.endsWith(".jinja")) return readText(file);
  const template = config["chat_template"];
  if (typeof template === "string") return template;
  const got = template === undefined ? "none" : Array.isArray(template) ? "a list of several" : "no text";
  throw invalidTokenizer(dir, `expected one chat_template in tokenizer_config.json, got ${got}`);
}

/**
 * The files of a tokenizer in a folder: `tokenizer.json`, `tokenizer_config.json`, the chat template and, where they are,
 * the end tokens of `generation_config.json`. Errors: `file_not_found`, `invalid_json`, `invalid_checkpoint`.
 */
export function readTokenizerFiles(dir: string): TokenizerParts {
  const file = path.join(dir, "tokenizer.json");
  const text = readText(file);
  const json = asRecord(parseJson(text, file));
  const config = asRecord(readJson(path.join(dir, "tokenizer_config.json")));
  const generationFile = path.join(dir, "generation_config.json");
  return {
    json,
    config,
    template: readTemplate(dir, config),
    ...(existsSync(generationFile) ? { generation: asRecord(readJson(generationFile)) } : {}),
    fingerprint: sha256(text),
    source: dir,
  };
}
