import * as fs from "node:fs";
import { fileError } from "../base/files.ts";
import { stringifyJson } from "../base/json.ts";
import { renderError } from "./fail.ts";

/** The two streams of a command: results on standard output, everything else on standard error. */
export interface Output {
  /** A piece of a result, as it is. */
  write(text: string): void;
  /** A line of a result. */
  print(text: string): void;
  /** A line beside the result: never on standard output. */
  note(text: string): void;
  /** The one JSON document, as the last line of standard output. */
  document(value: unknown): void;
  /** Resolves when everything is written. */
  flush(): Promise<void>;
}

/** Lines of `text` end in exactly one newline. */
function line(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}

function drained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}

/** Exit status of a process whose reader went away: what a shell says of a program that SIGPIPE ended. */
const brokenPipeStatus = 141;

/**
 * Output over two streams. A reader that went away (as with `| head`) ends the process without a word, and not as a
 * success: nobody has seen the result. Any other failure to write, a full disk, ends it with message and status.
 */
export function createOutput(stdout: NodeJS.WritableStream, stderr: NodeJS.WritableStream): Output {
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(brokenPipeStatus);
    const failure = fileError("write", "the standard output", error);
    fs.writeSync(2, renderError(failure, false));
    process.exit(failure.exitStatus);
  });
  return {
    write: (text) => void stdout.write(text),
    print: (text) => void stdout.write(line(text)),
    note: (text) => void stderr.write(line(text)),
    document: (value) => void stdout.write(`${stringifyJson(value)}\n`),
    flush: async () => {
      await drained(stdout);
      await drained(stderr);
    },
  };
}
