import { type ChildProcess, spawn } from "node:child_process";
import * as os from "node:os";
import { addAbortSignal, type Readable } from "node:stream";
import { LimbeckError } from "../base/errors.ts";
import { followFile } from "../speech/follow.ts";

/** A stream to speak: its pieces, and the exit status that its writer leaves. */
export interface SpeakInput {
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Resolves once the writer has ended; 0 where there is none. */
  status(): Promise<number>;
}

const noStatus = async (): Promise<number> => 0;

async function* untilAborted(stream: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of addAbortSignal(signal, stream)) yield piece as Uint8Array;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Text that was given. */
export function textInput(text: string): SpeakInput {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text, "utf8");
  }
  return { pieces: pieces(), status: noStatus };
}

export function streamInput(stream: Readable, signal: AbortSignal): SpeakInput {
  return { pieces: untilAborted(stream, signal), status: noStatus };
}

/** Error: `not_writable` where the path cannot be read. */
export async function fileInput(
  file: string,
  isFromStart: boolean,
  signal: AbortSignal,
): Promise<SpeakInput> {
  return { pieces: await followFile(file, { signal, isFromStart }), status: noStatus };
}

/** What a shell says of a process: its status, or 128 and the number of the signal that ended it. */
function statusOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : os.constants.signals[signal]);
}

/** Time for a command to end in good order once it is told to. */
const graceMs = 2000;

function endWith(signal: AbortSignal, child: ChildProcess): void {
  const stop = (): void => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    child.once("exit", () => clearTimeout(timer));
  };
  signal.addEventListener("abort", stop, { once: true });
  child.once("exit", () => signal.removeEventListener("abort", stop));
}

/**
 * Starts a command and reads its standard output; its standard error is shown as it is. `isStdinTaken`: keys are read from
 * the terminal, so that the command must not read it too. Error: `file_not_found` where there is no such command.
 */
export function commandInput(
  [program = "", ...args]: readonly string[],
  isStdinTaken: boolean,
  signal: AbortSignal,
): SpeakInput {
  const child = spawn(program, args, { stdio: [isStdinTaken ? "ignore" : "inherit", "pipe", "inherit"] });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("exit", (code, by) => resolve(statusOf(code, by)));
    child.once("error", (cause: NodeJS.ErrnoException) => {
      const what = cause.code === "ENOENT" ? "no such command" : (cause.code ?? cause.message);
      reject(
        new LimbeckError("file_not_found", `speak: ${program}: ${what}`, {
          cure: "Write the command after `--` as in a shell: limbeck speak -- claude -p …",
          fields: { command: program },
          cause,
        }),
      );
    });
  });
  // Awaited by `status`; until then it is nobody's.
  ended.catch(() => undefined);
  endWith(signal, child);
  return { pieces: untilAborted(child.stdout, signal), status: () => ended };
}
