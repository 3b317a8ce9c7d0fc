import { monotonicMs } from "../measure/clock.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import { streamChat } from "./chat-stream.ts";
import type { Engine, OpenOptions } from "./engine-contract.ts";
import { openLocalEngine } from "./local-engine.ts";
import type { ChatResult, GenerateOptions, TokenEvent } from "./types.ts";

/**
 * Opens an artefact in this thread: for scripts and tests. Native runs leave the event loop free, but tokenizing and
 * sampling happen on it. Errors: those of `openLocalEngine`.
 */
export async function openInProcessEngine(artefactDir: string, options: OpenOptions): Promise<Engine> {
  const local = await openLocalEngine(artefactDir, options, { blocking: false });
  let isClosing = false;
  const ask = (
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[],
    { signal, ...generate }: GenerateOptions,
    onToken: (event: TokenEvent) => void,
  ): Promise<ChatResult> =>
    local.run(messages, tools, generate, {
      requestedAt: monotonicMs(),
      isCancelled: () => isClosing || signal?.aborted === true,
      onToken,
    });
  return {
    name: local.info.name,
    info: local.info,
    chat: (messages, tools, generate = {}) => ask(messages, tools, generate, () => undefined),
    stream: (messages, tools, generate = {}) =>
      streamChat(
        (onToken, signal) => ask(messages, tools, { ...generate, signal }, onToken),
        generate.signal,
      ),
    close: () => {
      isClosing = true;
      return local.close();
    },
  };
}
