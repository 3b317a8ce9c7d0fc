import * as fs from "node:fs";
import * as tty from "node:tty";
import type { ControlCommand } from "../speech/control.ts";

/** Keys, and what they tell the speaker. Each line of the help names one. */
const bindings: readonly {
  readonly command: ControlCommand;
  readonly keys: readonly string[];
  readonly help: string;
}[] = [
  { command: "pause", keys: [" ", "p"], help: "space pause" },
  { command: "skip", keys: ["s", "\u001b[C"], help: "s skip" },
  { command: "repeat", keys: ["r", "\u001b[D"], help: "r repeat" },
  { command: "interrupt", keys: ["x", "\u001b"], help: "x silence" },
  { command: "slower", keys: ["-", "["], help: "- slower" },
  { command: "faster", keys: ["+", "=", "]"], help: "+ faster" },
  { command: "quieter", keys: ["9", "\u001b[B"], help: "9 quieter" },
  { command: "louder", keys: ["0", "\u001b[A"], help: "0 louder" },
];

export const keysHelp = [...bindings.map(({ help }) => help), "q quit"].join(", ");

/** What the keys in `text` mean, in order; "quit" for q and Ctrl-C. Other keys mean nothing. */
export function readKeys(text: string): readonly (ControlCommand | "quit")[] {
  const found: (ControlCommand | "quit")[] = [];
  let rest = text;
  while (rest !== "") {
    // An arrow comes as Escape and two more; Escape alone is a key of its own.
    const key = rest.startsWith("\u001b[") ? rest.slice(0, 3) : rest.slice(0, 1);
    rest = rest.slice(key.length);
    if (key === "q" || key === "\u0003") found.push("quit");
    const binding = bindings.find(({ keys }) => keys.includes(key));
    if (binding !== undefined) found.push(binding.command);
  }
  return found;
}

/** The terminal that keys come from: standard input where it is free, else the controlling terminal; undefined without one. */
function keyboard(isStdinFree: boolean): tty.ReadStream | undefined {
  // What is typed is spoken, where standard input is the stream.
  if (process.stdin.isTTY) return isStdinFree ? process.stdin : undefined;
  if (process.stderr.isTTY !== true) return undefined;
  try {
    return new tty.ReadStream(fs.openSync("/dev/tty", "r"));
  } catch {
    // A process without a controlling terminal has no keys.
    return undefined;
  }
}

/** Whether keys can be read. */
export interface Keys {
  close(): void;
}

export interface KeysOptions {
  /** Whether standard input is not the stream that is spoken. */
  readonly isStdinFree: boolean;
  readonly onCommand: (command: ControlCommand) => void;
  readonly onQuit: () => void;
}

/** Reads keys from the terminal one by one; undefined where there is none. */
export function openKeys({ isStdinFree, onCommand, onQuit }: KeysOptions): Keys | undefined {
  const input = keyboard(isStdinFree);
  if (input === undefined) return undefined;
  const onData = (piece: Buffer | string): void => {
    for (const key of readKeys(piece.toString())) {
      if (key === "quit") onQuit();
      else onCommand(key);
    }
  };
  input.setRawMode(true);
  input.on("data", onData);
  return {
    close: () => {
      input.off("data", onData);
      input.setRawMode(false);
      if (input === process.stdin) input.pause();
      else input.destroy();
    },
  };
}
