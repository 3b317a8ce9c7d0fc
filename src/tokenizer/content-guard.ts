import { isDeepStrictEqual } from "node:util";
import type { ChatRequest } from "./chat-template.ts";

/** A stretch of rendered text: the template's own, or content that looked like a special token. */
export interface GuardedPart {
  readonly text: string;
  readonly isContent: boolean;
}

/**
 * Keeps special tokens out of user content: before a template is rendered each one inside a message, a tool or an argument is
 * replaced by a mark of private-use characters; afterwards the marks become stretches that are encoded as plain words.
 */
export interface ContentGuard {
  protect(request: ChatRequest): ChatRequest;
  unprotect(rendered: string): GuardedPart[];
  /** Cuts text at its special tokens. */
  parts(text: string): { readonly text: string; readonly isSpecial: boolean }[];
  /** Cuts text inside each special token, so that no stretch holds a whole one. */
  spell(text: string): string[];
}

const open = "\uE0F0";
const close = "\uE0F1";
const escapeRegex = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

export function createContentGuard(specialTokens: readonly string[]): ContentGuard {
  // Longest first, so that no token hides behind its own prefix; the marks themselves are escaped too.
  const guarded = [...specialTokens, open, close].sort((a, b) => b.length - a.length);
  const alternatives = guarded.map(escapeRegex).join("|");
  const find = new RegExp(alternatives, "gu");
  const split = new RegExp(`(${alternatives})`, "u");
  const special = new Set(specialTokens);
  const clean = new WeakMap<object, boolean>();
  const mark = (value: unknown): unknown => {
    if (typeof value === "string") {
      return value.replace(find, (token) => `${open}${guarded.indexOf(token)}${close}`);
    }
    if (Array.isArray(value)) return value.map(mark);
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [mark(key), mark(item)]));
    }
    return value;
  };
  const spell = (text: string): string[] =>
    text
      .split(split)
      .filter((part) => part.length > 0)
      .flatMap((part) => (special.has(part) && part.length > 1 ? [part.slice(0, 1), part.slice(1)] : [part]));
  return {
    protect: (request) => {
      const messages = mark(request.messages) as ChatRequest["messages"];
      const tools = (request.tools ?? []).map((tool) => {
        // Definitions recur by the thousand; most hold no mark and can be passed on as they are.
        const isClean = clean.get(tool) ?? !find.test(JSON.stringify(tool));
        find.lastIndex = 0;
        clean.set(tool, isClean);
        return isClean ? tool : (mark(tool) as typeof tool);
      });
      return { ...request, messages, tools };
    },
    unprotect: (rendered) =>
      rendered
        .split(/(\uE0F0\d+\uE0F1)/u)
        .filter((part) => part.length > 0)
        .map((part) => {
          const index = /^\uE0F0(\d+)\uE0F1$/u.exec(part)?.[1];
          return index === undefined
            ? { text: part, isContent: false }
            : { text: guarded[Number(index)] ?? "", isContent: true };
        }),
    parts: (text) =>
      text
        .split(split)
        .filter((part) => part.length > 0)
        .map((part) => ({ text: part, isSpecial: special.has(part) })),
    spell: (text) => {
      const parts = spell(text);
      // A cut token may still hold a shorter special one; cut again until nothing changes.
      const again = parts.flatMap(spell);
      return isDeepStrictEqual(parts, again) ? parts : again.flatMap(spell);
    },
  };
}
