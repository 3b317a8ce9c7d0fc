import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { type TestContext, test } from "node:test";

const isWindows = process.platform === "win32";
const apiFile = new URL("./ort-api.js", import.meta.url).href;
const load = `import(${JSON.stringify(apiFile)}).then(({ loadOrt }) => loadOrt());`;
const inWorker = `new (require("node:worker_threads").Worker)(${JSON.stringify(load)}, { eval: true });`;

/** What an automatic build sets, which ONNX Runtime takes as a wish for silence: unset, so that only we keep it quiet. */
const silencers = ["CI", "TF_BUILD", "GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "TRAVIS", "JENKINS_URL"];

interface Ended {
  /** Exit status or signal. */
  readonly end: number | string | null;
  /** What the process left in its home folder. */
  readonly left: readonly string[];
}

/** Loads ONNX Runtime in a process of this command line, at home in a folder of its own. */
async function loadWith(t: TestContext, code: string, words: readonly string[]): Promise<Ended> {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-home-"));
  t.after(() => fs.rmSync(home, { recursive: true }));
  const env: NodeJS.ProcessEnv = { ...process.env, HOME: home, XDG_CACHE_HOME: path.join(home, "cache") };
  for (const name of [...silencers, "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "DEBUG"])
    delete env[name];
  const child = spawn(process.execPath, ["-e", code, "--", ...words], {
    env,
    stdio: "ignore",
  });
  const end = await new Promise<number | string | null>((resolve, reject) => {
    child.on("error", reject).on("close", (status, signal) => resolve(signal ?? status));
  });
  return { end, left: fs.readdirSync(home, { recursive: true }).map(String) };
}

const quiet: Ended = { end: 0, left: [] };

for (const [where, code] of [
  ["on the main thread", load],
  ["in a worker", inWorker],
] as const) {
  test(`ONNX Runtime keeps no record of a process ${where}, whose command line may be long`, {
    skip: isWindows,
  }, async (t) => {
    // Linux takes 128 KiB in one argument; on macOS all arguments share 1 MiB.
    assert.deepEqual(await loadWith(t, code, ["word ".repeat(26_000)]), quiet);
    assert.deepEqual(await loadWith(t, code, Array(5).fill("word ".repeat(26_000))), quiet);
  });
}

test("a process that asks for telemetry gets none either", { skip: isWindows }, async (t) => {
  const code = `process.env.ORT_DISABLE_TELEMETRY = "0"; ${load}`;
  assert.deepEqual(await loadWith(t, code, []), quiet);
});
