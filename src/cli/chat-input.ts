import { addAbortSignal, type Readable } from "node:stream";
import { z } from "zod";
import { LimbeckError } from "../base/errors.ts";
import { readJson } from "../base/files.ts";
import { type ToolDefinition, toToolDefinition } from "../tools/types.ts";

const toolsSchema = z.array(
  z.object({
    type: z.literal("function"),
    function: z.object({
      name: z.string().min(1),
      description: z.string().nullish(),
      parameters: z.record(z.string(), z.json()).nullish(),
      strict: z.boolean().nullish(),
    }),
  }),
);

/** Tools of a JSON file in the OpenAI format; null counts as absent. Errors: `file_not_found`, `invalid_json`, `invalid_request`. */
export function readTools(file: string): readonly ToolDefinition[] {
  const result = toolsSchema.safeParse(readJson(file));
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new LimbeckError(
      "invalid_request",
      `${file}: expected an array of tools, got ${issue?.path.join(".") || "(top)"}: ${issue?.message}`,
      {
        cure: 'Each tool is {"type": "function", "function": {"name", "description", "parameters"}}.',
        fields: { path: file, issues: result.error.issues.length },
      },
    );
  }
  return result.data.map((tool) => toToolDefinition(tool.function));
}

/**
 * The whole of a stream as text, without blanks at its ends. Errors: `usage` where there is nothing, `cancelled` where
 * the signal comes first.
 */
export async function readPrompt(stream: Readable, signal: AbortSignal): Promise<string> {
  const parts: Buffer[] = [];
  try {
    for await (const part of addAbortSignal(signal, stream)) parts.push(Buffer.from(part));
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new LimbeckError("cancelled", "run: interrupted while reading the prompt", { cause });
  }
  const text = Buffer.concat(parts).toString("utf8").trim();
  if (text !== "") return text;
  throw new LimbeckError("usage", "run: expected a prompt as an argument or on standard input, got nothing", {
    cure: 'Write `limbeck run "set a timer for 12 minutes"`, or pipe text into it.',
  });
}
