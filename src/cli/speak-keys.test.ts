import assert from "node:assert/strict";
import { test } from "node:test";
import { controlCommands } from "../speech/control.ts";
import { keysHelp, readKeys } from "./speak-keys.ts";

test("keys mean commands, arrows come in one piece, others mean nothing", () => {
  assert.deepEqual(readKeys(" sr"), ["pause", "skip", "repeat"]);
  assert.deepEqual(readKeys("\u001b[Cz\u001b[A\u001b"), ["skip", "louder", "interrupt"]);
  assert.deepEqual(readKeys("-+90"), ["slower", "faster", "quieter", "louder"]);
  assert.deepEqual(readKeys("\u0003"), ["quit"]);
  assert.deepEqual(readKeys("\u001b[Zé\n"), []);
});

test("every command that changes something has a key, and the help names it", () => {
  const keys = readKeys(" srx-+90");
  assert.deepEqual([...keys, "status"].sort(), [...controlCommands].sort());
  for (const word of [
    "pause",
    "skip",
    "repeat",
    "silence",
    "slower",
    "faster",
    "quieter",
    "louder",
    "quit",
  ]) {
    assert.ok(keysHelp.includes(word), word);
  }
});
