import { sha256 } from "../base/files.ts";
import { canonicalJson, type Json } from "../base/json.ts";
import type { Random } from "../base/random.ts";
import type { CallFormat } from "../tools/call-format.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import { callFormatOfFamily } from "./call-format-of.ts";
import { type ChatRequest, checkTemplate, defaultChatTemplate, renderChat } from "./chat-template.ts";
import { createContentGuard, type GuardedPart } from "./content-guard.ts";
import { renderLimbeckChat } from "./limbeck-chat.ts";
import { createStreamDecoder, type StreamDecoder } from "./stream-decoder.ts";
import { createTokenEncoder } from "./token-encoder.ts";
import { readTokenizerFiles, type TokenizerParts, templateFile } from "./tokenizer-files.ts";
import { putToolsInWords, takesTools } from "./tools-in-words.ts";
import { openVocabulary } from "./vocabulary.ts";

export type { TokenizerParts } from "./tokenizer-files.ts";

export interface EncodeChatOptions {
  /** Ends the text where the assistant begins to write. */
  readonly addGenerationPrompt?: boolean;
  /** Names that the template may use, such as `enable_thinking` (Qwen 3) or `date_string` (Llama 3). */
  readonly variables?: Readonly<Record<string, Json>>;
  /** The time that a template which tells the date tells; default the present. */
  readonly now?: Date;
}

export interface Tokenizer {
  /** One more than the largest id. */
  readonly vocabSize: number;
  readonly eosId: number;
  /** Every token that ends an answer: `eosId` first, then those of generation_config.json. */
  readonly eosIds: readonly number[];
  readonly padId: number;
  readonly chatTemplate: string;
  /** How the model writes calls, by its template and vocabulary. */
  readonly callFormat: CallFormat;
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
  /**
   * Ids of a whole chat; special tokens inside its content, tools and arguments are spelled out. What an earlier chat
   * had as well is not encoded again. Tools are put in words where the template has no place for them.
   */
  encodeChat(
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[],
    options?: EncodeChatOptions & { readonly dropout?: { readonly p: number; readonly random: Random } },
  ): number[];
  /** The text of which `encodeChat` gives the ids. */
  chatText(
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[],
    options?: EncodeChatOptions,
  ): string;
  decode(ids: Iterable<number>): string;
  /** The id of a token's exact text, or undefined. */
  idOf(token: string): number | undefined;
  /** What the token writes; bytes that are not whole characters read as U+FFFD. */
  tokenText(id: number): string;
  /** How many UTF-8 bytes the token writes. */
  byteLength(id: number): number;
  /** Those bytes; not to be changed. */
  tokenBytes(id: number): Uint8Array;
  /** Whether the token means something to the template or the runtime, so that `encodePlain` never gives it. */
  isSpecial(id: number): boolean;
  openStream(): StreamDecoder;
}

/**
 * Loads `tokenizer.json` and `tokenizer_config.json` from a folder.
 * Errors: `file_not_found`, `invalid_json`, `invalid_checkpoint`.
 */
export function loadTokenizer(dir: string): Tokenizer {
  return createTokenizer(readTokenizerFiles(dir));
}

/** Loads a tokenizer and compiles its chat template, which `loadTokenizer` leaves to the first chat. Errors: the same. */
export function checkTokenizer(dir: string): Tokenizer {
  const tokenizer = loadTokenizer(dir);
  checkTemplate(tokenizer.chatTemplate, templateFile(dir));
  return tokenizer;
}

/** A tokenizer from parsed files. Errors: `invalid_checkpoint`. */
export function createTokenizer(parts: TokenizerParts): Tokenizer {
  const { template } = parts;
  const vocabulary = openVocabulary(parts);
  const { idOf, tokens, isSpecial, bytesOf } = vocabulary;
  const { encode, encodeGrowing, encodeWithDropout } = createTokenEncoder(parts, vocabulary);
  const callFormat = callFormatOfFamily(template, (token) => idOf.get(token));
  const guard = createContentGuard(
    vocabulary.special.map((token) => token.content),
    vocabulary.written.map((token) => token.content),
  );
  const encodePlain = (text: string): number[] => guard.spell(text).flatMap(encode);
  // A stretch of content is one guarded token, so there are as many of these as the vocabulary has.
  const spelledIds = new Map<string, readonly number[]>();
  const encodeSpelled = (token: string): readonly number[] => {
    const ids = spelledIds.get(token) ?? encodePlain(token);
    spelledIds.set(token, ids);
    return ids;
  };

  const render = (request: ChatRequest): string => {
    if (template === defaultChatTemplate) return renderLimbeckChat(request);
    return renderChat(template, takesTools(template) ? request : putToolsInWords(request, callFormat));
  };
  const partsOf = (
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[],
    { addGenerationPrompt = false, variables = {}, now }: EncodeChatOptions,
  ): GuardedPart[] => {
    const request: ChatRequest = guard.protect({
      messages,
      tools,
      addGenerationPrompt,
      variables,
      ...(now === undefined ? {} : { now }),
    });
    return guard.unprotect(render({ ...request, variables: { ...vocabulary.named, ...request.variables } }));
  };
  const decode = (ids: Iterable<number>): string => {
    const stream = createStreamDecoder(bytesOf);
    let out = "";
    for (const id of ids) out += stream.push(id);
    return out + stream.flush();
  };
  return {
    vocabSize: tokens.length,
    eosId: vocabulary.eosId,
    eosIds: vocabulary.eosIds,
    padId: vocabulary.padId,
    chatTemplate: template,
    callFormat,
    fingerprint: parts.fingerprint ?? sha256(canonicalJson(parts.json)),
    templateFingerprint: sha256(template),
    encode,
    encodePlain,
    encodeWithDropout,
    encodeChat: (messages, tools, { dropout, ...options } = {}) => {
      const ids: number[] = [];
      for (const { text, isContent } of partsOf(messages, tools, options)) {
        const more = isContent
          ? encodeSpelled(text)
          : dropout === undefined
            ? encodeGrowing(text)
            : encodeWithDropout(text, dropout.p, dropout.random);
        for (const id of more) ids.push(id);
      }
      return ids;
    },
    chatText: (messages, tools, options = {}) =>
      partsOf(messages, tools, options)
        .map(({ text }) => text)
        .join(""),
    decode,
    idOf: (token) => idOf.get(token),
    tokenText: (id) => decode([id]),
    byteLength: (id) => bytesOf(id).length,
    tokenBytes: bytesOf,
    isSpecial,
    openStream: () => createStreamDecoder(bytesOf),
  };
}
