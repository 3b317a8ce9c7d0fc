import { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import type { ToolDefinition } from "../tools/types.ts";
import type { ChatModel } from "./chat.ts";
import { streamGenerate } from "./stream-generate.ts";

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
        list: { type: "array", items: { type: "number" } },
        isOn: { type: "boolean" },
      },
      required: ["text"],
    },
  },
};

/** Enough that one run reads several tokens, few enough that a large model reads them at once. */
const promptTokens = 4;

/** Tokens of a call that are tried out: what is forced comes with them. */
const callTokens = 3;

/**
 * Does once what the first answer would wait for: the template, rules of a grammar and the masks of its vocabulary, the
 * model's first runs. The runner is left as `reset` leaves it. Errors: those of the model (`backend_failed`).
 */
export async function warmUp(model: ChatModel): Promise<void> {
  const { generator, tokenizer } = model;
  const { runner } = generator;
  const promptIds = await asLongAsNotRefused(() =>
    tokenizer.encodeChat([{ role: "user", content: "Hello" }], [tool], { addGenerationPrompt: true }),
  );
  const now = monotonicMs();
  const marks = { requestedAt: now, turnAt: now, tokenizedAt: now };
  try {
    const begin = (promptIds ?? [tokenizer.eosId]).slice(0, promptTokens);
    await streamGenerate(generator, begin, { maxTokens: 2, temperature: 0 }, marks, { clock: monotonicMs });
    await asLongAsNotRefused(() => followCall(model, runner.logits));
  } finally {
    runner.reset();
  }
}

/** A template without tools, or a grammar engine that is not installed: the first request that needs it will say so. */
async function asLongAsNotRefused<T>(action: () => T | Promise<T>): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof LimbeckError && error.code !== "internal") return null;
    throw error;
  }
}

/** Begins a call, whatever the logits say. */
async function followCall(
  { generator, tokenizer, grammars }: ChatModel,
  logits: Float32Array,
): Promise<void> {
  const { callFormat } = tokenizer;
  const constraint = await grammars.forChat({
    tools: [tool],
    toolChoice: "required",
    responseFormat: { type: "text" },
    callFormat,
  });
  if (constraint === null) return;
  try {
    constraint.begin(generator.runner.shape.contextLength);
    for (let made = 0; made < callTokens; made++) {
      constraint.mask(logits);
      constraint.accept(generator.sampler.choose(logits));
      for (const id of constraint.forced()) constraint.accept(id);
    }
  } finally {
    constraint.close();
  }
}
