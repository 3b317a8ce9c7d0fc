import { codeBlockTokens } from "./announce.ts";
import type { Token } from "./tokens.ts";

/** A code block between fences, counted line by line and never read. */
export interface Fence {
  /** Takes a line of the block; true: the line closed it. `first` is its first word, `words` how many it has. */
  line(first: string, words: number, before: string): boolean;
  announce(): readonly Token[];
}

const opening = /^(`{3,}|~{3,})(.*)$/s;

/** `line` is the whole line that opened it, without its indentation. */
export function openFence(line: string): Fence {
  const [, marks = "```", info = ""] = opening.exec(line) ?? [];
  const mark = marks[0] ?? "`";
  const label = /^[\w+#-]+/.exec(info.trim().replace(/^\{?\.?/, ""))?.[0] ?? "";
  const bare = new RegExp(`^\\${mark}{${marks.length},}$`);
  const inner = new RegExp(`^\\${mark}{${marks.length},}[\\w{.]`);
  /** A fence with a label inside a block opens one of its own, as when Markdown is shown: its end is not ours. */
  let depth = 0;
  let lines = 0;
  let added = 0;
  let removed = 0;
  return {
    line: (first, words, before) => {
      if (words === 1 && bare.test(first)) {
        if (depth === 0) return true;
        depth--;
      } else if (inner.test(first)) depth++;
      if (words > 0) lines++;
      if (before === "") {
        if (first.startsWith("+") && !first.startsWith("+++")) added++;
        if (first.startsWith("-") && !first.startsWith("---")) removed++;
      }
      return false;
    },
    announce: () => codeBlockTokens(label, lines, added, removed),
  };
}
