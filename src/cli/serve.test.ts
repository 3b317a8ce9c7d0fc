import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { exportTinyArtefact, type TinyArtefact } from "../runtime/tiny-model.test.support.ts";
import { readApiKey } from "./serve.ts";
import { errorCode, limbeck, mainFile } from "./spawn.test.support.ts";

let artefact: TinyArtefact;
let folder = "";
before(async () => {
  artefact = await exportTinyArtefact();
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-serve-"));
});
after(() => {
  artefact.remove();
  fs.rmSync(folder, { recursive: true });
});

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  /** Ends it; resolves with exit status and standard error. */
  stop(): Promise<{ readonly status: number | null; readonly stderr: string }>;
}

/** Starts `limbeck serve` on a free port; resolves when it says where. */
async function start(words: readonly string[], environment: Record<string, string> = {}): Promise<Running> {
  const child = spawn(
    process.execPath,
    [mainFile, "serve", "--artefact", artefact.dir, "--name", "tiny", "--port", "0", ...words],
    { env: { ...process.env, ...environment } },
  );
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const url = await new Promise<string>((resolve, reject) => {
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      const found = /serving tiny at (http:\S+?)\/v1/.exec(stdout)?.[1];
      if (found !== undefined) resolve(found);
    });
    void ended.then((status) => reject(new Error(`ended with ${status}: ${stderr}`)));
  });
  return {
    child,
    url,
    stop: async () => {
      child.kill("SIGTERM");
      return { status: await ended, stderr };
    },
  };
}

const ask = (url: string, content: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "tiny", max_tokens: 8, messages: [{ role: "user", content }] }),
  });

interface Answer {
  readonly choices: readonly [{ readonly message: { readonly content: string } }];
  readonly usage: { readonly prompt_tokens_details: { readonly cached_tokens: number } };
}

test("it listens on loopback, asks for the key of its file, logs, and ends in good order", async () => {
  const keyFile = path.join(folder, "key");
  fs.writeFileSync(keyFile, "sesame\n");
  const server = await start(["--api-key-file", keyFile, "--access-log"], { LIMBECK_API_KEY: "other" });
  assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal((await ask(server.url, "hello", { authorization: "Bearer other" })).status, 401);
  assert.equal((await ask(server.url, "hello", { authorization: "Bearer sesame" })).status, 200);
  const { status, stderr } = await server.stop();
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /sesame/);
  const entries = stderr
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => (JSON.parse(line) as { status: number }).status);
  assert.deepEqual(entries, [401, 200]);
});

test("the prompt cache on disk survives a restart, and answers stay the same", async () => {
  const words = ["--cache-dir", path.join(folder, "cache"), "--cache-ram-mb", "16"];
  const prompt = "the same long beginning of every conversation, again and again. ".repeat(12);
  const answers: Answer[] = [];
  for (let round = 0; round < 2; round++) {
    const server = await start(words);
    answers.push((await (await ask(server.url, prompt)).json()) as Answer);
    assert.equal((await server.stop()).status, 0);
  }
  const cached = answers.map(({ usage }) => usage.prompt_tokens_details.cached_tokens);
  assert.equal(cached[0], 0);
  assert.ok(cached[1]! >= 100, `${cached}`);
  assert.equal(answers[1]!.choices[0].message.content, answers[0]!.choices[0].message.content);
});

test("damaged entries of the cache, a time in the system prompt and drafts that do not pay are said", async () => {
  const dir = path.join(folder, "damaged");
  const prompt = "the same long beginning of every conversation, again and again. ".repeat(12);
  const words = ["--cache-dir", dir, "--speculate", "auto"];
  const first = await start(words);
  await ask(first.url, prompt);
  const { stderr: quiet } = await first.stop();
  assert.doesNotMatch(quiet, /prompt cache/);
  assert.match(quiet, /warning: speculation auto: nothing is drafted: \S/);
  for (const name of fs.readdirSync(dir, { recursive: true, encoding: "utf8" })) {
    if (name.endsWith(".kv")) fs.truncateSync(path.join(dir, name), 50);
  }
  const second = await start(words);
  await ask(second.url, prompt);
  for (const time of ["14:01", "14:02", "14:03"]) {
    const messages = [
      { role: "system", content: `It is ${time} now.` },
      { role: "user", content: "hello" },
    ];
    await fetch(`${second.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "tiny", max_tokens: 2, messages }),
    });
  }
  const metrics = await (await fetch(`${second.url}/metrics`)).text();
  assert.match(metrics, /limbeck_prompt_cache_faults_total\{kind="truncated"\} [1-9]/);
  const { stderr } = await second.stop();
  assert.equal(stderr.match(/warning: prompt cache on disk: truncated/g)?.length, 1, stderr);
  assert.equal(stderr.match(/messages\[0\] \(system\) holds a time/g)?.length, 1, stderr);
});

test("a port in use is named, with what to do", async () => {
  const other = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as net.AddressInfo;
  const ended = await limbeck(["serve", "--artefact", artefact.dir, "--port", String(port), "--json"], {
    folder,
  });
  other.close();
  assert.equal(ended.status, 3, ended.stderr);
  assert.equal(errorCode(ended), "address_unavailable");
  assert.match(ended.stderr, new RegExp(`127\\.0\\.0\\.1:${port}.*in use`));
  assert.match(ended.stderr, /another port/);
});

test("the key comes from the file before the environment, and is never empty", () => {
  const file = path.join(folder, "other-key");
  fs.writeFileSync(file, " k2 \n");
  assert.equal(readApiKey(file, { LIMBECK_API_KEY: "k1" }), "k2");
  assert.equal(readApiKey(undefined, { LIMBECK_API_KEY: "k1" }), "k1");
  assert.equal(readApiKey(undefined, {}), undefined);
  assert.throws(() => readApiKey(undefined, { LIMBECK_API_KEY: " " }), /empty/);
  assert.throws(() => readApiKey(path.join(folder, "none"), {}), /no such file/);
});
