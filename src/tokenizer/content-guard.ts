import type { ChatMessage } from "../tools/types.ts";
import type { ChatRequest } from "./chat-template.ts";

/** A stretch of rendered text: the template's own, or content that looked like a token of the template. */
export interface GuardedPart {
  readonly text: string;
  readonly isContent: boolean;
}

/**
 * Keeps tokens with a meaning out of user content: before a template is rendered each one inside a message, a tool, an
 * argument or a variable is replaced by a mark of private-use characters; afterwards the marks become stretches that are encoded as plain
 * words. transformers does not do this: there, a tool's result can close the turn that it stands in.
 */
export interface ContentGuard {
  protect(request: ChatRequest): ChatRequest;
  unprotect(rendered: string): GuardedPart[];
  /** Cuts text inside each guarded token, so that no stretch holds a whole one. */
  spell(text: string): string[];
}

const open = "\uE0F0";
const close = "\uE0F1";
const marked = /(\uE0F0\d+\uE0F1)/u;

/** A regular expression for any of these texts, the longest first, so that none hides behind its own prefix. */
export function anyOf(texts: readonly string[], flags: string): RegExp {
  const escaped = [...texts]
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`(${escaped.join("|") || "(?!)"})`, flags);
}

/**
 * `special` are tokens that nobody's content may hold. `written` are ordinary tokens that the template writes, such as Qwen's
 * `<tool_call>` and `<think>`: the assistant's own words keep those, since it made them.
 */
export function createContentGuard(
  special: readonly string[],
  written: readonly string[] = [],
): ContentGuard {
  const guarded = [...special, ...written, open, close];
  const numbers = new Map(guarded.map((token, i) => [token, i]));
  const inAnyone = anyOf(guarded, "gu");
  const inAssistant = anyOf([...special, open, close], "gu");
  const split = anyOf(guarded, "u");
  const isToken = (text: string): boolean => numbers.has(text) && text.length > 1;
  const clean = new WeakMap<object, boolean>();

  const mark = (value: unknown, find: RegExp): unknown => {
    if (typeof value === "string")
      return value.replace(find, (token) => `${open}${numbers.get(token)}${close}`);
    if (Array.isArray(value)) return value.map((item) => mark(item, find));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [mark(key, find), mark(item, find)]),
      );
    }
    return value;
  };

  const markMessage = ({ content, ...rest }: ChatMessage): unknown => ({
    ...(mark(rest, inAnyone) as object),
    content: mark(content, rest.role === "assistant" ? inAssistant : inAnyone),
  });

  const spell = (text: string): string[] => {
    const parts = text.split(split).filter((part) => part.length > 0);
    // A cut token may still hold a shorter one; it is cut again.
    return parts.flatMap((part) => (isToken(part) ? [part.slice(0, 1), ...spell(part.slice(1))] : [part]));
  };

  return {
    protect: (request) => {
      const tools = (request.tools ?? []).map((tool) => {
        // Definitions recur by the thousand; most hold no mark and can be passed on as they are.
        const isClean = clean.get(tool) ?? JSON.stringify(tool).search(inAnyone) < 0;
        clean.set(tool, isClean);
        return isClean ? tool : (mark(tool, inAnyone) as typeof tool);
      });
      const messages = request.messages.map(markMessage) as ChatMessage[];
      const variables = mark(request.variables ?? {}, inAnyone) as NonNullable<ChatRequest["variables"]>;
      return { ...request, messages, tools, variables };
    },
    unprotect: (rendered) => {
      const parts: GuardedPart[] = [];
      for (const part of rendered.split(marked)) {
        const number = marked.test(part) ? Number(part.slice(1, -1)) : null;
        const text = number === null ? part : (guarded[number] ?? "");
        const isContent = number !== null && isToken(text);
        const last = parts.at(-1);
        // The characters of the marks themselves mean nothing to a tokenizer: they go back where they stood.
        if (!isContent && last !== undefined && !last.isContent)
          parts[parts.length - 1] = { text: last.text + text, isContent };
        else if (text.length > 0) parts.push({ text, isContent });
      }
      return parts;
    },
    spell,
  };
}
