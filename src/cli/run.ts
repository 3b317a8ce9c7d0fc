import { LimbeckError } from "../base/errors.ts";
import { stringifyJson } from "../base/json.ts";
import { answerPrompt, decodeRate, demoTools, runDemoTool } from "../flow/answer.ts";
import { describeKv } from "../model/kv-cache.ts";
import { openEngine } from "../runtime/engine.ts";
import type { EngineInfo } from "../runtime/engine-contract.ts";
import type { ChatResult } from "../runtime/types.ts";
import { readPrompt, readTools } from "./chat-input.ts";
import { defaultArtefact } from "./default-artefact.ts";
import type { CliContext, CommandResult } from "./execute.ts";
import type { RunFlags } from "./flags.ts";

/** "23 tokens, TTFT 4.1 ms (tokenizer 0.6, first step 3.5), 812 tok/s". */
function describeTurn(turn: ChatResult): string {
  const { tokens, timing, promptTokens } = turn;
  const rate = decodeRate([turn]);
  return [
    `${promptTokens} tokens in, ${tokens.length} out`,
    `TTFT ${timing.ttftMs.toFixed(1)} ms (tokenizer ${timing.tokenizerMs.toFixed(1)}, first step ${timing.firstStepMs.toFixed(1)})`,
    ...(rate === null ? [] : [`${rate.toFixed(0)} tok/s`]),
  ].join(", ");
}

function timingDocument(timing: ChatResult["timing"]): Readonly<Record<string, number>> {
  return {
    tokenizer_ms: timing.tokenizerMs,
    first_step_ms: timing.firstStepMs,
    ttft_ms: timing.ttftMs,
    total_ms: timing.totalMs,
    prefill_session_ms: timing.prefillSessionMs,
    decode_session_ms: timing.decodeSessionMs,
  };
}

function kvDocument({ kv, kvBytes }: EngineInfo): Readonly<Record<string, number>> {
  const { layers, kvHeads, headDim, contextLength } = kv;
  return { layers, kv_heads: kvHeads, head_dim: headDim, sequence: contextLength, bytes: kvBytes };
}

/** The prompt from standard input; who is waited for is told so. */
async function promptFromInput(note: (text: string) => void, signal: AbortSignal): Promise<string> {
  const hint = setTimeout(() => note("reading the prompt from standard input; end it with Ctrl-D"), 1000);
  try {
    return await readPrompt(process.stdin, signal);
  } finally {
    clearTimeout(hint);
  }
}

/** `limbeck run`: streams the answer to standard output; calls of the embedded tools are run and answered. */
export async function runCommand(
  given: string | undefined,
  flags: RunFlags,
  { output, signal, isJson, isQuiet }: CliContext,
): Promise<CommandResult> {
  const note = (text: string): void => (isQuiet ? undefined : output.note(text));
  const prompt = given ?? (await promptFromInput(note, signal));
  if (prompt.trim() === "") {
    throw new LimbeckError("usage", "run: expected a prompt, got blank text", { cure: "Write what to do." });
  }
  const artefact = flags.artefact ?? (await defaultArtefact(note));
  const tools = flags.tools === undefined ? demoTools : readTools(flags.tools);
  const engine = await openEngine(artefact);
  try {
    const { turns, results } = await answerPrompt(
      engine,
      prompt,
      {
        tools,
        runTool: flags.tools === undefined ? runDemoTool : () => null,
        maxTokens: flags.maxTokens,
        temperature: flags.temperature,
        seed: flags.seed,
        signal,
        ...(flags.topP === undefined ? {} : { topP: flags.topP }),
        ...(flags.system === undefined ? {} : { system: flags.system }),
      },
      {
        onToken: ({ text }) => (isJson ? undefined : output.write(text)),
        onResult: (_call, result) => (isJson ? undefined : output.write(`\n→ ${stringifyJson(result)}\n`)),
      },
    );
    if (!isJson) output.write("\n");
    for (const turn of turns) note(describeTurn(turn));
    note(describeKv(engine.info.kv));
    return {
      document: {
        schema_version: 1,
        kind: "answer",
        artefact,
        turns: turns.map(({ content, text, calls, finishReason, promptTokens, tokens, timing }) => ({
          content,
          text,
          calls,
          finish_reason: finishReason,
          prompt_tokens: promptTokens,
          output_tokens: tokens.length,
          timing: timingDocument(timing),
        })),
        results,
        kv_cache: kvDocument(engine.info),
      },
      exitStatus: 0,
    };
  } finally {
    await engine.close();
  }
}
