import { LimbeckError } from "../base/errors.ts";
import type { Sentence } from "./text/segmenter.ts";
import { createSpeakableText, type SpeakableText, speakText } from "./text/speakable.ts";
import { words } from "./text/tokens.ts";
import { burstSentence, sentenceOf } from "./text/tool-burst.ts";
import { questionOf, type ToolPhrase, toolPhrases } from "./text/tool-phrases.ts";
import type { AgentEvent, NoticeKind, Priority, Segment } from "./types.ts";

export interface NarratorOptions {
  /** A longer sentence is cut at a clause. UTF-16 units, 20 to 2,000. Default 240. */
  readonly maxSegmentLength?: number;
  /** Whether calls of tools are told. Default "say". */
  readonly toolCalls?: "say" | "skip";
  /** Calls within this time of the first are told in one sentence. Default 1,200 ms. */
  readonly burstWindowMs?: number;
  /** So long after its last text, what an agent said is taken for whole if it ends like it. Default 600 ms. */
  readonly idleFlushMs?: number;
  /** Of the text, BCP 47: where words and sentences end. Default "en". */
  readonly locale?: string;
}

export interface Narrator {
  push(event: AgentEvent, atMs: number): readonly Segment[];
  /** When `idle` should be called next if nothing comes before (held text, open burst of tool calls); undefined: nothing is held. */
  readonly nextIdleAtMs: number | undefined;
  idle(atMs: number): readonly Segment[];
  /** The stream is over: everything held is said. */
  end(atMs: number): readonly Segment[];
}

interface AgentState {
  readonly texts: Map<string, SpeakableText>;
  lastTextAtMs: number;
  burst: { phrases: ToolPhrase[]; sinceMs: number } | undefined;
  /** The last calls that were told, to be told once in a row. */
  lastBurst: string;
  /** Notices since the agent last spoke. */
  readonly notices: Set<string>;
  /** What the calls do whose results are awaited, by id. */
  readonly calls: Map<string, ToolPhrase>;
}

const priorityOf: { readonly [K in NoticeKind]: Priority } = {
  error: "urgent",
  permission: "urgent",
  rate_limit: "urgent",
  done: "normal",
};

const maxAwaitedCalls = 256;

