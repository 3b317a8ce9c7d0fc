import {
  codeBlockTokens,
  commandTokens,
  diffTokens,
  formulaTokens,
  logTokens,
  tableTokens,
  traceTokens,
} from "./announce.ts";
import { tableDelimiter } from "./line-kinds.ts";
import type { Token } from "./tokens.ts";

export type SilentKind = "code" | "command" | "diff" | "formula" | "log" | "table" | "trace";

/** Lines of one kind that are not read aloud: counted, so that it can be said what they were. */
export interface SilentRun {
  readonly kind: SilentKind;
  lines: number;
  added: number;
  removed: number;
  /** Of a table: the row between head and body was seen. */
  hasDelimiter: boolean;
  /** A blank line came: the run ends unless its kind goes on. */
  isInterrupted: boolean;
}

export function openRun(kind: SilentKind): SilentRun {
  return { kind, lines: 0, added: 0, removed: 0, hasDelimiter: false, isInterrupted: false };
}

export function countLine(run: SilentRun, text: string): void {
  if (run.kind === "table" && tableDelimiter.test(text) && text.includes("-")) {
    run.hasDelimiter = true;
    return;
  }
  run.lines++;
  if (text.startsWith("+") && !text.startsWith("+++")) run.added++;
  if (text.startsWith("-") && !text.startsWith("---")) run.removed++;
}

const announcements: { readonly [K in SilentKind]: (run: SilentRun) => readonly Token[] } = {
  code: ({ lines }) => codeBlockTokens("", lines, 0, 0),
  command: ({ lines }) => commandTokens(lines),
  diff: ({ added, removed }) => diffTokens(added, removed),
  formula: () => formulaTokens(),
  log: ({ lines }) => logTokens(lines),
  table: ({ lines, hasDelimiter }) => tableTokens(Math.max(0, hasDelimiter ? lines - 1 : lines)),
  trace: ({ lines }) => traceTokens(lines),
};

export function runTokens(run: SilentRun): readonly Token[] {
  return announcements[run.kind](run);
}
