import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { abortable, translationFailed } from "./engine.ts";

export interface PipeOptions {
  /** In messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** For the first answer of all: dictionaries are read. After `flushMs` without it the end of input is tried. */
  readonly startMs: number;
  readonly flushMs: number;
  /** A text to start with: shows whether answers come at once. */
  readonly probe: string;
}

/** A program that answers each text, both ended by a null character, in order. */
export interface Pipe {
  /** Whether one process answers many texts; false where each needs the end of its input. */
  readonly staysOpen: boolean;
  /** Processes that were started so far. */
  readonly starts: number;
  /** Texts wait for each other. Errors: `translation_failed`; the signal's reason. */
  ask(text: string, signal: AbortSignal): Promise<string>;
  /** Ends the process, where its answers cannot be trusted any more; the next text starts another. */
  restart(): void;
  close(): Promise<void>;
}

/** Bytes of one answer; more is a program gone wild. */
const mostBytes = 1 << 20;

/** One started process, with at most one text in it. */
class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  isAlive = true;
  #bytes: Buffer[] = [];
  #errors = "";
  #taking: { resolve: (text: string) => void; reject: (error: Error) => void } | undefined;

  constructor({ command, args, env }: PipeOptions) {
    // A group of its own: the shell and all programs of its pipeline end together.
    this.child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], detached: true, env });
    // A program that died is told by the missing answer; writing to it must not throw as well.
    this.child.stdin!.on("error", () => undefined);
    this.child.stdout!.on("data", (chunk: Buffer) => this.#take(chunk));
    this.child.stderr!.on("data", (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString("utf8")).slice(-400);
    });
    this.ended = new Promise((resolve) => {
      const end = (why: string): void => {
        this.isAlive = false;
        this.#finish(why);
        resolve();
      };
      this.child.once("error", (error) => end(error.message));
      this.child.once("close", (status, signal) =>
        end(
          `its processes ended with ${signal ?? `status ${status}`}: ${this.#errors.trim() || "no message"}`,
        ),
      );
    });
    // An idle program does not keep ours alive; while it works, its timer does.
    for (const handle of this.#handles()) handle.unref();
  }

  #handles(): readonly { ref(): void; unref(): void }[] {
    const { stdin, stdout, stderr } = this.child;
    // Each is a socket, which Node's types do not say.
    return [this.child, ...([stdin, stdout, stderr] as unknown as Socket[])];
  }

  ask(text: string, isLast: boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      if (!this.isAlive) {
        reject(new Error("its processes have ended"));
        return;
      }
      this.#taking = { resolve, reject };
      this.child.stdin!.write(`${text}\0`);
      if (isLast) this.child.stdin!.end();
    });
  }

  kill(): void {
    if (!this.isAlive) return;
    try {
      process.kill(-this.child.pid!, "SIGKILL");
    } catch {
      // It has just ended by itself.
      this.child.kill("SIGKILL");
    }
  }

  /** Kills it and waits for its end. */
  async end(): Promise<void> {
    for (const handle of this.#handles()) handle.ref();
    this.kill();
    await this.ended;
  }

  #take(chunk: Buffer): void {
    const end = chunk.indexOf(0);
    this.#bytes.push(end < 0 ? chunk : chunk.subarray(0, end));
    if (end < 0) {
      if (this.#bytes.reduce((sum, { length }) => sum + length, 0) > mostBytes) this.kill();
      return;
    }
    const text = Buffer.concat(this.#bytes).toString("utf8");
    // One text at a time is in a program, so nothing but its own ending stands behind the null character.
    this.#bytes = [];
    this.#taking?.resolve(text);
    this.#taking = undefined;
  }

  /** An answer that its end did not reach is none: half a sentence must not be spoken. */
  #finish(why: string): void {
    this.#taking?.reject(new Error(why));
    this.#taking = undefined;
  }
}

/** Starts a program and shows whether it answers text by text. Error: `translation_failed` where it does not answer at all. */
export async function openPipe(options: PipeOptions): Promise<Pipe> {
  const { name, timeoutMs, startMs, flushMs, probe } = options;
  let starts = 0;
  let program: Program | undefined;
  let isClosed = false;
  /** The end of the queue: every text waits for the one before. */
  let last: Promise<unknown> = Promise.resolve();

  const start = (): Program => {
    starts++;
    return new Program(options);
  };
  const within = async (running: Program, answer: Promise<string>, ms: number): Promise<string> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(translationFailed(name, `expected an answer in ${ms} ms, got none; it is started anew`)),
        ms,
      );
    });
    try {
      return await Promise.race([answer, late]);
    } catch (error) {
      // Dead or stalled: nothing that comes of it later may be taken for the next answer.
      answer.catch(() => undefined);
      running.kill();
      if (program === running) program = undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };

  const staysOpen = await probeFlush();

  async function probeFlush(): Promise<boolean> {
    const first = start();
    const answer = first.ask(probe, false);
    answer.catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), flushMs);
    });
    const answered = answer.then(
      () => true,
      () => false,
    );
    const isEnough = await Promise.race([answered, late]).finally(() => clearTimeout(timer));
    if (isEnough) {
      program = first;
      return true;
    }
    // Perhaps it waits for the end of its input: then it answers now.
    first.child.stdin!.end();
    await within(first, answer, startMs);
    return false;
  }

  const askNow = async (text: string, signal: AbortSignal): Promise<string> => {
    if (isClosed) throw translationFailed(name, "was closed");
    signal.throwIfAborted();
    if (program?.isAlive !== true) program = start();
    const running = program;
    if (!staysOpen) program = undefined;
    const answer = within(running, running.ask(text, !staysOpen), timeoutMs);
    // Reading dictionaries ahead of the next text costs nothing while this one is spoken.
    if (!staysOpen)
      answer.then(
        () => (program ??= isClosed ? undefined : start()),
        () => undefined,
      );
    return answer;
  };

  return {
    staysOpen,
    get starts() {
      return starts;
    },
    ask: (text, signal) => {
      const turn = last.then(() => askNow(text, signal));
      last = turn.catch(() => undefined);
      return abortable(turn, signal);
    },
    restart: () => {
      program?.kill();
      program = undefined;
    },
    close: async () => {
      isClosed = true;
      const running = program;
      program = undefined;
      await running?.end();
    },
  };
}
