import { LimbeckError } from "../base/errors.ts";
import { stringifyJson } from "../base/json.ts";
import type { Random } from "../base/random.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type CallFormat, callFormats, writeCalls } from "../tools/call-format.ts";
import { parseCalls } from "../tools/call-stream.ts";
import type { ChatMessage, ToolCall } from "../tools/types.ts";
import type { Example } from "./types.ts";

/** Token positions, end excluded. */
export type Span = readonly [start: number, end: number];

/** Whose words the completion has: the teacher's, or the calls alone (controls always have the teacher's). */
export type Voice = "teacher" | "direct";

export interface EncodeOptions {
  readonly voice: Voice;
  readonly format?: CallFormat;
  /** BPE dropout for the prompt, so that values are seen in other tokens too. The completion keeps its own. */
  readonly dropout?: { readonly p: number; readonly random: Random };
}

/** An example as tokens: prompt, first assistant turn, and where there are results, those and the final answer. */
export interface EncodedExample {
  readonly ids: number[];
  /** 1 where the model writes: its turns, the end token of each included. */
  readonly completion: Uint8Array;
  readonly segments: {
    readonly promptTokens: number;
    /** The first assistant turn, its end token included. */
    readonly firstCompletion: Span;
    /** Each call, from its opening to its closing mark. */
    readonly callSpans: readonly Span[];
    readonly toolNameSpans: readonly Span[];
    /** The tokens of the arguments, from the first name to the last value with its closing quote. */
    readonly argumentSpans: readonly Span[];
    /** The final answer, its end token included. */
    readonly answer?: Span;
  };
}

interface Turn {
  readonly ids: number[];
  readonly content: string;
  readonly calls: readonly ToolCall[];
  readonly callSpans: readonly Span[];
  readonly toolNameSpans: readonly Span[];
  readonly argumentSpans: readonly Span[];
}

function bad(example: Example, message: string): LimbeckError {
  return new LimbeckError("invalid_dataset", `example ${example.id}: ${message}`, {
    cure: "Correct the example, or leave it out.",
    fields: { id: example.id },
  });
}

/** The text of the first assistant turn. */
export function firstTurnText(example: Example, voice: Voice, format: CallFormat = "limbeck"): string {
  const { expect, teacher } = example;
  if (voice === "direct" && expect.calls.length > 0) return writeCalls(expect.calls, format);
  if (teacher !== undefined) return teacher.text;
  if (expect.calls.length > 0) return writeCalls(expect.calls, format);
  throw bad(example, "expected a teacher's reply, since nothing is to be called, got none");
}

const utf8 = new TextEncoder();
const byteLengthOf = (text: string): number => utf8.encode(text).length;

/** The tokens that hold any of the bytes [from, to) of the text that `ids` write. */
function tokensOfBytes(tokenizer: Tokenizer, ids: readonly number[], from: number, to: number): Span {
  let start = -1;
  let end = 0;
  let at = 0;
  for (let i = 0; i < ids.length; i++) {
    const next = at + tokenizer.byteLength(ids[i]!);
    if (next > from && at < to) {
      if (start < 0) start = i;
      end = i + 1;
    }
    at = next;
  }
  return start < 0 ? [end, end] : [start, end];
}

const shift = ([start, end]: Span, by: number): Span => [start + by, end + by];

/** Where name and arguments stand in the JSON text of a call, in bytes. */
function locate(body: string): { readonly name: Span; readonly args: Span } | null {
  const name = /"name"\s*:\s*"((?:[^"\\]|\\.)*)"/d.exec(body)?.indices?.[1];
  const args = /"arguments"\s*:\s*\{\s*"?/d.exec(body)?.indices?.[0];
  const close = body.lastIndexOf("}", body.lastIndexOf("}") - 1);
  if (name === undefined || args === undefined || close < args[1]) return null;
  const bytes = (span: Span): Span => [
    byteLengthOf(body.slice(0, span[0])),
    byteLengthOf(body.slice(0, span[1])),
  ];
  return { name: bytes(name), args: bytes([args[1], close]) };
}

