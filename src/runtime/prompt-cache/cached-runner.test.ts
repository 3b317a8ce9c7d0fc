import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";
import { onnxCpuBackend } from "../../backend/onnx/backend.ts";
import type { Session } from "../../backend/session.ts";
import { createRandom } from "../../base/random.ts";
import { buildInferenceGraph } from "../../model/inference-graph.ts";
import { createStepRunner, maxVerify, type StepRunner } from "../step-runner.ts";
import { tinyConfig, tinyWeights } from "../tiny-model.test.support.ts";
import { type CachedRunner, createCachedRunner } from "./cached-runner.ts";
import { compareConversations } from "./conversations.test.support.ts";
import { type DiskTier, openDiskTier } from "./disk-tier.ts";
import { createRamTier } from "./ram-tier.ts";

const blockTokens = 8;
const config = { ...tinyConfig, contextLength: 96 };
const weights = tinyWeights(config);
const random = createRandom(11);
const idsOf = (tokens: number): number[] =>
  Array.from({ length: tokens }, () => random.integer(config.vocabSize));
const head = idsOf(40);

let session: Session;
const opened: StepRunner[] = [];
const disks: DiskTier[] = [];
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-cached-runner-"));
before(async () => {
  session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }), { threads: 1 });
});
after(async () => {
  for (const disk of disks) await disk.settle();
  for (const runner of opened) runner.close();
  session.close();
  fs.rmSync(dir, { recursive: true, force: true });
});

function openPlain(): StepRunner {
  const runner = createStepRunner(session, config, { blocking: true, weights, prefillChunk: blockTokens });
  opened.push(runner);
  return runner;
}

function openDisk(folder: string, blockBytes: number): DiskTier {
  const disk = openDiskTier(folder, blockBytes, 1e9);
  disks.push(disk);
  return disk;
}

function openCached(ramBlocks = 100, diskDir?: string): CachedRunner {
  const inner = openPlain();
  const blockBytes = blockTokens * inner.kvBytesPerToken;
  return createCachedRunner(inner, {
    namespace: "test",
    blockTokens,
    ram: createRamTier(ramBlocks * blockBytes, blockBytes),
    disk: diskDir === undefined ? null : openDisk(diskDir, blockBytes),
  });
}

/** Reads a prompt as `generateStep` does; returns how many tokens were not read by the model. */
async function read(runner: CachedRunner, ids: readonly number[]): Promise<number> {
  runner.reset();
  assert.equal(runner.length, 0);
  assert.equal(await runner.prefill(ids), ids.length);
  assert.equal(runner.length, ids.length);
  return runner.cachedTokens;
}

/** Logits and every key and value are those of a runner that never saw anything else, to the bit. */
async function assertAsUncached(runner: StepRunner, ids: readonly number[]): Promise<void> {
  const plain = openPlain();
  await plain.prefill(ids);
  assert.deepEqual(runner.logits, plain.logits);
  assert.deepEqual(runner.saveKv(0, ids.length), plain.saveKv(0, ids.length));
}

