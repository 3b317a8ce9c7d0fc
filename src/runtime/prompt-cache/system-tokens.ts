import { LimbeckError } from "../../base/errors.ts";
import { canonicalJson } from "../../base/json.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { ChatMessage, ToolDefinition } from "../../tools/types.ts";

/** How many tokens a chat's prompt begins with before anything that a user said: system prompt and tools. */
export type SystemTokenCounter = (
  messages: readonly ChatMessage[],
  tools: readonly ToolDefinition[],
) => number;

const mostRemembered = 16;

/** A counter that asks the template once for each system prompt: two users' first words part where the system ends. */
export function createSystemTokenCounter(tokenizer: Pick<Tokenizer, "encodeChat">): SystemTokenCounter {
  const known = new Map<string, number>();
  return (messages, tools) => {
    const turnsFrom = messages.findIndex(({ role }) => role !== "system");
    const system = turnsFrom < 0 ? messages : messages.slice(0, turnsFrom);
    const name = canonicalJson([system, tools]);
    const found = known.get(name);
    if (found !== undefined) return found;
    if (known.size === mostRemembered) known.clear();
    const count = commonTokens(tokenizer, system, tools);
    known.set(name, count);
    return count;
  };
}

function commonTokens(
  tokenizer: Pick<Tokenizer, "encodeChat">,
  system: readonly ChatMessage[],
  tools: readonly ToolDefinition[],
): number {
  const encode = (content: string): number[] =>
    tokenizer.encodeChat([...system, { role: "user", content }], tools);
  let a: number[];
  let b: number[];
  try {
    [a, b] = [encode("0"), encode("x")];
  } catch (error) {
    // A template may refuse a chat of this shape, though not the one that was answered: then no part of it is known.
    if (error instanceof LimbeckError && error.code !== "internal") return 0;
    throw error;
  }
  const parting = a.findIndex((id, i) => id !== b[i]);
  return parting < 0 ? a.length : parting;
}
