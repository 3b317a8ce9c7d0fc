import assert from "node:assert/strict";
// The default export is the object whose functions can be replaced; syncBuiltinESMExports carries that to every module.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type ErrorCode, LimbeckError } from "../base/errors.ts";
import { commit, type FakeHub, refuse, startFakeHub } from "./fake-hub.test.support.ts";
import { fillDiskAt } from "./full-disk.test.support.ts";
import { type PullOptions, type PullResult, pullModel } from "./pull.ts";

const repo = "tiny/model";
const weights = Buffer.alloc(300_000, "not all bytes alike ");
const files = {
  ".gitattributes": Buffer.from("*.safetensors filter=lfs\n"),
  "README.md": Buffer.from("# Tiny\n"),
  "LICENSE.txt": Buffer.from("Do as you like.\n"),
  "config.json": Buffer.from("{}"),
  "tokenizer.json": Buffer.alloc(5000, "t"),
  "tokenizer_config.json": Buffer.from('{"a": 1}'),
  "chat_template.jinja": Buffer.from(""),
  "model.safetensors": weights,
  "onnx/model.onnx": Buffer.alloc(2000, "o"),
};
const wanted = [
  "LICENSE.txt",
  "README.md",
  "chat_template.jinja",
  "config.json",
  "model.safetensors",
  "tokenizer.json",
  "tokenizer_config.json",
];

let folder = "";
let hub: FakeHub;
beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-pull-"));
  hub = await startFakeHub(repo, files);
});
afterEach(async () => {
  await hub.close();
  fs.rmSync(folder, { recursive: true });
});

const pull = (more: Partial<PullOptions> = {}): Promise<PullResult> =>
  pullModel({ repo, outDir: folder, endpoint: hub.url, backoffMs: 1, ...more });

const here = (): readonly string[] => fs.readdirSync(folder).sort();
const arrivals = ({ files: pulled }: PullResult): Readonly<Record<string, string>> =>
  Object.fromEntries(pulled.map(({ path: name, arrival }) => [name, arrival]));
const isWeights = (url = ""): boolean => url.endsWith("/model.safetensors");

