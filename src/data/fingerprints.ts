import { createHash } from "node:crypto";
import { sha256 } from "../base/files.ts";
import { canonicalJson } from "../base/json.ts";
import type { ToolDefinition } from "../tools/types.ts";
import type { DatasetHeader, Example } from "./types.ts";

/** sha-256 over the canonical JSON of every example, in order, each ended by a newline. */
export function fingerprintExamples(examples: readonly Example[]): string {
  const hash = createHash("sha256");
  for (const example of examples) hash.update(`${canonicalJson(example)}\n`);
  return hash.digest("hex");
}

/** sha-256 over the different tools that occur, sorted by name, then by content. */
export function fingerprintTools(examples: readonly Example[]): string {
  // The same definition objects recur, so each is written once.
  const seen = new Set<ToolDefinition>();
  const texts = new Set<string>();
  for (const example of examples) {
    for (const tool of example.tools) {
      if (seen.has(tool)) continue;
      seen.add(tool);
      texts.add(`${tool.function.name}\n${canonicalJson(tool)}`);
    }
  }
  return sha256([...texts].sort().join("\n"));
}

export function fingerprintDataset(
  examples: readonly Example[],
  rest: Partial<Pick<DatasetHeader["fingerprints"], "tokenizer" | "prompt_wrapper">> = {},
): DatasetHeader["fingerprints"] {
  return {
    dataset: fingerprintExamples(examples),
    tools: fingerprintTools(examples),
    tokenizer: rest.tokenizer ?? null,
    prompt_wrapper: rest.prompt_wrapper ?? null,
  };
}
