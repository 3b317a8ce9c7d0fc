import type { BackendName } from "../backend/session.ts";
import type { KvShape } from "../model/kv-cache.ts";
import type { CallFormat } from "../tools/call-format.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import type { BatchRunner } from "./batch/types.ts";
import type { ChatStream, TokenStream } from "./chat-stream.ts";
import type { PromptCacheOptions, PromptCacheStats } from "./prompt-cache/types.ts";
import type { ChatRunner, GenerateOptions, GenerateResult, SpeculationMode } from "./types.ts";

export interface OpenOptions {
  /** Threads of one native run; default: 1 for a small model, the machine's cores for others. */
  readonly threads?: number;
  /**
   * Most prompt tokens of one run, and the size of a prompt cache's blocks (default 128). At one size, answers with
   * and without a prompt cache are the same to the bit.
   */
  readonly prefillChunk?: number;
  /** Keeps the keys and values of prompts for later ones that begin alike. Off by default: nothing is reused. */
  readonly promptCache?: PromptCacheOptions;
  /**
   * Does at once what the first answer would otherwise wait for: first runs of the model, template, grammar. Default true;
   * false opens sooner, for an engine that may never be asked.
   */
  readonly warmUp?: boolean;
  /** Folder of a smaller artefact with the same tokenizer, which drafts tokens for this one to verify. */
  readonly draft?: string;
  /**
   * Drafting for requests that do not say (default "off": they decode plainly, and nothing is reported). Other modes have
   * the model checked and timed when it opens. A large model is then opened once, so that its drafts can be verified
   * token by token; opened with "off", its first request that drafts opens it a second time, with weights of its own.
   */
  readonly speculation?: SpeculationMode;
}

/** Facts about an open artefact, for headers and reports. */
export interface EngineInfo {
  readonly name: string;
  readonly artefactDir: string;
  readonly backend: BackendName;
  /** Threads of one native run; null: the backend's default, the machine's cores. */
  readonly threads: number | null;
  readonly format: string;
  readonly artefactBytes: number;
  readonly parameters: number;
  readonly contextLength: number;
  readonly vocabSize: number;
  readonly kv: KvShape;
  /** Memory of the key/value cache: allocated once, whatever the prompt. */
  readonly kvBytes: number;
  /** How the model writes calls. */
  readonly callFormat: CallFormat;
  /** The enumerated prompt lengths that the model was trained at. */
  readonly promptShapes: readonly number[];
  /** sha-256 of model, weights, tokenizer and chat template. */
  readonly fingerprints: Readonly<Record<string, string>>;
  /** From the folder to the first possible request. */
  readonly openMs: number;
}

/** An open artefact. Requests are answered one after the other. */
export interface Engine extends ChatRunner {
  readonly info: EngineInfo;
  /** As `chat`, with every token as it is made. */
  stream(
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[],
    options?: GenerateOptions,
  ): ChatStream;
  /** Continues raw text: no chat template, no calls. What looks like a special token counts as one. */
  complete(prompt: string, options?: GenerateOptions): Promise<GenerateResult>;
  /** As `complete`, with every token as it is made. */
  streamComplete(prompt: string, options?: GenerateOptions): TokenStream<GenerateResult>;
  /** Tokens of the prompt that `chat` would make of this. Waits for its turn, as a request does. */
  countTokens(messages: readonly ChatMessage[], tools: readonly ToolDefinition[]): Promise<number>;
  /** What the prompt cache did so far; null where it is off. Waits for its turn. */
  promptCacheStats(): Promise<PromptCacheStats | null>;
  /**
   * Rows for offline requests, which decode side by side; one batch at a time. Only `chat` of what this gives is ever
   * answered so: the engine's own requests run alone, and the rows make way for one that waits. Takes memory for `rows`
   * more sequences, and some tens of runs to check that rows keep their bits: see `check`.
   * Error: `invalid_request` (rows).
   */
  openBatch(rows: number): Promise<BatchRunner>;
  /** Cancels what is under way and frees the engine. Requests that still wait end as cancelled. */
  close(): Promise<void>;
}
