import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { importBfcl } from "#limbeck/data/import-bfcl.js";
import {
  answerRandomly,
  plainRules,
  sharedCompiler,
} from "#limbeck/runtime/grammar/random-answer.test.support.js";
import { readCalls } from "#limbeck/tools/call-stream.js";
import type { ToolDefinition } from "#limbeck/tools/types.js";
import { createCallValidator } from "#limbeck/tools/validator.js";
import { repositoryPath } from "../../bench/repository.ts";

const files = ["simple_python", "multiple", "parallel", "irrelevance"].map((name) =>
  repositoryPath("..", "shared", "data", "bfcl", `BFCL_v4_${name}.json`),
);
const skip = files.every((file) => fs.existsSync(file)) ? false : "../shared/data/bfcl is not here";

/** Every set of tools in the leaderboard's files, each once. */
function toolSets(): readonly (readonly ToolDefinition[])[] {
  const sets = new Map<string, readonly ToolDefinition[]>();
  for (const questions of files)
    for (const { tools } of importBfcl({ questions }).examples) sets.set(JSON.stringify(tools), tools);
  return [...sets.values()];
}

test("whatever a random model says, every call to every tool of the leaderboard is valid", {
  skip,
}, async () => {
  const sets = toolSets();
  assert.ok(sets.flat().length >= 300, `${sets.length} sets`);
  for (const [seed, tools] of sets.entries()) {
    const rules = { ...plainRules, tools, toolChoice: "required" as const };
    const { text, isEnded } = await answerRandomly(sharedCompiler(), rules, { seed, maxTokens: 200 });
    const { calls, malformed } = readCalls(text);
    const validator = createCallValidator(tools);
    const isValid = calls.length > 0 && calls.every((call) => validator.validate(call).valid);
    assert.ok(isEnded && isValid && malformed === 0, `set ${seed}: ${text}`);
  }
  sharedCompiler().close();
});