/** The error that `action` ends with; it has this code and a cure. */
async function failure(action: Promise<unknown>, code: ErrorCode): Promise<LimbeckError> {
  const error = await action.then(
    () => assert.fail("nothing failed"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof LimbeckError, String(error));
  assert.deepEqual([error.code, error.cure === undefined], [code, false], error.message);
  return error;
}

/** From now on the weights break off after `bytes` bytes, as often as said. */
function cutWeights(bytes: number, times: number): void {
  let left = times;
  hub.rule = (request, response) => {
    if (!isWeights(request.url) || left-- <= 0) return false;
    const from = Number(/\d+/.exec(request.headers.range ?? "")?.[0] ?? 0);
    response.writeHead(from === 0 ? 200 : 206, {
      "content-length": weights.length - from,
      "content-range": `bytes ${from}-${weights.length - 1}/${weights.length}`,
    });
    response.write(weights.subarray(from, from + bytes), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
}

test("what a checkpoint needs comes, weights last, under its name only when whole", async () => {
  const seen: number[] = [];
  const result = await pullModel(
    { repo, outDir: folder, endpoint: hub.url },
    { onProgress: ({ bytes, totalBytes }) => seen.push(bytes / totalBytes) },
  );
  assert.deepEqual(here(), wanted);
  for (const name of wanted)
    assert.ok(fs.readFileSync(path.join(folder, name)).equals(files[name as keyof typeof files]));
  assert.equal(result.commit, commit);
  assert.equal(result.files.at(-1)?.path, "model.safetensors");
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
  assert.equal(seen.at(-1), 1);
});

test("what is there is kept without a request, what differs comes anew", async () => {
  await pull();
  fs.writeFileSync(path.join(folder, "config.json"), "[]");
  hub.asked.length = 0;
  assert.deepEqual(arrivals(await pull()), {
    ...Object.fromEntries(wanted.map((name) => [name, "kept"])),
    "config.json": "fetched",
  });
  assert.equal(hub.asked.filter(({ path: asked }) => asked.includes("/resolve/")).length, 1);
  assert.equal(fs.readFileSync(path.join(folder, "config.json"), "utf8"), "{}");
});

test("a connection that is cut again and again goes on where it was", async () => {
  cutWeights(50_000, 5);
  const retries: string[] = [];
  await pull({ attempts: 2, onRetry: (why) => retries.push(why) });
  assert.ok(fs.readFileSync(path.join(folder, "model.safetensors")).equals(weights));
  const ranges = hub.asked.filter(({ path: asked }) => isWeights(asked)).map(({ headers }) => headers.range);
  assert.deepEqual([ranges.length, ranges[0], retries.length], [6, undefined, 5]);
  assert.equal(ranges[1], "bytes=50000-");
});

test("a pull that was given up is resumed by the next one", async () => {
  cutWeights(70_000, 1);
  await failure(pull({ attempts: 1 }), "unreachable");
  const [part] = here().filter((name) => name.endsWith(".part"));
  assert.match(part ?? "", /^model\.safetensors\.[0-9a-f]{12}\.part$/);
  assert.ok(!here().includes("model.safetensors"));
  assert.equal(arrivals(await pull())["model.safetensors"], "resumed");
  assert.deepEqual(here(), wanted);
  assert.equal(hub.asked.at(-1)?.headers.range, "bytes=70000-");
});

test("a hub without ranges sends all of it again, and cannot keep us for ever", {
  timeout: 5000,
}, async () => {
  hub.rule = (request, response) => {
    if (!isWeights(request.url)) return false;
    response.writeHead(200, { "content-length": weights.length });
    response.write(weights.subarray(0, 40_000), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
  await failure(pull({ attempts: 3 }), "unreachable");
  hub.rule = (request) => {
    delete request.headers.range;
    return false;
  };
  await pull();
  assert.ok(fs.readFileSync(path.join(folder, "model.safetensors")).equals(weights));
});

test("an interrupted pull keeps what has come and says so", async () => {
  const controller = new AbortController();
  const error = await failure(
    pullModel(
      { repo, outDir: folder, endpoint: hub.url, signal: controller.signal },
      { onProgress: ({ file }) => file === "model.safetensors" && controller.abort() },
    ),
    "cancelled",
  );
  assert.match(error.cure ?? "", /goes on where it was/);
  assert.equal(here().filter((name) => name.endsWith(".part")).length, 1);
  assert.equal(arrivals(await pull())["model.safetensors"], "resumed");
});

for (const [name, kind] of [
  ["model.safetensors", "sha-256"],
  ["config.json", "git's hash"],
] as const) {
  test(`a file whose ${kind} differs is named and removed, the others stay`, async () => {
    const bad = Buffer.from(files[name]);
    bad[1] = bad[1]! ^ 1;
    hub.replaced.set(name, bad);
    const error = await failure(pull(), "bad_download");
    assert.ok(error.message.startsWith(`${name}: expected content of hash`), error.message);
    assert.ok(!here().some((found) => found.startsWith(name)), here().join());
    hub.replaced.clear();
    await pull();
    assert.deepEqual(here(), wanted);
  });
}

test("more bytes than announced are refused", async () => {
  hub.replaced.set("config.json", Buffer.from("{} and more"));
  assert.match((await failure(pull(), "bad_download")).message, /expected 2 bytes, got more/);
});

test("a model, a revision, a file that is not there; a gated model", async () => {
  assert.match((await failure(pull({ repo: "tiny/other" }), "not_found")).message, /none of this name/);
  assert.match((await failure(pull({ revision: "v9" }), "not_found")).cure ?? "", /--revision/);
  const unmatched = await failure(pull({ include: ["*.gguf"] }), "not_found");
  assert.match(unmatched.message, /\*\.gguf/);
  hub.rule = ({ url = "" }, response) => url.includes("/resolve/") && refuse(response, 403, "GatedRepo");
  assert.match((await failure(pull(), "access_denied")).cure ?? "", /Accept the licence .* --token-file/);
  hub.rule = (_request, response) => refuse(response, 401);
  assert.match((await failure(pull({ token: "secret" }), "access_denied")).cure ?? "", /token is valid/);
  hub.rule = ({ url = "" }, response) => url.includes("/resolve/") && refuse(response, 404, "EntryNotFound");
  assert.match((await failure(pull(), "not_found")).message, /resolve.*expected a file/);
});

test("a busy hub is asked again after pauses that grow, or as long as it says", async () => {
  let calls = 0;
  hub.rule = (_request, response) => {
    calls++;
    if (calls > 3) return false;
    if (calls === 3) response.setHeader("retry-after", "0");
    return refuse(response, calls === 1 ? 503 : 429);
  };
  const retries: (readonly [string, number])[] = [];
  await pull({ backoffMs: 2, onRetry: (why, pauseMs) => retries.push([why, pauseMs]) });
  assert.deepEqual(retries, [
    ["status 503", 2],
    ["status 429", 4],
    ["status 429", 0],
  ]);
  hub.rule = (_request, response) => refuse(response, 500);
  assert.match((await failure(pull({ attempts: 3 }), "unreachable")).message, /3 attempts, got status 500/);
});

test("a hub that falls silent is left after a while", async () => {
  hub.rule = (request, response) => {
    if (!isWeights(request.url)) return false;
    response.writeHead(200, { "content-length": weights.length });
    response.write(weights.subarray(0, 1000));
    return true;
  };
  const error = await failure(pull({ stallMs: 100, attempts: 1 }), "unreachable");
  assert.match(error.message, /nothing for 100 ms/);
});

test("a hub that is slow, but never silent for long, is waited for", async () => {
  hub.rule = (request, response) => {
    if (!isWeights(request.url)) return false;
    response.writeHead(200, { "content-length": weights.length });
    let sent = 0;
    const timer = setInterval(() => {
      response.write(weights.subarray(sent, sent + 50_000));
      sent += 50_000;
      if (sent < weights.length) return;
      clearInterval(timer);
      response.end();
    }, 60);
    return true;
  };
  await pull({ stallMs: 200, attempts: 1 });
});

test("a hub that is not there: no attempt is made twice", async () => {
  const retries: string[] = [];
  const gone = hub.url;
  await hub.close();
  const error = await failure(pull({ endpoint: gone, onRetry: (why) => retries.push(why) }), "unreachable");
  assert.match(error.message, /ECONNREFUSED/);
  assert.deepEqual(retries, []);
  hub = await startFakeHub(repo, files);
});

test("the token goes to the hub, and not to another origin that it redirects to", async () => {
  const store = await startFakeHub(repo, files);
  hub.rule = ({ url = "" }, response) => {
    if (!isWeights(url)) return false;
    response.writeHead(302, { location: `${store.url}${url}?signature=hidden` });
    response.end();
    return true;
  };
  try {
    await pull({ token: "secret" });
    assert.ok(fs.readFileSync(path.join(folder, "model.safetensors")).equals(weights));
    assert.ok(hub.asked.every(({ headers }) => headers.authorization === "Bearer secret"));
    assert.deepEqual(
      store.asked.map(({ headers }) => headers.authorization),
      [undefined],
    );
    fs.rmSync(path.join(folder, "model.safetensors"));
    store.rule = (_request, response) => refuse(response, 403);
    const error = await failure(pull({ token: "secret" }), "access_denied");
    assert.doesNotMatch(JSON.stringify([error.message, error.cure, error.fields]), /secret|hidden/);
  } finally {
    await store.close();
  }
});

test("a redirect on the hub itself keeps the token; a circle of them ends", async () => {
  hub.rule = ({ url = "" }, response) => {
    if (!url.includes("/resolve/") || url.endsWith("?again")) return false;
    response.writeHead(307, { location: `${url}?again` });
    response.end();
    return true;
  };
  await pull({ token: "secret" });
  assert.ok(hub.asked.every(({ headers }) => headers.authorization === "Bearer secret"));
  fs.rmSync(path.join(folder, "config.json"));
  hub.rule = ({ url = "" }, response) => {
    if (!url.includes("/resolve/")) return false;
    response.writeHead(307, { location: url });
    response.end();
    return true;
  };
  assert.match((await failure(pull(), "bad_download")).message, /more than 5 redirects/);
});

for (const [what, answer] of [
  ["a page", "<html>login</html>"],
  ["nothing", "null"],
  ["an object", '{"error": "no"}'],
  ["a list of nothing", "[null]"],
  ["a file without a name", '[{"type": "file", "size": 1}]'],
] as const) {
  for (const of of ["revision", "tree"]) {
    test(`${what} where a hub tells of a model (${of}) is a bad download that names the hub`, async () => {
      hub.rule = ({ url = "" }, response) => {
        if (!url.startsWith(`/api/models/${repo}/${of}/`)) return false;
        response.end(answer);
        return true;
      };
      const { message } = await failure(pull(), "bad_download");
      assert.ok(message.startsWith(`${hub.url}/: ${repo}: expected`), message);
      assert.deepEqual(here(), []);
    });
  }
}

test("a next page at no address is a bad download", async () => {
  hub.rule = ({ url = "" }, response) => {
    if (!url.startsWith(`/api/models/${repo}/tree/`)) return false;
    response.writeHead(200, { link: '<http://[>; rel="next"' });
    response.end("[]");
    return true;
  };
  await failure(pull(), "bad_download");
});

test("a disk that fills up keeps what was written, and the next pull goes on", async (t) => {
  fillDiskAt(t, "model.safetensors");
  await failure(pull(), "disk_full");
  t.mock.restoreAll();
  syncBuiltinESMExports();
  assert.equal(here().filter((name) => name.endsWith(".part")).length, 1);
  assert.equal(arrivals(await pull())["model.safetensors"], "resumed");
  assert.ok(fs.readFileSync(path.join(folder, "model.safetensors")).equals(weights));
});

test("too little free space is said before the first byte", async (t) => {
  const statfs = fs.statfsSync(folder);
  t.mock.method(fs, "statfsSync", () => ({ ...statfs, bavail: 1, bsize: 4096 }));
  syncBuiltinESMExports();
  try {
    const error = await failure(pull(), "disk_full");
    assert.match(error.message, /expected 0\.3 MB of free space, got 0\.0 MB/);
    assert.ok(!hub.asked.some(({ path: asked }) => asked.includes("/resolve/")));
    assert.deepEqual(here(), []);
  } finally {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
});

test("patterns choose other files, also in folders; a hub's path cannot leave the folder", async () => {
  const chosen = await pull({ include: ["onnx/*", "*.md"] });
  assert.deepEqual(Object.keys(arrivals(chosen)), ["README.md", "onnx/model.onnx"]);
  assert.ok(fs.existsSync(path.join(folder, "onnx", "model.onnx")));
  const evil = await startFakeHub(repo, { ...files, "../evil.json": Buffer.from("x") });
  try {
    await failure(pull({ endpoint: evil.url }), "bad_download");
    assert.ok(!fs.existsSync(path.join(folder, "..", "evil.json")));
  } finally {
    await evil.close();
  }
});

test("shards come with their index; a model without tokenizer or safetensors is refused by name", async () => {
  const { "model.safetensors": _single, "tokenizer.json": _tokenizer, ...rest } = files;
  const shards = {
    "model.safetensors.index.json": Buffer.from("{}"),
    "model-00001-of-00002.safetensors": Buffer.alloc(2000, "1"),
    "model-00002-of-00002.safetensors": Buffer.alloc(2000, "2"),
  };
  const tokenizer = { "tokenizer.json": files["tokenizer.json"] };
  const tries: readonly (readonly [Record<string, Buffer>, RegExp | null])[] = [
    [{ ...rest, ...tokenizer, ...shards }, null],
    [{ ...rest, ...shards }, /tokenizer\.json/],
    [{ ...rest, ...tokenizer, "pytorch_model.bin": weights }, /safetensors/],
  ];
  for (const [given, message] of tries) {
    const other = await startFakeHub(repo, given);
    try {
      if (message) assert.match((await failure(pull({ endpoint: other.url }), "not_found")).message, message);
      else
        assert.equal(
          Object.keys(arrivals(await pull({ endpoint: other.url }))).filter((n) => n in shards).length,
          3,
        );
    } finally {
      await other.close();
    }
  }
});

test("an endpoint or a name that is none is refused before any request", async () => {
  await failure(pull({ endpoint: "hub" }), "usage");
  for (const bad of ["../etc", "a/b/c", "https://hub/a/b", ""]) await failure(pull({ repo: bad }), "usage");
  assert.deepEqual(hub.asked, []);
});
