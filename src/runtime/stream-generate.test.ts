import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import { createStreamDecoder } from "../tokenizer/stream-decoder.ts";
import { createSampler } from "./sampling.ts";
import type { StepRunner } from "./step-runner.ts";
import { streamGenerate } from "./stream-generate.ts";
import type { TokenConstraint } from "./token-constraint.ts";
import type { GenerateOptions, GenerateResult, TokenEvent } from "./types.ts";

const end = 0;
/** Token i writes pieces[i]; token 0 ends. The crab is cut inside its four bytes. */
const crab = Buffer.from("🦀");
const pieces: readonly Uint8Array[] = [
  Buffer.from("<|end|>"),
  Buffer.from("one "),
  Buffer.from("two "),
  crab.subarray(0, 1),
  crab.subarray(1, 3),
  crab.subarray(3),
  Buffer.from("ST"),
  Buffer.from("OP"),
  Buffer.from("STOP it"),
];

/** A model that says `script` whatever it is asked, then ends. */
function scriptedRunner(script: readonly number[], contextLength = 64): StepRunner {
  const logits = new Float32Array(pieces.length);
  let said = 0;
  const say = (): void => {
    logits.fill(0);
    logits[script[said++] ?? end] = 1;
  };
  return {
    shape: { layers: 1, kvHeads: 1, headDim: 1, contextLength, vocabSize: pieces.length },
    kvBytes: 0,
    kvBytesPerToken: 0,
    prefillChunk: contextLength,
    logits,
    length: 0,
    prefillSessionMs: 0,
    decodeSessionMs: 0,
    reset: () => {
      said = 0;
    },
    prefill: async (ids) => {
      say();
      return ids.length;
    },
    decode: () => {
      say();
      return undefined;
    },
    verify: () => assert.fail("nothing is drafted"),
    rewind: () => assert.fail("nothing is taken back"),
    saveKv: () => assert.fail("nothing is kept"),
    loadKv: () => assert.fail("nothing is kept"),
    close: () => undefined,
  };
}

async function generate(
  script: readonly number[],
  options: Omit<GenerateOptions, "signal"> = {},
  more: {
    readonly isCancelled?: () => boolean;
    readonly contextLength?: number;
    readonly prompt?: number[];
    readonly constraint?: TokenConstraint;
  } = {},
): Promise<GenerateResult & { readonly heard: readonly TokenEvent[] }> {
  const heard: TokenEvent[] = [];
  const now = monotonicMs();
  const result = await streamGenerate(
    {
      runner: scriptedRunner(script, more.contextLength),
      sampler: createSampler(pieces.length),
      tokenizer: { openStream: () => createStreamDecoder((id) => pieces[id] as Uint8Array) },
      endIds: new Set([end]),
    },
    more.prompt ?? [1, 2],
    options,
    { requestedAt: now, turnAt: now, tokenizedAt: now },
    {
      clock: monotonicMs,
      onEvent: (event) => heard.push(event),
      ...(more.isCancelled === undefined ? {} : { isCancelled: more.isCancelled }),
      ...(more.constraint === undefined ? {} : { constraint: more.constraint }),
    },
  );
  assert.deepEqual(heard, result.tokens);
  assert.equal(heard.map(({ text }) => text).join(""), result.text);
  return { ...result, heard };
}

const texts = (result: GenerateResult): string[] => result.tokens.map(({ text }) => text);

test("the end token is counted but writes nothing", async () => {
  const result = await generate([1, 2]);
  assert.deepEqual(texts(result), ["one ", "two ", ""]);
  assert.equal(result.tokens[2]?.id, end);
  assert.equal(result.finishReason, "stop");
});

test("maxTokens ends with length, and counts the end token", async () => {
  const cut = await generate([1, 2, 1], { maxTokens: 2 });
  assert.deepEqual([texts(cut), cut.finishReason], [["one ", "two "], "length"]);
  const ended = await generate([1], { maxTokens: 2 });
  assert.deepEqual([texts(ended), ended.finishReason], [["one ", ""], "stop"]);
});

