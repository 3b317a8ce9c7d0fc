import type { Command, CommanderError } from "commander";
import { closest } from "fastest-levenshtein";
import { LimbeckError } from "../base/errors.ts";

/** The command that `words` name, or the program itself. */
function commandOf(program: Command, words: readonly string[]): Command {
  return program.commands.find((command) => command.name() === words[0]) ?? program;
}

/** The text between the first pair of single quotes of commander's message: the word it refused. */
function refusedWord(message: string): string {
  return /'([^']*)'/.exec(message)?.[1] ?? "";
}

/** What commander refused, as our error: the nearest name, or where the help is. */
export function usageError(thrown: CommanderError, program: Command, words: readonly string[]): LimbeckError {
  const command = commandOf(program, words);
  const name = command === program ? "limbeck" : `limbeck ${command.name()}`;
  const place = command === program ? "" : `${command.name()}: `;
  const message = thrown.message.replace(/^error: /, "");
  const help = `Run \`${name} --help\`.`;
  if (thrown.code === "commander.unknownOption") {
    const given = refusedWord(message).split("=")[0] ?? "";
    const known = command.options.map((option) => option.long ?? option.flags);
    const nearest = closest(given, [...known, "--help"]);
    return new LimbeckError(
      "usage",
      `${place}unknown option ${given}: expected one that it has, nearest is ${nearest}`,
      {
        cure: help,
        fields: { option: given, nearest },
      },
    );
  }
  if (thrown.code === "commander.unknownCommand" || thrown.code === "commander.excessArguments") {
    const given = words[0] ?? "";
    if (command === program && !given.startsWith("-")) {
      const nearest = closest(
        given,
        program.commands.map((known) => known.name()),
      );
      return new LimbeckError("usage", `unknown command ${given}: nearest is ${nearest}`, {
        cure: help,
        fields: { command: given, nearest },
      });
    }
  }
  return new LimbeckError("usage", `${place}${message}`, { cure: help });
}
