import { existsSync } from "node:fs";
import * as path from "node:path";
import { Tokenizer as HfTokenizer } from "@huggingface/tokenizers";
import { LimbeckError } from "../base/errors.ts";
import { readJson, readText, sha256 } from "../base/files.ts";
import { canonicalJson, type Json } from "../base/json.ts";
import type { Random } from "../base/random.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import { type ChatRequest, defaultChatTemplate, renderChat } from "./chat-template.ts";
import { createContentGuard } from "./content-guard.ts";
import { renderLimbeckChat } from "./limbeck-chat.ts";
import { createPieceEncoder, type PieceEncoder } from "./piece-encoder.ts";
import { piecePattern, splitPieces } from "./pre-tokenize.ts";
import { createStreamDecoder, type StreamDecoder } from "./stream-decoder.ts";
import { createTokenBytes } from "./token-bytes.ts";

export interface Tokenizer {
  /** One more than the largest id. */
  readonly vocabSize: number;
  readonly eosId: number;
  readonly padId: number;
  readonly chatTemplate: string;
  /** sha-256 of the bytes of tokenizer.json. */
  readonly fingerprint: string;
  /** sha-256 of the chat template's text. */
  readonly templateFingerprint: string;
  /** Ids of `text`; special tokens in it count as special. */
  encode(text: string): number[];
  /** Ids of `text` as plain words: what looks like a special token is spelled out. */
  encodePlain(text: string): number[];
  /** Like `encode`, each BPE merge skipped with probability `p`. Errors: `invalid_config` where the model is not BPE. */
  encodeWithDropout(text: string, p: number, random: Random): number[];
  /** Ids of a whole chat; special tokens inside its content, tools and arguments are spelled out. */
  encodeChat(
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[],
    options?: {
      readonly addGenerationPrompt?: boolean;
      readonly dropout?: { readonly p: number; readonly random: Random };
    },
  ): number[];
  decode(ids: Iterable<number>): string;
  /** The id of a token's exact text, or undefined. */
  idOf(token: string): number | undefined;
  /** What the token writes; bytes that are not whole characters read as U+FFFD. */
  tokenText(id: number): string;
  /** How many UTF-8 bytes the token writes. */
  byteLength(id: number): number;
  isSpecial(id: number): boolean;
  openStream(): StreamDecoder;
}

type JsonRecord = { readonly [key: string]: Json };

function asRecord(value: Json | undefined): JsonRecord {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as JsonRecord) : {};
}

function contentOf(token: Json | undefined): string | undefined {
  if (typeof token === "string") return token;
  const content = asRecord(token)["content"];
  return typeof content === "string" ? content : undefined;
}

function invalid(dir: string, message: string, cause?: unknown): LimbeckError {
  return new LimbeckError("invalid_checkpoint", `${dir}: ${message}`, {
    cure: "Use a folder with the tokenizer.json and tokenizer_config.json of one model.",
    fields: { path: dir },
    cause,
  });
}

/** The chat template, from tokenizer_config.json or from chat_template.jinja beside it. */
function readTemplate(dir: string, config: JsonRecord): string {
  const template = config["chat_template"];
  if (typeof template === "string") return template;
  const file = path.join(dir, "chat_template.jinja");
  if (existsSync(file)) return readText(file);
  throw invalid(dir, "expected a chat_template in tokenizer_config.json, got none");
}

/**
 * Loads `tokenizer.json` and `tokenizer_config.json` from a folder.
 * Errors: `file_not_found`, `invalid_json`, `invalid_checkpoint`.
 */
export function loadTokenizer(dir: string): Tokenizer {
  const text = readText(path.join(dir, "tokenizer.json"));
  const json = asRecord(readJson(path.join(dir, "tokenizer.json")));
  const config = asRecord(readJson(path.join(dir, "tokenizer_config.json")));
  const template = readTemplate(dir, config);
  return createTokenizer({ json, config, template, fingerprint: sha256(text), source: dir });
}

export interface TokenizerParts {
  readonly json: JsonRecord;
  readonly config: JsonRecord;
  readonly template: string;
  readonly fingerprint?: string;
  /** Names the tokenizer in errors. */
  readonly source: string;
}

