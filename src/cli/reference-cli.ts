import type { Command, Option } from "commander";

/** "<id>" in prose would be taken for HTML. */
const prose = (text: string): string => text.replaceAll("<", "\\<");

/** A description as a sentence. */
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${prose(text.slice(1))}.`;

function describeOption(option: Option): string {
  const limits = option.argChoices === undefined ? "" : ` One of ${option.argChoices.join(", ")}.`;
  const initial = option.defaultValue === undefined ? "" : ` Default: ${String(option.defaultValue)}.`;
  const need = option.mandatory ? " Required." : "";
  return `| \`${option.flags}\` | ${sentence(option.description)}${limits}${initial}${need} |`;
}

function describeCommand(command: Command): string[] {
  const words = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  const lines = [
    `## ${["limbeck", command.name(), ...words].join(" ")}`,
    "",
    sentence(command.description()),
    "",
  ];
  for (const argument of command.registeredArguments) {
    lines.push(`- \`${argument.name()}\`: ${sentence(argument.description)}`);
  }
  if (command.registeredArguments.length > 0) lines.push("");
  lines.push("| option | |", "| --- | --- |", ...command.options.map(describeOption), "");
  return lines;
}

/** docs/cli.md: every command, argument and option, from the definitions that parse them. */
export function renderCliReference(program: Command): string {
  return [
    "# The command line",
    "",
    "Written by `npm run docs` from the command definitions in `src/cli/program.ts`.",
    "",
    "Results go to standard output, progress and messages to standard error. With `--json` the last line of standard",
    'output is one JSON document; a failure is `{"error": {code, message, cure, fields}}`. Ctrl-C stops a command',
    "cleanly, a second one at once. `DEBUG=1` prints stacks.",
    "",
    "| exit status | |",
    "| --- | --- |",
    "| 0 | done, or the gate passed |",
    "| 1 | a gate or a check failed |",
    "| 2 | usage or bad input |",
    "| 3 | the environment lacks something |",
    "| 4 | inconclusive |",
    "| 70 | a bug of Limbeck |",
    "| 130 | interrupted |",
    "",
    ...program.commands.flatMap(describeCommand),
  ].join("\n");
}
