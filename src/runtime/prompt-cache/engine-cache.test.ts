import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { LimbeckError } from "../../base/errors.ts";
import type { ChatMessage, ToolDefinition } from "../../tools/types.ts";
import { openEngine } from "../engine.ts";
import type { Engine, OpenOptions } from "../engine-contract.ts";
import { exportTinyArtefact, type TinyArtefact } from "../tiny-model.test.support.ts";
import type { ChatResult } from "../types.ts";

const tools: ToolDefinition[] = [
  {
    type: "function",
    function: {
      name: "set_timer",
      description: "Starts a timer that rings once so many minutes have passed",
      parameters: { type: "object", properties: { minutes: { type: "integer" } }, required: ["minutes"] },
    },
  },
];
const system = "You help in a kitchen. Use the tools where they fit and say so where they do not. Be brief.";
const ask = (content: string, rules = system): ChatMessage[] => [
  { role: "system", content: rules },
  { role: "user", content },
];
const prefillChunk = 16;
const ramBytes = 1e8;
const options = { maxTokens: 12, temperature: 1, seed: 7 };

let artefact: TinyArtefact;
let plain: Engine;
let folders = 0;
before(async () => {
  artefact = await exportTinyArtefact();
  plain = await openEngine(artefact.dir, { prefillChunk, worker: false });
});
after(async () => {
  await plain.close();
  artefact.remove();
});
const newFolder = (): string => path.join(path.dirname(artefact.dir), `kept-${folders++}`);

/** Opens an engine, gives it to `use`, and closes it whatever happens. */
async function withEngine<T>(
  open: OpenOptions & { readonly worker?: boolean },
  use: (engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = await openEngine(artefact.dir, { prefillChunk, ...open });
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}
const said = ({ text, tokens }: ChatResult) => ({ text, ids: tokens.map(({ id }) => id) });

for (const worker of [false, true]) {
  test(`a second prompt with the same system prompt is not read from its start (worker ${worker})`, async () => {
    await withEngine({ worker, promptCache: { ramBytes } }, async (engine) => {
      const first = await engine.chat(ask("A timer of 5 minutes"), tools, options);
      assert.equal(first.cachedTokens, 0);
      const again = await engine.chat(ask("Good morning"), tools, options);
      assert.ok((again.cachedTokens ?? 0) >= 2 * prefillChunk, `${again.cachedTokens} cached`);
      assert.equal((again.cachedTokens ?? 1) % prefillChunk, 0);
      assert.deepEqual(said(first), said(await plain.chat(ask("A timer of 5 minutes"), tools, options)));
      assert.deepEqual(said(again), said(await plain.chat(ask("Good morning"), tools, options)));
      const raw = await engine.complete("one two three four five six seven eight nine ten ".repeat(3));
      assert.equal(raw.cachedTokens, 0);
      const stats = await engine.promptCacheStats();
      assert.equal(stats?.prompts, 3);
      assert.equal(stats?.hits, 1);
      assert.equal(stats?.cachedTokens, again.cachedTokens);
      assert.equal(stats?.promptTokens, first.promptTokens + again.promptTokens + raw.promptTokens);
      assert.equal(stats?.blockTokens, prefillChunk);
      assert.ok((stats?.ram.bytes ?? 0) > 0 && (stats?.ram.bytes ?? 0) <= ramBytes);
      assert.equal(stats?.disk, null);
    });
  });
}

test("without the option nothing is reused, nor said about it", async () => {
  const result = await plain.chat(ask("x"), tools, options);
  assert.ok(!("cachedTokens" in result));
  assert.equal(await plain.promptCacheStats(), null);
});

test("the system prompt outlives many other prompts in a small memory", async () => {
  const { kvBytes, contextLength } = plain.info;
  const room = 10 * prefillChunk * (kvBytes / contextLength);
  await withEngine({ worker: false, promptCache: { ramBytes: room } }, async (engine) => {
    await engine.chat(ask("first"), [], options);
    for (let i = 0; i < 6; i++) await engine.complete(`${i} `.repeat(150), { maxTokens: 1 });
    const again = await engine.chat(ask("later"), [], options);
    assert.ok((again.cachedTokens ?? 0) > 0);
    const stats = await engine.promptCacheStats();
    assert.ok((stats?.ram.evictedBlocks ?? 0) > 0);
    assert.ok((stats?.ram.bytes ?? 0) <= room);
  });
});

test("a restart keeps the disk's blocks; damaged ones are read anew, with a count and the same answer", async () => {
  const diskDir = newFolder();
  const messages = ask("A timer of 9 minutes, please, and then tell me how long eggs take");
  const promptCache = { ramBytes, diskDir, diskBytes: 1e8 };
  const expected = said(await plain.chat(messages, tools, options));
  const answered = (count = 1) =>
    withEngine({ promptCache }, async (engine) => {
      const result = await engine.chat(messages, tools, options);
      assert.deepEqual(said(result), expected);
      assert.equal(result.tokens.length > 0, true);
      const stats = await engine.promptCacheStats();
      assert.equal(stats?.prompts, count);
      return { cached: result.cachedTokens, faults: stats?.disk?.faults };
    });
  assert.equal((await answered()).cached, 0);
  const whole = (await answered()).cached ?? 0;
  assert.ok(whole >= 3 * prefillChunk, `${whole} cached`);
  const files = fs
    .readdirSync(diskDir, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".kv"))
    .map((name) => path.join(diskDir, name));
  assert.equal(files.length, Math.floor((await plain.countTokens(messages, tools)) / prefillChunk));
  for (const file of files) {
    const bytes = fs.readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    fs.writeFileSync(file, bytes);
  }
  const damaged = await answered();
  assert.deepEqual(
    [damaged.cached, damaged.faults?.checksum],
    [0, 1],
    "the first damaged block ends the search",
  );
  assert.equal((await answered()).cached, prefillChunk, "that one was written again");
});

