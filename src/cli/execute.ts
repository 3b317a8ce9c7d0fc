import type { Output } from "./output.ts";
import type { Progress } from "./progress.ts";

/** What a command may use of the outside. */
export interface CliContext {
  readonly output: Output;
  readonly progress: Progress;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  /** Whether the stream that the text result goes to shows colours. */
  readonly isColourful: boolean;
}

export interface CommandResult {
  /** For a person; printed to standard output, or to standard error with `--json`. */
  readonly text?: string;
  /** For a program; printed with `--json`. */
  readonly document: unknown;
  /** 0, 1, 3 or 4; of a command that runs another one, what that one left. */
  readonly exitStatus: number;
  /** True where being stopped is how the command ends: then Ctrl-C or SIGTERM leaves the exit status as it is. */
  readonly isEndedByInterrupt?: boolean;
}

export type CommandAction = (context: CliContext) => Promise<CommandResult>;