/** Encodes a turn by its stretches, so that every span is where the tokens really are. */
function encodeTurn(example: Example, tokenizer: Tokenizer, text: string, format: CallFormat): Turn {
  const { open, close } = callFormats[format];
  const turn = {
    ids: [] as number[],
    content: "",
    calls: [] as ToolCall[],
    callSpans: [] as Span[],
    toolNameSpans: [] as Span[],
    argumentSpans: [] as Span[],
  };
  for (const event of parseCalls(text, format)) {
    if (event.kind === "malformed_call")
      throw bad(example, `expected whole calls in the teacher's text, got ${event.reason}`);
    if (event.kind === "text") {
      turn.content += event.text;
      turn.ids.push(...tokenizer.encodePlain(event.text));
      continue;
    }
    const start = turn.ids.length;
    turn.ids.push(...tokenizer.encode(open));
    const body = tokenizer.encodePlain(event.raw);
    const bodyStart = turn.ids.length;
    turn.ids.push(...body, ...tokenizer.encode(close));
    turn.calls.push(event.call);
    turn.callSpans.push([start, turn.ids.length]);
    const places = locate(event.raw);
    if (places === null) throw bad(example, "expected name before arguments in a call of the teacher's text");
    turn.toolNameSpans.push(shift(tokensOfBytes(tokenizer, body, ...places.name), bodyStart));
    turn.argumentSpans.push(shift(tokensOfBytes(tokenizer, body, ...places.args), bodyStart));
  }
  turn.ids.push(tokenizer.eosId);
  return turn;
}

/** The messages that follow the first turn: what the assistant called and what the tools said. */
function resultMessages(example: Example, turn: Turn): ChatMessage[] {
  const results = example.fixtures ?? [];
  return [
    { role: "assistant", content: turn.content, tool_calls: turn.calls },
    ...turn.calls.map((call, i): ChatMessage => {
      // Fixtures stand in the order of the calls; a teacher that called otherwise has no answer to learn.
      const fixture = results[i];
      if (fixture === undefined || fixture.name !== call.name)
        throw bad(example, `expected a result for ${call.name}, got none`);
      return { role: "tool", name: call.name, content: stringifyJson(fixture.result) };
    }),
  ];
}

/** What a chat's tokens gain by `more` messages; null where the template rewrites what came before. */
function continuation(
  tokenizer: Tokenizer,
  example: Example,
  turn: Turn,
  more: readonly ChatMessage[],
  promptIds: readonly number[],
): number[] | null {
  const whole = tokenizer.encodeChat([...example.messages, ...more], example.tools, {
    addGenerationPrompt: true,
  });
  const before = [...promptIds, ...turn.ids];
  return before.every((id, i) => whole[i] === id) ? whole.slice(before.length) : null;
}

/**
 * An example as tokens with the places of everything that losses ask for. Errors: `invalid_dataset` where the teacher's
 * text is not what the chat template would write, or holds half a call.
 */
export function encodeExample(
  example: Example,
  tokenizer: Tokenizer,
  options: EncodeOptions,
): EncodedExample {
  const { voice, format = "limbeck", dropout } = options;
  const plainPrompt = tokenizer.encodeChat(example.messages, example.tools, { addGenerationPrompt: true });
  const prompt =
    dropout === undefined
      ? plainPrompt
      : tokenizer.encodeChat(example.messages, example.tools, { addGenerationPrompt: true, dropout });
  const turn = encodeTurn(example, tokenizer, firstTurnText(example, voice, format), format);
  const ids = [...prompt, ...turn.ids];
  const firstCompletion: Span = [prompt.length, ids.length];
  const spans: Span[] = [firstCompletion];
  const answerText = example.teacher?.answer;
  let answer: Span | undefined;
  if (answerText !== undefined && turn.calls.length > 0) {
    const between = continuation(tokenizer, example, turn, resultMessages(example, turn), plainPrompt);
    if (between === null)
      throw bad(
        example,
        "expected the chat template to write the first turn as the teacher did, got other tokens",
      );
    ids.push(...between);
    const start = ids.length;
    ids.push(...tokenizer.encodePlain(answerText), tokenizer.eosId);
    answer = [start, ids.length];
    spans.push(answer);
  }
  const completion = new Uint8Array(ids.length);
  for (const [start, end] of spans) completion.fill(1, start, end);
  const by = prompt.length;
  return {
    ids,
    completion,
    segments: {
      promptTokens: by,
      firstCompletion,
      callSpans: turn.callSpans.map((span) => shift(span, by)),
      toolNameSpans: turn.toolNameSpans.map((span) => shift(span, by)),
      argumentSpans: turn.argumentSpans.map((span) => shift(span, by)),
      ...(answer === undefined ? {} : { answer }),
    },
  };
}