test("a character over three tokens comes whole with the last of them", async () => {
  assert.deepEqual(texts(await generate([1, 3, 4, 5])), ["one ", "", "", "🦀", ""]);
});

test("an unfinished character at the end is shown as one that is broken", async () => {
  assert.deepEqual(texts(await generate([1, 3], { maxTokens: 2 })), ["one ", "\ufffd"]);
  assert.deepEqual(texts(await generate([1, 3, 4])), ["one ", "", "", "\ufffd"]);
});

test("a stop text inside a token and over two tokens ends the text before it", async () => {
  const inside = await generate([1, 8, 2], { stop: ["STOP"] });
  assert.deepEqual([inside.text, inside.finishReason, inside.tokens.length], ["one ", "stop", 2]);
  const across = await generate([1, 6, 7, 2], { stop: ["STOP"] });
  assert.deepEqual([texts(across), across.finishReason], [["one ", "", ""], "stop"]);
});

test("a stop token ends the text before it; text held back is shown", async () => {
  const ended = await generate([1, 2, 1], { stopTokens: [2] });
  assert.deepEqual([texts(ended), ended.finishReason], [["one ", ""], "stop"]);
  const held = await generate([6, 2, 1], { stop: ["STOP"], stopTokens: [2] });
  assert.deepEqual([texts(held), held.finishReason], [["", "ST"], "stop"]);
});

test("text held back for a stop text that does not come is shown later or at the end", async () => {
  assert.deepEqual(texts(await generate([6, 2], { stop: ["STOP"] })), ["", "STtwo ", ""]);
  assert.deepEqual(texts(await generate([1, 6], { stop: ["STOP"] })), ["one ", "", "ST"]);
  assert.deepEqual(texts(await generate([1, 6], { stop: ["STOP"], maxTokens: 2 })), ["one ", "ST"]);
});

test("cancelling between two tokens ends with what was said", async () => {
  let asked = 0;
  const result = await generate([1, 2, 1, 2], {}, { isCancelled: () => ++asked > 2 });
  assert.deepEqual([texts(result), result.finishReason], [["one ", "two ", "one "], "cancelled"]);
});

test("a full prompt still gives one token, a longer one is refused", async () => {
  const result = await generate([1, 1, 1], {}, { contextLength: 2 });
  assert.deepEqual([texts(result), result.finishReason], [["one "], "length"]);
  await assert.rejects(
    generate([1], {}, { contextLength: 2, prompt: [1, 1, 1] }),
    (error) => error instanceof LimbeckError && error.code === "context_length_exceeded",
  );
  await assert.rejects(
    generate([1], {}, { prompt: [] }),
    (error) => error instanceof LimbeckError && error.code === "invalid_request",
  );
});

test("token times rise from the request on and end in the total", async () => {
  const { tokens, timing } = await generate([1, 2, 1]);
  assert.equal(timing.ttftMs, tokens[0]?.timeMs);
  assert.ok(tokens.every(({ timeMs }, i) => timeMs >= (tokens[i - 1]?.timeMs ?? 0)));
  assert.ok(timing.totalMs >= (tokens.at(-1)?.timeMs ?? 0));
});

test("a stop text is found in words, not in a call, nor across its beginning", async () => {
  /** Tokens 2 and 7 are calls. */
  const calling = (): TokenConstraint => {
    const taken: number[] = [];
    return {
      begin: () => undefined,
      mask: () => false,
      accept: (id) => taken.push(id),
      forced: () => [],
      rollback: () => assert.fail("nothing is taken back"),
      isComplete: true,
      isOpen: false,
      get isInCall() {
        return taken.at(-1) === 2 || taken.at(-1) === 7;
      },
      close: () => undefined,
    };
  };
  const inside = await generate([1, 2, 1], { stop: ["two"] }, { constraint: calling() });
  assert.equal(inside.text, "one two one ");
  const across = await generate([6, 7, 8, 1], { stop: ["STOP"] }, { constraint: calling() });
  assert.deepEqual([texts(across), across.finishReason], [["", "STOP", ""], "stop"]);
});
