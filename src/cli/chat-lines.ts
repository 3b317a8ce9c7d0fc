import * as readline from "node:readline";
import { type Readable, Writable } from "node:stream";

/** Where the messages of a chat come from. */
export interface ChatLines {
  /** Whether a person types them on a terminal. */
  readonly isTerminal: boolean;
  /** The next message; null: there is none any more. */
  next(): Promise<string | null>;
  /** Runs an answer: what is typed meanwhile is kept and not shown, Ctrl-C aborts the signal. */
  answering<T>(answer: (signal: AbortSignal) => Promise<T>): Promise<T>;
  close(): void;
}

/** One message a line, blank lines left out; ends where the stream does or `signal` is aborted. */
export function pipedLines(input: Readable, signal: AbortSignal): ChatLines {
  const lines = readline.createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const iterator = lines[Symbol.asyncIterator]();
  const stop = (): void => lines.close();
  signal.addEventListener("abort", stop, { once: true });
  return {
    isTerminal: false,
    next: async () => {
      for (;;) {
        if (signal.aborted) return null;
        const { value, done } = await iterator.next();
        if (done === true) return null;
        if (value.trim() !== "") return value;
      }
    },
    answering: (answer) => answer(signal),
    close: () => {
      signal.removeEventListener("abort", stop);
      lines.close();
    },
  };
}

/** What a terminal can do that lines are edited on. */
export interface ChatTerminal {
  readonly input: Readable;
  readonly output: NodeJS.WritableStream & { readonly columns?: number };
  readonly prompt: string;
  /** Before each further line of one message. */
  readonly continuation: string;
}

/** The output of the line editor: silent while an answer is written, else the two would mix. */
class EditorOutput extends Writable {
  isMuted = false;
  readonly #terminal: ChatTerminal["output"];

  constructor(terminal: ChatTerminal["output"]) {
    super({ decodeStrings: false });
    this.#terminal = terminal;
    terminal.on("resize", () => this.emit("resize"));
  }

  /** Where the editor breaks its lines. */
  get columns(): number {
    return this.#terminal.columns ?? 80;
  }

  override _write(text: string, _encoding: BufferEncoding, done: () => void): void {
    if (!this.isMuted) this.#terminal.write(text);
    done();
  }
}

/** The terminal marks what is pasted, so that its line ends do not send it. */
const pasteMarksOn = "\x1b[?2004h";
const pasteMarksOff = "\x1b[?2004l";

/**
 * Messages typed on a terminal: edited lines with a history. A line that ends in a backslash goes on in the next, and
 * so does pasted text. Ctrl-C cancels the answer under way, else drops what is typed, else leaves, as Ctrl-D does.
 */
export function terminalLines(
  { input, output, prompt, continuation }: ChatTerminal,
  signal: AbortSignal,
): ChatLines {
  const editor = new EditorOutput(output);
  const lines = readline.createInterface({
    input,
    output: editor,
    terminal: true,
    prompt,
    historySize: 1000,
  });
  const ready: string[] = [];
  let earlier: string[] = [];
  let isPasting = false;
  let isClosed = false;
  let wake: (() => void) | undefined;
  let cancelAnswer: (() => void) | undefined;

  output.write(pasteMarksOn);
  const onKey = (_text: string | undefined, key: { readonly name?: string } | undefined): void => {
    if (key?.name === "paste-start") isPasting = true;
    if (key?.name === "paste-end") isPasting = false;
  };
  input.on("keypress", onKey);
  const ask = (): void => {
    lines.setPrompt(earlier.length === 0 ? prompt : continuation);
    lines.prompt(true);
  };
  lines.on("line", (line) => {
    const goesOn = !isPasting && line.endsWith("\\");
    earlier.push(goesOn ? line.slice(0, -1) : line);
    if (isPasting || goesOn) return ask();
    const message = earlier.join("\n").trimEnd();
    earlier = [];
    if (message === "") return editor.isMuted ? undefined : ask();
    ready.push(message);
    wake?.();
  });
  lines.on("SIGINT", () => {
    if (cancelAnswer !== undefined) {
      const cancel = cancelAnswer;
      // Asked for a second time, it is the chat that shall end.
      cancelAnswer = close;
      return cancel();
    }
    if (lines.line === "" && earlier.length === 0) return close();
    earlier = [];
    // Ctrl-E, Ctrl-U: the editor's own way to empty its line.
    lines.write(null, { ctrl: true, name: "e" });
    lines.write(null, { ctrl: true, name: "u" });
    ask();
  });
  lines.on("close", () => {
    isClosed = true;
    // Whoever leaves at the prompt leaves it on a line of its own.
    if (wake !== undefined) output.write("\n");
    wake?.();
  });
  const close = (): void => {
    if (!isClosed) lines.close();
  };
  signal.addEventListener("abort", close, { once: true });

  return {
    isTerminal: true,
    next: async () => {
      if (ready.length === 0 && !isClosed) {
        ask();
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
      return isClosed ? null : (ready.shift() ?? null);
    },
    answering: async (answer) => {
      const stop = new AbortController();
      cancelAnswer = () => stop.abort();
      editor.isMuted = true;
      try {
        return await answer(AbortSignal.any([stop.signal, signal]));
      } finally {
        editor.isMuted = false;
        cancelAnswer = undefined;
        // What was typed ahead was not drawn: the editor must not climb over rows that it takes for its own.
        Object.assign(lines, { prevRows: 0 });
      }
    },
    close: () => {
      signal.removeEventListener("abort", close);
      input.off("keypress", onKey);
      close();
      output.write(pasteMarksOff);
    },
  };
}