test("a prompt is kept from its answer on, however slow the disk is", async (t) => {
  const { writeFile } = fs.promises;
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  t.mock.method(fs.promises, "writeFile", async (...args: Parameters<typeof writeFile>) => {
    await opened;
    return writeFile(...args);
  });
  const promptCache = { ramBytes: 0, diskDir: newFolder(), diskBytes: 1e8 };
  await withEngine({ worker: false, promptCache }, async (engine) => {
    await engine.chat(ask("A timer of 5 minutes"), tools, options);
    // Another prompt takes the engine's own memory.
    await engine.complete("one two three four five six seven eight nine ten ".repeat(3), { maxTokens: 1 });
    const again = await engine.chat(ask("Good morning"), tools, options);
    const stats = await engine.promptCacheStats();
    open(); // an engine closes when all is written
    assert.ok((again.cachedTokens ?? 0) >= 2 * prefillChunk, `${again.cachedTokens} cached`);
    assert.deepEqual(said(again), said(await plain.chat(ask("Good morning"), tools, options)));
    assert.equal(stats?.disk?.bytes, 0, "nothing was on the disk");
  });
});

test("a folder that cannot be used changes no answer", async () => {
  const file = newFolder();
  fs.writeFileSync(file, "not a folder");
  await withEngine({ promptCache: { ramBytes: 0, diskDir: file } }, async (engine) => {
    const result = await engine.chat(ask("Hello"), tools, options);
    assert.deepEqual(said(result), said(await plain.chat(ask("Hello"), tools, options)));
    const faults = (await engine.promptCacheStats())?.disk?.faults;
    assert.ok((faults?.not_writable ?? 0) > 0, JSON.stringify(faults));
  });
});

test("a budget that is none is refused", async () => {
  for (const promptCache of [{ ramBytes: -1 }, { ramBytes: Number.NaN }, { ramBytes: 0, diskBytes: -5 }]) {
    await assert.rejects(
      withEngine({ worker: false, promptCache }, async () => undefined),
      (error) => error instanceof LimbeckError && error.code === "invalid_request",
    );
  }
});

test("another chunk size finds nothing in the same folder", async () => {
  const diskDir = newFolder();
  const promptCache = { ramBytes, diskDir, diskBytes: 1e8 };
  const cachedBy = (dir: string, chunk: number) =>
    openEngine(dir, { promptCache, prefillChunk: chunk, worker: false }).then(async (engine) => {
      const { cachedTokens } = await engine.chat(ask("Hello there"), tools, options);
      await engine.close();
      return cachedTokens ?? -1;
    });
  assert.equal(await cachedBy(artefact.dir, prefillChunk), 0);
  assert.equal(await cachedBy(artefact.dir, 2 * prefillChunk), 0);
  assert.ok((await cachedBy(artefact.dir, prefillChunk)) > 0);
});

test("a clock in the system prompt is named", async () => {
  await withEngine({ worker: true, promptCache: { ramBytes } }, async (engine) => {
    for (const minute of [10, 11, 12]) {
      const rules = `You help in a kitchen. It is 2026-11-20 09:${minute}. ${system}`;
      await engine.chat(ask("Hello", rules), tools, { maxTokens: 1 });
    }
    const stats = await engine.promptCacheStats();
    assert.deepEqual(stats?.volatileHeaders, [
      {
        message: 0,
        role: "system",
        kind: "date",
        text: "2026-11-20 09:12.",
        previous: "2026-11-20 09:11.",
        changes: 2,
      },
    ]);
  });
});
