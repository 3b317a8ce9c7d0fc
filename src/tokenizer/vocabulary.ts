import { Tokenizer as HfTokenizer } from "@huggingface/tokenizers";
import type { Json } from "../base/json.ts";
import { createTokenBytes } from "./token-bytes.ts";
import { asRecord, invalidTokenizer, type JsonRecord, type TokenizerParts } from "./tokenizer-files.ts";

/** A token beside the model's own vocabulary: found in text before anything else. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly normalized: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly single_word: boolean;
}

/** The tokens of a tokenizer, and which of them mean something. */
export interface Vocabulary {
  readonly library: HfTokenizer;
  readonly model: JsonRecord;
  readonly idOf: ReadonlyMap<string, number>;
  /** By id. */
  readonly tokens: readonly string[];
  readonly added: readonly AddedToken[];
  /** Added tokens that are special. */
  readonly special: readonly AddedToken[];
  /** Added tokens that are ordinary but that the template writes, such as Qwen's `<tool_call>`. */
  readonly written: readonly AddedToken[];
  /** Whether an id is one of `special` or `written`. */
  isSpecial(id: number): boolean;
  /** What a token writes. Error: `internal` for an id that is none. */
  bytesOf(id: number): Uint8Array;
  readonly eosId: number;
  readonly eosIds: readonly number[];
  readonly padId: number;
  /** `bos_token`, `eos_token` and their like, which a template may name. */
  readonly named: Readonly<Record<string, string>>;
}

function contentOf(token: Json | undefined): string | undefined {
  if (typeof token === "string") return token;
  const content = asRecord(token)["content"];
  return typeof content === "string" ? content : undefined;
}

function namedTokens(config: JsonRecord): Record<string, string> {
  const named = Object.entries(config)
    .filter(([name]) => name.endsWith("_token"))
    .map(([name, token]) => [name, contentOf(token)] as const);
  return Object.fromEntries(named.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function openLibrary({ source, json, config }: TokenizerParts): HfTokenizer {
  try {
    return new HfTokenizer(json, config);
  } catch (cause) {
    throw invalidTokenizer(source, `tokenizer.json cannot be used: ${(cause as Error).message}`, cause);
  }
}

/** The vocabulary of parsed files. Errors: `invalid_checkpoint`. */
export function openVocabulary(parts: TokenizerParts): Vocabulary {
  const { json, config, template, generation, source } = parts;
  const model = asRecord(json["model"]);
  if (typeof model["type"] !== "string" || typeof model["vocab"] !== "object" || model["vocab"] === null) {
    throw invalidTokenizer(source, "expected a model with a vocabulary in tokenizer.json, got none");
  }
  const library = openLibrary(parts);
  const idOf = library.get_vocab(true);
  const tokens: string[] = [];
  for (const [token, id] of idOf) tokens[id] = token;
  const added: AddedToken[] = [...library.get_added_tokens_decoder().values()];
  const special = added.filter((token) => token.special);
  // Gemma has thousands of ordinary added tokens, line breaks among them: white space means nothing to a template.
  const written = added.filter(
    (token) => !token.special && token.content.trim().length > 0 && template.includes(token.content),
  );
  const specialIds = new Set([...special, ...written].map((token) => token.id));
  const isSpecial = (id: number): boolean => specialIds.has(id);
  const bytesOf = createTokenBytes(asRecord(json["decoder"]), tokens, isSpecial, (what) =>
    invalidTokenizer(source, what),
  );
  const named = namedTokens(config);
  const lookup = (name: string, fallback?: number): number => {
    const content = named[name];
    const id = content === undefined ? fallback : idOf.get(content);
    if (id !== undefined) return id;
    const got = content ?? "none";
    throw invalidTokenizer(source, `expected ${name} of tokenizer_config.json to be a token, got ${got}`);
  };
  const eosId = lookup("eos_token");
  const ends = [generation?.["eos_token_id"] ?? []].flat() as readonly Json[];
  const bad = ends.find((id) => typeof id !== "number" || tokens[id] === undefined);
  if (bad !== undefined) {
    const got = JSON.stringify(bad);
    throw invalidTokenizer(
      source,
      `expected eos_token_id of generation_config.json to be tokens, got ${got}`,
    );
  }
  return {
    library,
    model,
    idOf,
    tokens,
    added,
    special,
    written,
    isSpecial,
    bytesOf,
    eosId,
    eosIds: [...new Set([eosId, ...(ends as readonly number[])])],
    padId: lookup("pad_token", eosId),
    named,
  };
}