/** A tokenizer from parsed files. Errors: `invalid_checkpoint`. */
export function createTokenizer(parts: TokenizerParts): Tokenizer {
  const { json, config, template, source } = parts;
  const model = asRecord(json["model"]);
  if (typeof model["type"] !== "string" || typeof model["vocab"] !== "object" || model["vocab"] === null) {
    throw invalid(source, "expected a model with a vocabulary in tokenizer.json, got none");
  }
  const library = openLibrary(source, json, config);
  const idOf = library.get_vocab(true);
  const specialIds = new Set<number>([...library.get_added_tokens_decoder().keys()]);
  const tokens: string[] = [];
  for (const [token, id] of idOf) tokens[id] = token;
  const vocabSize = tokens.length;
  const bytes = createTokenBytes(asRecord(json["decoder"]), tokens, specialIds, (what) =>
    invalid(source, what),
  );
  const lookup = (name: string, fallback?: number): number => {
    const content = contentOf(config[name]);
    const id = content === undefined ? undefined : idOf.get(content);
    if (id !== undefined) return id;
    if (fallback !== undefined && content === undefined) return fallback;
    throw invalid(
      source,
      `expected ${name} of tokenizer_config.json to be a token, got ${content ?? "none"}`,
    );
  };
  const eosId = lookup("eos_token");
  const padId = lookup("pad_token", eosId);
  const guard = createContentGuard([...specialIds].map((id) => tokens[id]!));
  const variables = Object.fromEntries(
    ["bos_token", "eos_token", "pad_token", "unk_token"].map((name) => [name, contentOf(config[name]) ?? ""]),
  );
  const isOwnTemplate = template === defaultChatTemplate;
  const specialId = (part: { readonly text: string; readonly isSpecial: boolean }): number[] | undefined => {
    const id = part.isSpecial ? idOf.get(part.text) : undefined;
    return id === undefined ? undefined : [id];
  };
  // Our own cut into pieces is known, so pieces can be looked up; any other tokenizer is the library's business.
  const own = JSON.stringify(json["pre_tokenizer"] ?? null).includes(JSON.stringify(piecePattern))
    ? createPieceEncoder(library, model, idOf, splitPieces)
    : null;
  const encodeKnown = (part: string): number[] => {
    if (part.length === 0) return [];
    if (own === null) return library.encode(part, { add_special_tokens: false }).ids;
    return guard.parts(part).flatMap((piece) => specialId(piece) ?? own.encode(piece.text));
  };
  const encodePlain = (part: string): number[] => guard.spell(part).flatMap(encodeKnown);
  const bytesOf = (id: number): Uint8Array => {
    const found = bytes[id];
    if (found !== undefined) return found;
    throw new LimbeckError("internal", `token id: expected 0 to ${vocabSize - 1}, got ${id}`);
  };
  let bpe: PieceEncoder | null | undefined;
  const encodeDropped = (part: string, p: number, random: Random): number[] => {
    bpe ??= createPieceEncoder(library, model, idOf);
    if (bpe !== null)
      return guard.parts(part).flatMap((piece) => specialId(piece) ?? bpe!.encode(piece.text, p, random));
    throw new LimbeckError(
      "invalid_config",
      `BPE dropout: expected a BPE model, got ${String(model["type"])}`,
      {
        cure: "Set the dropout to 0 for this tokenizer.",
        fields: { source },
      },
    );
  };
  const decode = (ids: Iterable<number>): string => {
    const stream = createStreamDecoder(bytesOf);
    let out = "";
    for (const id of ids) out += stream.push(id);
    return out + stream.flush();
  };
  return {
    vocabSize,
    eosId,
    padId,
    chatTemplate: template,
    fingerprint: parts.fingerprint ?? sha256(canonicalJson(json)),
    templateFingerprint: sha256(template),
    encode: encodeKnown,
    encodePlain,
    encodeWithDropout: encodeDropped,
    encodeChat: (messages, tools, options = {}) => {
      const { addGenerationPrompt = false, dropout } = options;
      const request: ChatRequest = guard.protect({ messages, tools, addGenerationPrompt, variables });
      return guard
        .unprotect(isOwnTemplate ? renderLimbeckChat(request) : renderChat(template, request))
        .flatMap((part) =>
          part.isContent
            ? encodePlain(part.text)
            : dropout === undefined
              ? encodeKnown(part.text)
              : encodeDropped(part.text, dropout.p, dropout.random),
        );
    },
    decode,
    idOf: (token) => idOf.get(token),
    tokenText: (id) => decode([id]),
    byteLength: (id) => bytesOf(id).length,
    isSpecial: (id) => specialIds.has(id),
    openStream: () => createStreamDecoder(bytesOf),
  };
}

function openLibrary(source: string, json: JsonRecord, config: JsonRecord): HfTokenizer {
  try {
    return new HfTokenizer(json, config);
  } catch (cause) {
    throw invalid(source, `tokenizer.json cannot be used: ${(cause as Error).message}`, cause);
  }
}
