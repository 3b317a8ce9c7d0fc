import * as path from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { LimbeckError } from "../../base/errors.ts";
import {
  type CheckpointFacts,
  type Family,
  familyOf,
  type LanguageTokens,
  languageTokens,
} from "./families.ts";
import {
  closeOrder,
  type FromTransformers,
  packError,
  type ToTransformers,
  type TransformersOrder,
  type TransformersStart,
} from "./transformers-messages.ts";

/** The few things of @huggingface/transformers that are used; the package is optional, so its types are not here. */
interface Tokenizer {
  readonly eos_token_id: number | undefined;
  readonly pad_token_id: number | undefined;
  encode(text: string, options: { add_special_tokens: boolean }): number[];
  decode(ids: readonly number[], options: { skip_special_tokens: boolean }): string;
  convert_tokens_to_ids(token: string): number | undefined;
}
interface Model {
  readonly config: { readonly model_type: string; readonly decoder_start_token_id?: number };
  readonly generation_config: { readonly decoder_start_token_id?: number } | null;
  generate(options: Readonly<Record<string, unknown>>): Promise<{ tolist(): bigint[][] }>;
  dispose(): Promise<unknown>;
}
interface Transformers {
  readonly env: {
    allowRemoteModels: boolean;
    localModelPath: string;
    logLevel: number;
  };
  readonly LogLevel: { readonly NONE: number };
  readonly AutoTokenizer: { from_pretrained(model: string): Promise<Tokenizer> };
  readonly AutoModelForSeq2SeqLM: {
    from_pretrained(model: string, options: Readonly<Record<string, unknown>>): Promise<Model>;
  };
  readonly StoppingCriteria: new () => object;
  readonly Tensor: new (type: "int64", data: BigInt64Array, dims: readonly number[]) => unknown;
}

/** A translation is rarely longer than this many times its source; an answer without an end stops there. */
const longest = 3;
const longestExtra = 16;
const mostTokens = 384;

interface Opened {
  readonly library: Transformers;
  readonly tokenizer: Tokenizer;
  readonly model: Model;
  readonly family: Family;
  /** Before the source, and first of the answer. */
  readonly sourceId: number | undefined;
  readonly targetId: number | undefined;
  readonly startId: number;
  readonly eosId: number;
  readonly padId: number;
}

async function loadLibrary(module: string): Promise<Transformers> {
  try {
    return (await import(module)) as Transformers;
  } catch (cause) {
    throw new LimbeckError(
      "missing_dependency",
      `translation: expected ${module} to be installed, ${cause}`,
      {
        cure: "Install it: npm install @huggingface/transformers",
        cause,
      },
    );
  }
}

async function open(start: TransformersStart): Promise<Opened> {
  const library = await loadLibrary(start.module);
  const { env, AutoTokenizer, AutoModelForSeq2SeqLM } = library;
  // Its warnings would stand among the words of the command line.
  env.logLevel = library.LogLevel.NONE;
  env.allowRemoteModels = !start.isLocal;
  if (start.isLocal) env.localModelPath = path.dirname(start.model);
  const name = start.isLocal ? path.basename(start.model) : start.model;
  const threads = start.threads === undefined ? {} : { intraOpNumThreads: start.threads };
  let tokenizer: Tokenizer;
  let model: Model;
  try {
    tokenizer = await AutoTokenizer.from_pretrained(name);
    model = await AutoModelForSeq2SeqLM.from_pretrained(name, {
      dtype: start.dtype,
      device: "cpu",
      session_options: threads,
    });
  } catch (cause) {
    const what = `expected a translation model that transformers.js loads, got ${start.model}: ${(cause as Error).message}`;
    throw new LimbeckError("translation_failed", `transformers: ${what}`, {
      cure: "Give a folder, or a name on the hub, with onnx/encoder_model.onnx and onnx/decoder_model_merged.onnx.",
      cause,
    });
  }
  return { library, tokenizer, model, ...tokensOf(tokenizer, model, start) };
}

