import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { CommanderError } from "commander";
import { packageRoot } from "../flow/package-files.ts";
import type { CommonFlags } from "./flags.ts";
import { buildProgram } from "./program.ts";
import { usageError } from "./usage.ts";

const golden = path.join(packageRoot, "test", "golden", "help");

/** Parses `words`; returns the flags that a command would get, or what was refused. */
async function parse(
  ...words: string[]
): Promise<{ flags: CommonFlags } | { refused: string; cure: string | undefined }> {
  let flags: CommonFlags = {};
  const program = buildProgram("0.0.0", async (given) => {
    flags = given;
  });
  for (const command of [program, ...program.commands]) {
    command.configureOutput({
      writeOut: () => undefined,
      writeErr: () => undefined,
      outputError: () => undefined,
    });
  }
  try {
    await program.parseAsync(words, { from: "user" });
    return { flags };
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    const error = usageError(thrown, program, words);
    assert.equal(error.exitStatus, 2);
    return { refused: error.message, cure: error.cure };
  }
}

/** What `--help` prints. */
function helpOf(name: string | null): string {
  const program = buildProgram("0.0.0", async () => undefined);
  const command = program.commands.find((known) => known.name() === name) ?? program;
  let text = "";
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text;
}

for (const name of [
  null,
  ...buildProgram("0.0.0", async () => undefined).commands.map((command) => command.name()),
]) {
  test(`limbeck ${name ?? ""} --help prints what it printed before`, () => {
    const file = path.join(golden, `${name ?? "limbeck"}.txt`);
    // `UPDATE_GOLDEN=1` writes the files instead: read the difference before committing it.
    if (process.env["UPDATE_GOLDEN"] === "1") fs.writeFileSync(file, helpOf(name));
    assert.equal(helpOf(name), fs.readFileSync(file, "utf8"));
  });
}

test("every command has --json, --quiet and --help", () => {
  for (const command of buildProgram("0.0.0", async () => undefined).commands) {
    const flags = command.options.map((option) => option.long);
    assert.ok(flags.includes("--json") && flags.includes("--quiet"), command.name());
  }
});

test("an unknown option is refused with the nearest name", async () => {
  assert.deepEqual(await parse("quickstart", "--sead", "3"), {
    refused: "quickstart: unknown option --sead: expected one that it has, nearest is --seed",
    cure: "Run `limbeck quickstart --help`.",
  });
});

test("an unknown command is refused with the nearest name", async () => {
  assert.deepEqual(await parse("quikstart"), {
    refused: "unknown command quikstart: nearest is quickstart",
    cure: "Run `limbeck --help`.",
  });
});

test("values are read before anything starts", async () => {
  assert.deepEqual(await parse("quickstart", "--seed", "3", "--json"), { flags: { seed: 3, json: true } });
  for (const words of [
    ["quickstart", "--seed", "three"],
    ["quickstart", "--steps", "0"],
    ["run", "--temperature", "NaN", "hello"],
    ["export", "checkpoint", "--format", "int3", "--out", "x"],
    ["export", "checkpoint"],
    ["export"],
    ["doctor", "extra"],
  ]) {
    assert.ok("refused" in (await parse(...words)), words.join(" "));
  }
});
