import pc from "picocolors";
import { type ErrorCode, LimbeckError } from "../base/errors.ts";
import { demoTools, runDemoTool } from "../flow/answer.ts";
import { type ChatSession, chatFigures, createChatSession } from "../flow/chat-session.ts";
import { openEngine } from "../runtime/engine.ts";
import type { Engine } from "../runtime/engine-contract.ts";
import { type CommandScope, runChatCommand } from "./chat-commands.ts";
import { readTools } from "./chat-input.ts";
import { type ChatLines, pipedLines, terminalLines } from "./chat-lines.ts";
import {
  createAnswerWriter,
  draftDocument,
  draftFigures,
  draftParts,
  figureParts,
  flowParts,
  headerParts,
} from "./chat-view.ts";
import { defaultArtefact } from "./default-artefact.ts";
import type { CliContext, CommandResult } from "./execute.ts";
import { renderError } from "./fail.ts";
import type { ChatFlags } from "./flags.ts";

/** Memory for the keys and values of what was said: a message then costs its own tokens and up to a block of older ones. */
const promptCache = { ramBytes: 256 * 2 ** 20 };

/** What a person can put right in the chat itself. */
const harmless: readonly ErrorCode[] = [
  "usage",
  "context_length_exceeded",
  "invalid_request",
  "not_writable",
  "file_not_found",
  "disk_full",
];

function openLines(isJson: boolean, signal: AbortSignal, prompt: string): ChatLines {
  const { stdin, stderr } = process;
  if (isJson || stdin.isTTY !== true || stderr.isTTY !== true) return pipedLines(stdin, signal);
  return terminalLines({ input: stdin, output: stderr, prompt, continuation: "… " }, signal);
}

interface Chat {
  readonly engine: Engine;
  readonly session: ChatSession;
  readonly lines: ChatLines;
  readonly scope: () => CommandScope;
  readonly context: CliContext;
  /** Shows a line beside the answers. */
  readonly note: (text: string) => void;
}

/** One message and its answer: streamed, or as a document. */
async function answer(
  { engine, session, lines, context, note, scope }: Chat,
  message: string,
): Promise<void> {
  const { output, isJson, isColourful } = context;
  const writer = createAnswerWriter(
    isJson ? () => undefined : output.write,
    engine.info.callFormat,
    isColourful,
  );
  const hooks = {
    onToken: ({ text }: { readonly text: string }) => writer.token(text),
    onResult: (_call: unknown, result: unknown) => writer.result(result),
  };
  try {
    const { turns, said } = await lines.answering((signal) => session.say(message, hooks, signal));
    writer.end();
    const figures = chatFigures(turns);
    const drafts = draftFigures(turns);
    const isCancelled = turns.at(-1)?.finishReason === "cancelled";
    if (isJson) {
      output.document({
        schema_version: 1,
        kind: "answer",
        said,
        finish_reason: turns.at(-1)?.finishReason ?? null,
        turns: figures.turns,
        prompt_tokens: figures.promptTokens,
        cached_tokens: figures.cachedTokens,
        output_tokens: figures.outputTokens,
        ttft_ms: figures.ttftMs,
        tokens_per_second: figures.tokensPerSecond,
        calls: figures.calls,
        speculation: draftDocument(drafts),
      });
      return;
    }
    const parts = [...(isCancelled ? ["stopped"] : []), ...figureParts(figures), ...draftParts(drafts)];
    note(flowParts(parts, scope().width));
  } finally {
    writer.end();
  }
}

/** One line: a command, or a message. False: the chat is to be left. */
async function handle(chat: Chat, line: string): Promise<boolean> {
  if (!line.startsWith("/") || line.startsWith("//")) {
    await answer(chat, line.replace(/^\/\//, "/"));
    return true;
  }
  const shown = runChatCommand(line, chat.scope());
  if (shown !== null) chat.note(shown);
  return shown !== null;
}

/**
 * `limbeck chat`: answers messages until there are no more. On a terminal a mistake is said and the chat goes on; from
 * a pipe, where nobody reads along, it ends the command. With `--json` each answer is a document on a line of its own.
 */
export async function chatCommand(flags: ChatFlags, context: CliContext): Promise<CommandResult> {
  const { output, signal, isJson, isQuiet } = context;
  const { dim, bold, red } = pc.createColors(
    process.stderr.isTTY === true && process.env["NO_COLOR"] === undefined,
  );
  const note = (text: string): void => (isQuiet ? undefined : output.note(dim(text)));
  const artefact = flags.artefact ?? (await defaultArtefact(note));
  const tools = flags.tools === undefined ? demoTools : readTools(flags.tools);
  const engine = await openEngine(artefact, { promptCache, speculation: flags.speculate });
  const lines = openLines(isJson, signal, `${bold(">")} `);
  try {
    const { system, maxTokens, temperature, topP, seed } = flags;
    const session = createChatSession(engine, {
      tools,
      runTool: flags.tools === undefined ? runDemoTool : () => null,
      temperature,
      seed,
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(topP === undefined ? {} : { topP }),
      ...(system === undefined ? {} : { system }),
    });
    const saved = new Set<string>();
    const scope = (): CommandScope => ({
      session,
      artefact,
      tools,
      saved,
      width: process.stderr.columns ?? 80,
    });
    const chat: Chat = { engine, session, lines, scope, context, note };
    if (lines.isTerminal) note(flowParts(headerParts(engine.info, tools), scope().width));
    for (let line = await lines.next(); line !== null; line = await lines.next()) {
      try {
        if (!(await handle(chat, line))) break;
      } catch (error) {
        if (!lines.isTerminal || !(error instanceof LimbeckError) || !harmless.includes(error.code))
          throw error;
        const cure = error.code === "context_length_exceeded" ? "Write /reset to begin anew." : error.cure;
        const shown = new LimbeckError(error.code, error.message, cure === undefined ? {} : { cure });
        output.note(red(renderError(shown, false).trimEnd()));
      }
    }
    const { turns, promptTokens, cachedTokens, outputTokens, calls } = chatFigures(session.turns);
    return {
      document: {
        schema_version: 1,
        kind: "chat",
        artefact,
        messages: session.messages,
        turns,
        prompt_tokens: promptTokens,
        cached_tokens: cachedTokens,
        output_tokens: outputTokens,
        calls,
        speculation: draftDocument(draftFigures(session.turns)),
      },
      exitStatus: 0,
    };
  } finally {
    lines.close();
    await engine.close();
  }
}