function tokensOf(
  tokenizer: Tokenizer,
  model: Model,
  { direction, model: name }: TransformersStart,
): Omit<Opened, "library" | "tokenizer" | "model"> {
  const idOf = (token: string): number | undefined => tokenizer.convert_tokens_to_ids(token);
  const facts: CheckpointFacts = {
    modelType: model.config.model_type,
    tokenizerClass: tokenizer.constructor.name,
    hasToken: (token) => idOf(token) !== undefined,
  };
  const family = familyOf(facts);
  const { source, target }: LanguageTokens = languageTokens(family, direction, facts);
  const startId = model.generation_config?.decoder_start_token_id ?? model.config.decoder_start_token_id;
  const { eos_token_id: eosId, pad_token_id: padId } = tokenizer;
  // A wrong start token gives fluent nonsense: none of the three is guessed.
  if (startId === undefined || eosId === undefined || padId === undefined) {
    const got = JSON.stringify({ decoder_start_token_id: startId, eosId, padId });
    throw new LimbeckError(
      "translation_failed",
      `transformers: ${name}: expected start, end and pad tokens, got ${got}`,
    );
  }
  return {
    family,
    sourceId: source === undefined ? undefined : idOf(source),
    targetId: target === undefined ? undefined : idOf(target),
    startId,
    eosId,
    padId,
  };
}

/** Greedy; texts of one order run as one batch. Returns the tokens between the answer's first ones and its end. */
async function translate(opened: Opened, { texts, stop }: TransformersOrder): Promise<number[][]> {
  const { library, tokenizer, model, sourceId, targetId, startId, eosId, padId } = opened;
  const rows = texts.map((text) => [
    ...(sourceId === undefined ? [] : [sourceId]),
    ...tokenizer.encode(text, { add_special_tokens: false }),
    eosId,
  ]);
  const width = Math.max(...rows.map(({ length }) => length));
  const tensor = (of: (row: readonly number[], at: number) => number): unknown =>
    new library.Tensor(
      "int64",
      BigInt64Array.from(
        rows.flatMap((row) => Array.from({ length: width }, (_, at) => BigInt(of(row, at)))),
      ),
      [rows.length, width],
    );
  const firstLength = targetId === undefined ? 1 : 2;
  const isStopped = (): boolean => Atomics.load(new Int32Array(stop), 0) !== 0;
  const eos = BigInt(eosId);
  // The library looks at last tokens only, so that a row which ended earlier would have to end once more; and the start
  // token of some families is the end token.
  class Ended extends library.StoppingCriteria {
    _call(ids: bigint[][]): boolean[] {
      return ids.map((row) => isStopped() || row.includes(eos, firstLength));
    }
  }
  const output = await model.generate({
    input_ids: tensor((row, at) => row[at] ?? padId),
    attention_mask: tensor((row, at) => (at < row.length ? 1 : 0)),
    max_new_tokens: Math.min(mostTokens, longest * width + longestExtra),
    do_sample: false,
    num_beams: 1,
    decoder_start_token_id: startId,
    forced_bos_token_id: targetId ?? null,
    stopping_criteria: [new Ended()],
  });
  // Half an answer is none.
  if (isStopped()) throw new Error("interrupted");
  return output.tolist().map((row) => {
    const answer = row.slice(firstLength).map(Number);
    const end = answer.indexOf(eosId);
    return end < 0 ? answer : answer.slice(0, end);
  });
}

const port = parentPort;
if (port !== null) {
  const send = (message: FromTransformers): void => port.postMessage(message);
  try {
    const opened = await open(workerData as TransformersStart);
    let last: Promise<void> = Promise.resolve();
    port.on("message", (order: ToTransformers) => {
      last = last.then(async () => {
        if (order === closeOrder) {
          await opened.model.dispose();
          port.close();
          return;
        }
        try {
          if (Atomics.load(new Int32Array(order.stop), 0) !== 0) throw new Error("interrupted");
          const ids = await translate(opened, order);
          const texts = ids.map((row) =>
            row.length === 0 ? "" : opened.tokenizer.decode(row, { skip_special_tokens: true }).trim(),
          );
          send({ kind: "done", id: order.id, texts, ids });
        } catch (thrown) {
          send({ kind: "failed", id: order.id, error: packError(thrown) });
        }
      });
    });
    send({ kind: "opened", family: opened.family });
  } catch (thrown) {
    send({ kind: "openFailed", error: packError(thrown) });
  }
}