describe("what a prompt takes from an earlier one", () => {
  const cases: readonly (readonly [what: string, first: number[], second: number[], cached: number])[] = [
    ["the same prompt: all but its last block", head.slice(0, 32), head.slice(0, 32), 24],
    ["the same prompt, ending inside a block", head.slice(0, 30), head.slice(0, 30), 24],
    ["a longer prompt that begins as it did", head.slice(0, 20), [...head.slice(0, 20), ...idsOf(9)], 16],
    ["a shorter prompt: the entry is trimmed", head, head.slice(0, 19), 16],
    ["a prompt that parts in the middle", head, [...head.slice(0, 21), ...idsOf(30)], 16],
    ["a prompt that parts at its first token", head, idsOf(30), 0],
    ["a prompt shorter than a block", head, head.slice(0, 7), 0],
    ["one token more than a block", head, head.slice(0, 9), 8],
  ];
  for (const [what, first, second, cached] of cases) {
    test(`${what} (from the runner's own memory)`, async () => {
      const runner = openCached(0);
      assert.equal(await read(runner, first), 0);
      assert.equal(await read(runner, second), cached);
      assert.deepEqual([runner.counts.liveBlocks, runner.counts.ramBlocks], [cached / blockTokens, 0]);
      await assertAsUncached(runner, second);
    });

    test(`${what} (from the memory tier)`, async () => {
      const runner = openCached();
      await read(runner, first);
      runner.keep(0);
      await read(runner, [63, 62, 61]); // another prompt takes the runner's own memory
      assert.equal(await read(runner, second), cached);
      assert.deepEqual([runner.counts.liveBlocks, runner.counts.ramBlocks], [0, cached / blockTokens]);
      await assertAsUncached(runner, second);
    });

    test(`${what} (from the disk, after a restart)`, async () => {
      const folder = path.join(dir, what);
      const inner = openPlain();
      const blockBytes = blockTokens * inner.kvBytesPerToken;
      const disk = openDisk(folder, blockBytes);
      const ram = createRamTier(0, blockBytes);
      const runner = createCachedRunner(inner, { namespace: "test", blockTokens, ram, disk });
      await read(runner, first);
      runner.keep(0);
      await disk.settle();
      const next = openCached(100, folder);
      assert.equal(await read(next, second), cached);
      assert.equal(next.counts.diskBlocks, cached / blockTokens);
      await assertAsUncached(next, second);
    });
  }
});

test("tokens that decoding appended are not taken for a prompt's", async () => {
  const runner = openCached();
  const prompt = head.slice(0, 14);
  await read(runner, prompt);
  for (let i = 0; i < 12; i++) await runner.decode(head[14 + i] as number);
  runner.keep(0);
  assert.equal(await read(runner, head), 8, "one whole block was read as a prompt");
  await assertAsUncached(runner, head);
});

test("a draft that was verified and taken back changes nothing", async () => {
  const runner = openCached();
  await read(runner, head.slice(0, 20));
  await runner.verify(idsOf(maxVerify));
  runner.rewind(12); // further back than any draft goes
  await runner.decode(1);
  assert.equal(await read(runner, head), 8);
  await assertAsUncached(runner, head);
});

test("a prefill that was cancelled keeps what it read, and only that", async () => {
  const runner = openCached();
  runner.reset();
  let asked = 0;
  assert.equal(await runner.prefill(head, () => ++asked > 2), 16);
  runner.keep(0);
  assert.equal(await read(runner, head), 16);
  await assertAsUncached(runner, head);
});

test("another namespace shares nothing", async () => {
  const inner = openPlain();
  const blockBytes = blockTokens * inner.kvBytesPerToken;
  const ram = createRamTier(1e9, blockBytes);
  const [a, b] = ["model a", "model b"].map((namespace) =>
    createCachedRunner(inner, { namespace, blockTokens, ram, disk: null }),
  ) as [CachedRunner, CachedRunner];
  await read(a, head);
  a.keep(0);
  assert.equal(await read(b, head), 0);
});

test("session times count from the reset", async () => {
  const runner = openCached();
  await read(runner, head);
  const whole = runner.prefillSessionMs;
  await runner.decode(1);
  assert.ok(whole > 0 && runner.decodeSessionMs > 0);
  runner.reset();
  assert.deepEqual([runner.prefillSessionMs, runner.decodeSessionMs], [0, 0]);
});

test("1,000 conversations give the same tokens and bits with a cache as without", async () => {
  // The budget is far too small on purpose: blocks are evicted all the time. Both tiers and the runner's memory are hit.
  const cached = openCached(12, path.join(dir, "conversations"));
  const { differing, hitRate } = await compareConversations(cached, openPlain(), {
    conversations: 120,
    seed: 5,
  });
  assert.deepEqual(differing, []);
  assert.ok(hitRate > 0.5, `hit rate ${hitRate}`);
  const { liveBlocks, ramBlocks, diskBlocks } = cached.counts;
  assert.ok(liveBlocks > 0 && ramBlocks > 0 && diskBlocks > 0, JSON.stringify(cached.counts));
});
