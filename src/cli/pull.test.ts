import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { type FakeHub, refuse, startFakeHub } from "../flow/fake-hub.test.support.ts";
import { saveTinyCheckpoint } from "../flow/tiny-checkpoint.test.support.ts";
import { errorCode, lastDocument, limbeck } from "./spawn.test.support.ts";

let folder = "";
let hub: FakeHub;
before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-pull-cli-"));
  const dir = saveTinyCheckpoint(path.join(folder, "origin"), 1);
  const names = fs.readdirSync(dir);
  hub = await startFakeHub(
    "tiny/model",
    Object.fromEntries(names.map((name) => [name, fs.readFileSync(path.join(dir, name))])),
  );
});
after(async () => {
  await hub.close();
  fs.rmSync(folder, { recursive: true });
});

test("what is pulled can be exported; the token of the file is sent and never shown", async () => {
  fs.writeFileSync(path.join(folder, "token"), "hidden-token\n");
  const words = ["pull", "tiny/model", "--endpoint", hub.url, "--token-file", "token"];
  const pulled = await limbeck(words, { folder, environment: { HF_TOKEN: "another", DEBUG: "1" } });
  assert.equal(pulled.status, 0, pulled.stderr);
  assert.match(pulled.stdout, /^pulled tiny\/model at 0123456789ab \(main\) to model\n/);
  assert.match(pulled.stdout, /model\.safetensors +\d+\.\d [kM]B {2}fetched/);
  assert.doesNotMatch(pulled.stdout + pulled.stderr, /hidden-token/);
  assert.ok(hub.asked.every(({ headers }) => headers.authorization === "Bearer hidden-token"));
  const exported = await limbeck(["export", "model", "--out", "artefact", "--json"], { folder });
  assert.equal(exported.status, 0, exported.stderr);
  const again = lastDocument(await limbeck([...words, "--json"], { folder }));
  assert.ok((again["files"] as { arrival: string }[]).every(({ arrival }) => arrival === "kept"));
});

test("a gated model ends with its code and a cure; a token that no header can carry is not shown", async () => {
  hub.rule = (_request, response) => refuse(response, 401, "GatedRepo");
  const words = ["pull", "tiny/model", "--endpoint", hub.url, "--out", "other", "--json"];
  const gated = await limbeck(words, { folder, environment: { HF_TOKEN: "abc" } });
  assert.deepEqual([gated.status, errorCode(gated)], [2, "access_denied"]);
  assert.match(gated.stderr, /Accept the licence/);
  const bad = await limbeck(words, { folder, environment: { HF_TOKEN: "abc\ndef", DEBUG: "1" } });
  assert.deepEqual([bad.status, errorCode(bad)], [2, "usage"]);
  assert.doesNotMatch(bad.stdout + bad.stderr, /abc|def$/m);
  assert.ok(!fs.existsSync(path.join(folder, "other")));
});
