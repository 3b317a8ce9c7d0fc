import { stringifyJson } from "../base/json.ts";

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

/** Output over two streams. A reader that went away (EPIPE, as with `| head`) ends the process without a word. */
export function createOutput(stdout: NodeJS.WritableStream, stderr: NodeJS.WritableStream): Output {
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
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
