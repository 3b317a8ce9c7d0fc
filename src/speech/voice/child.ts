import { spawn } from "node:child_process";
import { LimbeckError } from "../../base/errors.ts";

export interface ChildOptions {
  readonly stdin?: string;
  readonly timeoutMs: number;
  /** More output than this ends it: a program that never stops must not fill the memory. */
  readonly mostBytes: number;
  readonly signal?: AbortSignal;
}

/**
 * Runs a program (no shell: `argv` is what it gets, word by word) and returns its standard output. Cancelled or out of time it is
 * killed with all that it started. Errors: `voice_failed` (not found, status, time, too much output), `cancelled`.
 */
export function runChild(argv: readonly string[], options: ChildOptions): Promise<Buffer> {
  const { stdin = "", timeoutMs, mostBytes, signal } = options;
  const [program, ...args] = argv;
  if (program === undefined || program === "") {
    return Promise.reject(new LimbeckError("usage", "voice command: expected a program, got nothing"));
  }
  return new Promise((resolve, reject) => {
    // A group of its own, so that it can be ended with its children, and a Ctrl-C is ours alone to handle.
    const child = spawn(program, args, { stdio: "pipe", detached: process.platform !== "win32" });
    const parts: Buffer[] = [];
    let bytes = 0;
    let complaint = "";
    let isSettled = false;

    const end = (): void => {
      isSettled = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    };
    const kill = (): void => {
      // What it started elsewhere may hold its ends of the pipes open.
      for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
      try {
        if (child.pid !== undefined)
          process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGKILL");
      } catch (error) {
        // It may have ended by itself meanwhile.
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    };
    const fail = (code: "voice_failed" | "cancelled", why: string, cause?: unknown): void => {
      if (isSettled) return;
      end();
      kill();
      reject(
        new LimbeckError(code, `${program}: ${why}`, {
          ...(code === "voice_failed"
            ? { cure: "Run the command by hand with a sentence on its standard input." }
            : {}),
          fields: { argv },
          cause,
        }),
      );
    };
    const cancel = (): void => fail("cancelled", "cancelled");
    const timer = setTimeout(() => fail("voice_failed", `expected an end within ${timeoutMs} ms`), timeoutMs);
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel();

    child.on("error", (cause: NodeJS.ErrnoException) =>
      fail(
        "voice_failed",
        cause.code === "ENOENT" ? "expected it on the PATH, not found" : cause.message,
        cause,
      ),
    );
    child.stdout.on("data", (part: Buffer) => {
      bytes += part.length;
      if (bytes > mostBytes) fail("voice_failed", `expected at most ${mostBytes} bytes of sound`);
      else parts.push(part);
    });
    child.stderr.on("data", (part: Buffer) => {
      if (complaint.length < 2000) complaint += part.toString();
    });
    child.on("close", (status, killedBy) => {
      if (isSettled) return;
      if (status !== 0) {
        fail(
          "voice_failed",
          `expected status 0, got ${status ?? killedBy}: ${complaint.trim().slice(0, 500)}`,
        );
        return;
      }
      end();
      resolve(Buffer.concat(parts));
    });
    // A program need not read its input.
    child.stdin.on("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EPIPE") fail("voice_failed", cause.message, cause);
    });
    child.stdin.end(stdin);
  });
}
