import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { demoTools, runDemoTool } from "../flow/answer.ts";
import { createChatSession } from "../flow/chat-session.ts";
import { scripted, turn } from "../flow/scripted-engine.test.support.ts";
import { type CommandScope, runChatCommand } from "./chat-commands.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-commands-"));
after(() => fs.rmSync(folder, { recursive: true }));

/** A chat in which one message was answered. */
async function answered(): Promise<CommandScope> {
  const { engine } = scripted([turn("Hi.")]);
  const session = createChatSession(engine, { tools: demoTools, runTool: runDemoTool, system: "Be brief." });
  await session.say("hello");
  return { session, artefact: "a", tools: demoTools, width: 80, saved: new Set() };
}

const hasCode = (code: string) => (error: unknown) => error instanceof LimbeckError && error.code === code;

test("/reset forgets all but the system message, /stats does not", async () => {
  const scope = await answered();
  runChatCommand("/reset", scope);
  assert.deepEqual(scope.session.messages, [{ role: "system", content: "Be brief." }]);
  assert.equal(runChatCommand("/stats", scope), "1 turn · 5 tokens in · 1 out");
});

test("/save writes the chat, the same file again, and nobody else's", async () => {
  const scope = await answered();
  const file = path.join(folder, "my talk.json");
  runChatCommand(`/save ${file}`, scope);
  runChatCommand(`/save ${file} `, scope);
  const saved = JSON.parse(fs.readFileSync(file, "utf8")) as { messages: unknown; tools: unknown };
  assert.deepEqual([saved.messages, saved.tools], [scope.session.messages, demoTools]);
  const other = path.join(folder, "other.txt");
  fs.writeFileSync(other, "mine");
  assert.throws(() => runChatCommand(`/save ${other}`, scope), hasCode("not_writable"));
  assert.equal(fs.readFileSync(other, "utf8"), "mine");
  assert.throws(() => runChatCommand("/save", scope), hasCode("usage"));
});

test("/help fits a narrow terminal, /tools lists, /quit leaves, an unknown one has a nearest", async () => {
  const scope = await answered();
  const narrow = runChatCommand("/help", { ...scope, width: 30 }) ?? "";
  for (const name of ["/help", "/reset", "/tools", "/stats", "/save FILE", "/quit"]) {
    assert.match(narrow, new RegExp(`^${name}\n  `, "m"));
  }
  assert.match(runChatCommand("/tools", scope) ?? "", /^set_timer: Start a countdown\.$/m);
  assert.equal(runChatCommand("/tools", { ...scope, tools: [] }), "none");
  assert.equal(runChatCommand("/quit", scope), null);
  assert.throws(() => runChatCommand("/sats", scope), /nearest is \/stats/);
});