/** Turns what agents do into speech: their texts cleaned and cut into sentences, their tool calls in short, their troubles at once. */
export function createNarrator(options: NarratorOptions = {}): Narrator {
  const { toolCalls = "say", burstWindowMs = 1200, idleFlushMs = 600, locale = "en" } = options;
  const maxLength = options.maxSegmentLength ?? 240;
  if (!Number.isInteger(maxLength) || maxLength < 20 || maxLength > 2000) {
    throw new LimbeckError(
      "invalid_config",
      `maxSegmentLength: expected a whole number from 20 to 2000, got ${maxLength}`,
      { cure: "Give a length in that range, or leave it out." },
    );
  }
  const agents = new Map<string, AgentState>();
  let index = 0;
  let out: Segment[] = [];
  let nowMs = 0;

  const stateOf = (agent: string): AgentState => {
    let state = agents.get(agent);
    if (state === undefined) {
      state = {
        texts: new Map(),
        lastTextAtMs: 0,
        burst: undefined,
        lastBurst: "",
        notices: new Set(),
        calls: new Map(),
      };
      agents.set(agent, state);
    }
    return state;
  };

  const say = (agent: string, priority: Priority, { text, verbatim }: Sentence): void => {
    out.push({ index: index++, agent, priority, text, verbatim, atMs: nowMs });
  };

  const closeBurst = (agent: string, state: AgentState): void => {
    const { burst } = state;
    if (burst === undefined) return;
    state.burst = undefined;
    const sentence = burstSentence(burst.phrases);
    if (sentence.text !== state.lastBurst) say(agent, "chatter", sentence);
    state.lastBurst = sentence.text;
  };

  const textOf = (agent: string, state: AgentState, key: string): SpeakableText => {
    const found =
      state.texts.get(key) ??
      createSpeakableText({ maxLength, locale }, (sentence) => {
        state.lastBurst = "";
        say(agent, "normal", sentence);
      });
    state.texts.set(key, found);
    return found;
  };

  const onText = (event: Extract<AgentEvent, { type: "text" }>): void => {
    const state = stateOf(event.agent);
    closeBurst(event.agent, state);
    state.lastTextAtMs = nowMs;
    state.notices.clear();
    textOf(event.agent, state, `${event.block} ${event.message}`).push(event.text);
  };

  const onTextEnd = (event: Extract<AgentEvent, { type: "text_end" }>): void => {
    const state = stateOf(event.agent);
    const key = `${event.block} ${event.message}`;
    state.texts.get(key)?.end();
    state.texts.delete(key);
  };

  const onNotice = (event: Extract<AgentEvent, { type: "notice" }>): void => {
    const state = stateOf(event.agent);
    closeBurst(event.agent, state);
    const key = `${event.kind} ${event.text}`;
    if (state.notices.has(key)) return;
    state.notices.add(key);
    for (const sentence of speakText(event.text, { maxLength, locale }))
      say(event.agent, priorityOf[event.kind], sentence);
  };

  const onToolCall = (event: Extract<AgentEvent, { type: "tool_call" }>): void => {
    const question = questionOf(event.name, event.input);
    if (question !== undefined) {
      onNotice({ type: "notice", agent: event.agent, kind: "permission", text: question });
      return;
    }
    const state = stateOf(event.agent);
    const phrases = toolPhrases(event.name, event.input);
    if (phrases[0] !== undefined) state.calls.set(event.id, phrases[0]);
    for (const oldest of state.calls.keys()) {
      if (state.calls.size <= maxAwaitedCalls) break;
      state.calls.delete(oldest);
    }
    if (toolCalls === "skip") return;
    // What the agent said before it acts is whole.
    for (const text of state.texts.values()) text.flushIfEnded();
    state.burst ??= { phrases: [], sinceMs: nowMs };
    state.burst.phrases.push(...phrases);
  };

  const onToolResult = (event: Extract<AgentEvent, { type: "tool_result" }>): void => {
    const state = stateOf(event.agent);
    const call = state.calls.get(event.id);
    state.calls.delete(event.id);
    if (!event.isError || toolCalls === "skip") return;
    closeBurst(event.agent, state);
    const what = call === undefined ? [words("a tool call")] : [words(`${call.verb} `), ...call.object];
    say(event.agent, "normal", sentenceOf([...what, words(" failed")]));
  };

  const closeDueBursts = (): void => {
    for (const [agent, state] of agents) {
      if (state.burst !== undefined && nowMs >= state.burst.sinceMs + burstWindowMs) closeBurst(agent, state);
    }
  };

  const taken = (): readonly Segment[] => {
    const all = out;
    out = [];
    return all;
  };

  return {
    push: (event, atMs) => {
      nowMs = atMs;
      closeDueBursts();
      if (event.type === "text") onText(event);
      else if (event.type === "text_end") onTextEnd(event);
      else if (event.type === "tool_call") onToolCall(event);
      else if (event.type === "tool_result") onToolResult(event);
      else onNotice(event);
      return taken();
    },
    get nextIdleAtMs() {
      let next: number | undefined;
      for (const { burst, texts, lastTextAtMs } of agents.values()) {
        const isHolding = [...texts.values()].some((text) => text.isHolding);
        const due = [
          ...(burst === undefined ? [] : [burst.sinceMs + burstWindowMs]),
          ...(isHolding ? [lastTextAtMs + idleFlushMs] : []),
        ];
        for (const at of due) next = Math.min(next ?? at, at);
      }
      return next;
    },
    idle: (atMs) => {
      nowMs = atMs;
      closeDueBursts();
      for (const { texts, lastTextAtMs } of agents.values()) {
        if (nowMs < lastTextAtMs + idleFlushMs) continue;
        for (const text of texts.values()) text.flushIfEnded();
      }
      return taken();
    },
    end: (atMs) => {
      nowMs = atMs;
      for (const [agent, state] of agents) {
        for (const text of state.texts.values()) text.end();
        state.texts.clear();
        closeBurst(agent, state);
      }
      return taken();
    },
  };
}
