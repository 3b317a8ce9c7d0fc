import { CommanderError } from "commander";
import { packageVersion } from "../flow/package-files.ts";
import type { CliContext } from "./execute.ts";
import { asLimbeckError, errorDocument, renderError } from "./fail.ts";
import { interruptedStatus, listenForInterrupt } from "./interrupt.ts";
import { createOutput } from "./output.ts";
import { buildProgram } from "./program.ts";
import { createProgress } from "./progress.ts";
import { usageError } from "./usage.ts";

/** What the shell gives to the command line. */
export interface Shell {
  readonly words: readonly string[];
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const isHelp = (code: string): boolean => code === "commander.helpDisplayed" || code === "commander.version";

/** Runs one command line to its end. Returns the exit status; never throws. */
export async function runCommandLine(shell: Shell): Promise<number> {
  const { words, stdout, stderr, environment } = shell;
  const output = createOutput(stdout, stderr);
  const withStack = environment["DEBUG"] === "1";
  let status = 0;
  // What stands after the dashes is another command's.
  let isJson = words.slice(0, [...words, "--"].indexOf("--")).includes("--json");
  let isInterrupted = false;

  const program = buildProgram(packageVersion(), async (flags, action) => {
    isJson = flags.json === true;
    const isQuiet = flags.quiet === true;
    const resultStream = isJson ? stderr : stdout;
    const progress = createProgress({
      isTerminal: stderr.isTTY === true,
      isQuiet,
      width: () => stderr.columns ?? 80,
      write: (text) => void stderr.write(text),
      nowMs: () => performance.now(),
    });
    const interrupt = listenForInterrupt(
      process,
      () => {
        isInterrupted = true;
        progress.end();
        output.note("limbeck: stopping; Ctrl-C again to exit at once");
      },
      () => process.exit(interruptedStatus),
    );
    const context: CliContext = {
      output,
      progress,
      signal: interrupt.signal,
      isJson,
      isQuiet,
      isColourful: resultStream.isTTY === true && environment["NO_COLOR"] === undefined,
    };
    try {
      const result = await action(context);
      progress.end();
      if (result.text !== undefined && isJson && !isQuiet) output.note(result.text);
      if (result.text !== undefined && !isJson) output.print(result.text);
      if (isJson) output.document(result.document);
      // A command that a person stopped is not done, also where it could end in good order.
      isInterrupted &&= result.isEndedByInterrupt !== true;
      status = isInterrupted ? interruptedStatus : result.exitStatus;
    } finally {
      progress.end();
      interrupt.release();
    }
  });
  const print = { writeOut: output.write, writeErr: output.write, outputError: (): void => undefined };
  for (const command of [program, ...program.commands]) command.configureOutput(print);

  try {
    if (words.length === 0) {
      output.note(program.helpInformation());
      return 2;
    }
    await program.parseAsync([...words], { from: "user" });
  } catch (thrown) {
    if (thrown instanceof CommanderError && isHelp(thrown.code)) return 0;
    const error =
      thrown instanceof CommanderError ? usageError(thrown, program, words) : asLimbeckError(thrown);
    stderr.write(renderError(error, withStack));
    if (isJson) output.document(errorDocument(error));
    status = isInterrupted ? interruptedStatus : error.exitStatus;
  } finally {
    await output.flush();
  }
  return status;
}
