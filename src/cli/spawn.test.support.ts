import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The command, as it was built beside this file. */
export const mainFile = fileURLToPath(new URL("./main.js", import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  /** Folder to work in. */
  readonly folder: string;
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The signal is sent as soon as `isDue` holds of what is on standard error; standard input stays open. */
  readonly interrupt?: { readonly signal: NodeJS.Signals; readonly isDue: (stderr: string) => boolean };
}

/** Runs `limbeck words…` to its end in a process of its own. */
export function limbeck(words: readonly string[], options: CallOptions): Promise<Ended> {
  const { folder, input = "", environment = {}, interrupt } = options;
  const child = spawn(process.execPath, [mainFile, ...words], {
    cwd: folder,
    env: { ...process.env, DEBUG: "", ...environment },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  if (interrupt === undefined) child.stdin.end(input);
  const watch =
    interrupt === undefined
      ? undefined
      : setInterval(() => {
          if (!child.killed && interrupt.isDue(stderr)) child.kill(interrupt.signal);
        }, 20);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      clearInterval(watch);
      resolve({ status, stdout, stderr });
    });
  });
}

/** The document in the last line of standard output. */
export function lastDocument({ stdout }: Ended): Record<string, unknown> {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>;
}

/** The code of the error document in the last line. */
export function errorCode(ended: Ended): unknown {
  return (lastDocument(ended)["error"] as Record<string, unknown> | undefined)?.["code"];
}
