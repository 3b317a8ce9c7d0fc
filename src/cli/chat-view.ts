import pc from "picocolors";
import { stringifyJson } from "../base/json.ts";
import type { ChatFigures } from "../flow/chat-session.ts";
import type { EngineInfo } from "../runtime/engine-contract.ts";
import type { ChatResult, SpeculationReport } from "../runtime/types.ts";
import type { CallFormat } from "../tools/call-format.ts";
import { type CallEvent, createCallStream } from "../tools/call-stream.ts";
import type { ToolDefinition } from "../tools/types.ts";

const separator = " · ";

/** Parts on lines of at most `width` characters, broken between parts only. */
export function flowParts(parts: readonly string[], width: number): string {
  const lines: string[] = [];
  for (const part of parts) {
    const longer = lines.length === 0 ? part : `${lines.at(-1)}${separator}${part}`;
    if (lines.length === 0 || longer.length > width) lines.push(part);
    else lines[lines.length - 1] = longer;
  }
  return lines.join("\n");
}

const count = (n: number, one: string): string => `${n} ${one}${n === 1 ? "" : "s"}`;

/** "61 tokens in (32 cached)", "23 out", "TTFT 9.1 ms", "812 tok/s", "1 call". */
export function figureParts(figures: ChatFigures): readonly string[] {
  const { promptTokens, cachedTokens, outputTokens, ttftMs, tokensPerSecond, calls } = figures;
  return [
    `${count(promptTokens, "token")} in${cachedTokens > 0 ? ` (${cachedTokens} cached)` : ""}`,
    `${outputTokens} out`,
    ...(ttftMs === null ? [] : [`TTFT ${ttftMs.toFixed(1)} ms`]),
    ...(tokensPerSecond === null ? [] : [`${tokensPerSecond.toFixed(0)} tok/s`]),
    ...(calls > 0 ? [count(calls, "call")] : []),
  ];
}

/** What drafting did in some turns; null where none was asked for. */
export interface DraftFigures {
  readonly proposed: number;
  readonly accepted: number;
  readonly targetRuns: number;
  /** Why the last turn drafted nothing, or no more; null where it may. */
  readonly offBecause: string | null;
}

export function draftFigures(turns: readonly Pick<ChatResult, "speculation">[]): DraftFigures | null {
  const reports = turns.flatMap(({ speculation }) => speculation ?? []);
  const last = reports.at(-1);
  if (last === undefined) return null;
  const sum = (count: (report: SpeculationReport) => number): number =>
    reports.reduce((total, report) => total + count(report), 0);
  return {
    proposed: sum(({ proposed }) => proposed),
    accepted: sum(({ accepted }) => accepted),
    targetRuns: sum(({ targetRuns }) => targetRuns),
    offBecause: last.offBecause,
  };
}

/** "8 of 12 drafted tokens accepted", "drafting is off: …". */
export function draftParts(figures: DraftFigures | null): readonly string[] {
  if (figures === null) return [];
  const { proposed, accepted, offBecause } = figures;
  return [
    ...(proposed > 0 || offBecause === null
      ? [`${accepted} of ${count(proposed, "drafted token")} accepted`]
      : []),
    ...(offBecause === null ? [] : [`drafting is off: ${offBecause}`]),
  ];
}

/** The same for a program. */
export function draftDocument(figures: DraftFigures | null): object | null {
  if (figures === null) return null;
  const { proposed, accepted, targetRuns, offBecause } = figures;
  return { proposed, accepted, target_runs: targetRuns, off_because: offBecause };
}

export function headerParts(info: EngineInfo, tools: readonly ToolDefinition[]): readonly string[] {
  return [
    `${info.name}, ${(info.parameters / 1e6).toFixed(1)}M ${info.format}`,
    `context ${info.contextLength}`,
    `${(info.kvBytes / 1e6).toFixed(1)} MB of keys and values`,
    count(tools.length, "tool"),
    "/help",
  ];
}

/** Writes one streamed answer; calls and their results stand on lines of their own. */
export interface AnswerWriter {
  token(text: string): void;
  result(result: unknown): void;
  /** What was held back, and the end of the line. */
  end(): void;
}

export function createAnswerWriter(
  write: (text: string) => void,
  format: CallFormat,
  isColourful: boolean,
): AnswerWriter {
  const { cyan, dim, yellow } = pc.createColors(isColourful);
  let calls = createCallStream(format);
  let isAtLineStart = true;
  const put = (text: string): void => {
    if (text === "") return;
    write(text);
    isAtLineStart = text.endsWith("\n");
  };
  const line = (text: string): void => put(`${isAtLineStart ? "" : "\n"}${text}\n`);
  const show = (events: readonly CallEvent[]): void => {
    for (const event of events) {
      if (event.kind === "text") put(event.text);
      else if (event.kind === "call")
        line(cyan(`→ ${event.call.name} ${stringifyJson(event.call.arguments)}`));
      else line(yellow(`→ no call: ${event.reason}: ${event.raw}`));
    }
  };
  const flush = (): void => {
    show(calls.flush());
    calls = createCallStream(format);
  };
  return {
    token: (text) => show(calls.push(text)),
    result: (result) => {
      flush();
      line(dim(`← ${stringifyJson(result)}`));
    },
    end: () => {
      flush();
      if (!isAtLineStart) put("\n");
    },
  };
}
