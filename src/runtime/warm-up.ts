import { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { ToolDefinition } from "../tools/types.ts";
import type { GrammarCompiler } from "./grammar/compiler.ts";
import { type Generator, streamGenerate } from "./stream-generate.ts";

/** A parameter of each kind that most tools have. */
const tool: ToolDefinition = {
  type: "function",
  function: {
    name: "warm_up",
    description: "Warms up",
    parameters: {
      type: "object",
      properties: {
        text: { type: "string" },
        count: { type: "integer", minimum: 1, maximum: 9 },
        kind: { type: "string", enum: ["a", "b"] },
      },
      required: ["text"],
    },
  },
};

/** Enough that one run reads several tokens, few enough that a large model reads them at once. */
const promptTokens = 4;

/** A template without tools, or a grammar engine that is not installed: the first request that needs it will say so. */
async function unlessRefused(action: () => void | Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof LimbeckError) || error.code === "internal") throw error;
  }
}

/**
 * Does once what the first token would wait for beside the model: the chat template, the rules of a grammar. The masks of
 * a vocabulary are made when a first call begins: they cost more than an answer of words does.
 */
export async function warmUpText(tokenizer: Tokenizer, grammars: GrammarCompiler): Promise<void> {
  const { callFormat } = tokenizer;
  await unlessRefused(() => {
    tokenizer.encodeChat([{ role: "user", content: "Hello" }], [tool], { addGenerationPrompt: true });
  });
  await unlessRefused(async () => {
    const rules = { tools: [tool], toolChoice: "auto", responseFormat: { type: "text" } } as const;
    (await grammars.forChat({ ...rules, callFormat }))?.close();
  });
}

/** The model's first runs, of several tokens and of one. The runner is left as `reset` leaves it. Error: `backend_failed`. */
export async function warmUpModel(generator: Generator): Promise<void> {
  const now = monotonicMs();
  const marks = { requestedAt: now, turnAt: now, tokenizedAt: now };
  const prompt = new Array<number>(Math.min(promptTokens, generator.runner.shape.contextLength)).fill(0);
  // No token ends it: two are made, the second one by a run of its own.
  const endless = { ...generator, endIds: new Set<number>() };
  try {
    await streamGenerate(endless, prompt, { maxTokens: 2, temperature: 0 }, marks, { clock: monotonicMs });
  } finally {
    generator.runner.reset();
  }
}
