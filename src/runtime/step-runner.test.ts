import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import { referenceBackend } from "../backend/reference/session.ts";
import type { Session } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { buildTrunk, declareParameters, projectLogits, trainingAttention } from "../model/decoder.ts";
import { buildInferenceGraph } from "../model/inference-graph.ts";
import { kvCacheBytes } from "../model/kv-cache.ts";
import { int64 } from "../tensor/tensor.ts";
import { createStepRunner, maxVerify, type StepRunner } from "./step-runner.ts";
import { tinyConfig as config, tinyWeights } from "./tiny-model.test.support.ts";

const weights = tinyWeights();
const random = createRandom(3);
const ids = Array.from({ length: 24 }, () => random.integer(config.vocabSize));
let whole: Float64Array; // logits [T, V] of the whole sequence without a cache, in float64

before(async () => {
  const g = new GraphBuilder("whole");
  const input = g.input("ids", "int64", [1, ids.length]);
  const parameters = declareParameters(g, config);
  const hidden = buildTrunk(g, config, parameters, input, trainingAttention(g, config, 1, ids.length));
  g.output("logits", projectLogits(g, config, parameters, hidden));
  const session = await referenceBackend.compile(g.build());
  const { logits } = await session.run({ ...weights, ids: int64([1, ids.length], ids) });
  whole = logits?.data as Float64Array;
});

function assertLogits(runner: Pick<StepRunner, "logits">, position: number, limit = 1e-4): void {
  let worst = 0;
  let at = 0;
  for (let v = 0; v < config.vocabSize; v++) {
    const expected = whole[position * config.vocabSize + v] as number;
    const difference = Math.abs((runner.logits[v] as number) - expected);
    if (!(difference <= worst)) {
      worst = difference;
      at = v;
    }
  }
  assert.ok(worst <= limit, `position ${position}, token ${at}: off by ${worst}`);
}

for (const backend of [referenceBackend, onnxCpuBackend]) {
  describe(`on ${backend.name}`, () => {
    let session: Session;
    before(async () => {
      session = await backend.compile(buildInferenceGraph(config, { weights: "fp32" }));
    });
    after(() => session.close());

    for (const [blocking, prefillChunk] of [
      [true, 512],
      [false, 512],
      [true, 5],
    ] as const) {
      test(`cached decode equals the whole forward (blocking ${blocking}, chunks of ${prefillChunk})`, async () => {
        const runner = createStepRunner(session, config, { blocking, weights, prefillChunk });
        // Twice over the same memory: what the first sequence left must not be seen by the second.
        for (const prompt of [17, 9]) {
          runner.reset();
          assert.equal(await runner.prefill(ids.slice(0, prompt)), prompt);
          assertLogits(runner, prompt - 1);
          for (let t = prompt; t < ids.length; t++) {
            await runner.decode(ids[t] as number);
            assert.equal(runner.length, t + 1);
            assertLogits(runner, t);
          }
        }
        assert.ok(runner.prefillSessionMs > 0 && runner.decodeSessionMs > 0);
        runner.close();
      });
    }
  });
}

for (const backend of [referenceBackend, onnxCpuBackend]) {
  for (const blocking of [true, false]) {
    test(`verify equals the whole forward and can be taken back (${backend.name}, blocking ${blocking})`, async () => {
      const session = await backend.compile(buildInferenceGraph(config, { weights: "fp32" }));
      const runner = createStepRunner(session, config, { blocking, weights });
      await runner.prefill(ids.slice(0, 6));
      const first = runner.verify(ids.slice(6, 8));
      assert.equal(first instanceof Promise, !blocking);
      await first;
      const wrong = ids.map((id) => (id + 1) % config.vocabSize);
      for (const tokens of [1, 2, maxVerify, 2]) {
        const at = runner.length;
        // A draft that is refused leaves nothing behind.
        await runner.verify(wrong.slice(at, at + tokens));
        runner.rewind(at);
        const rows = await runner.verify(ids.slice(at, at + tokens)); // [n, V]
        assert.equal(rows.length, tokens * config.vocabSize);
        assert.equal(runner.length, at + tokens);
        for (let i = 0; i < tokens; i++) {
          const row = rows.subarray(i * config.vocabSize, (i + 1) * config.vocabSize);
          assertLogits({ logits: row }, at + i);
        }
      }
      await runner.decode(ids[runner.length] as number);
      assertLogits(runner, runner.length - 1);
      runner.close();
      session.close();
    });
  }
}

test("keys and values that were saved continue the sequence in another runner, to the same bits", async () => {
  const session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  const options = { blocking: true, weights };
  const from = createStepRunner(session, config, options);
  const to = createStepRunner(session, config, options);
  await from.prefill(ids.slice(0, 12));
  const parts = [from.saveKv(0, 5), from.saveKv(5, 12)];
  assert.equal(parts[0]!.byteLength, 5 * from.kvBytesPerToken);
  assert.equal(from.kvBytesPerToken * config.contextLength, from.kvBytes);
  await from.decode(ids[12] as number);
  await to.prefill([1, 2, 3]); // what was there before is overwritten
  to.rewind(0);
  to.loadKv(parts[0]!, 0, 5);
  to.loadKv(parts[1]!, 5, 12);
  assert.equal(to.length, 12);
  await to.decode(ids[12] as number);
  assert.deepEqual(to.logits, from.logits);
  assertLogits(to, 12);
  from.close();
  to.close();
  session.close();
});

test("positions and sizes that do not fit are our own bugs", async () => {
  const session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  const runner = createStepRunner(session, config, { blocking: true, weights });
  await runner.prefill([1, 2, 3, 4]);
  const isInternal = (error: unknown): boolean => error instanceof LimbeckError && error.code === "internal";
  assert.throws(() => runner.rewind(5), isInternal);
  assert.throws(() => runner.rewind(-1), isInternal);
  assert.throws(() => runner.verify([]), isInternal);
  assert.throws(() => runner.verify(Array.from({ length: maxVerify + 1 }, () => 1)), isInternal);
  assert.throws(() => runner.saveKv(0, 5), isInternal);
  const saved = runner.saveKv(0, 2);
  assert.throws(() => runner.loadKv(saved, 0, 3), isInternal);
  assert.throws(() => runner.loadKv(saved, 5, 7), isInternal);
  assert.throws(() => runner.loadKv(saved, config.contextLength - 1, config.contextLength + 1), isInternal);
  assert.equal(runner.length, 4);
  runner.close();
  session.close();
});

test("of a prompt of several runs only the last one computes logits, and only of its last position", async () => {
  const session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  const asked: (number | undefined)[] = [];
  const watched: Session = {
    backend: session.backend,
    inputs: session.inputs,
    outputs: session.outputs,
    run: (feeds) => session.run(feeds),
    bind: (inputs, outputs) => {
      asked.push(inputs["select"]?.shape[0]);
      return session.bind(inputs, outputs);
    },
    close: () => session.close(),
  };
  const runner = createStepRunner(watched, config, { blocking: true, weights, prefillChunk: 7 });
  asked.length = 0; // the binding of a decode step
  await runner.prefill(ids.slice(0, 20));
  assert.deepEqual(asked, [0, 0, 1]);
  assertLogits(runner, 19);
  runner.close();
  session.close();
});

test("a chunk that is no whole number of tokens is refused", async () => {
  const session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  for (const prefillChunk of [0, -1, 1.5, Number.NaN]) {
    assert.throws(
      () => createStepRunner(session, config, { blocking: true, weights, prefillChunk }),
      (error) => error instanceof LimbeckError && error.code === "invalid_request",
    );
  }
  session.close();
});

test("a blocking decode gives no promise to wait for", async () => {
  const session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  const runner = createStepRunner(session, config, { blocking: true, weights });
  await runner.prefill([5, 6]);
  assert.equal(runner.decode(7), undefined);
  runner.close();
  session.close();
});

test("the context is a hard end, and cancelling stops between chunks", async () => {
  const session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  const runner = createStepRunner(session, config, { blocking: true, weights, prefillChunk: 8 });
  const isTooLong = (error: unknown): boolean =>
    error instanceof LimbeckError && error.code === "context_length_exceeded";
  const full = Array.from({ length: config.contextLength }, (_, i) => i);
  await assert.rejects(runner.prefill([...full, 1]), isTooLong);
  assert.equal(runner.length, 0);
  let asked = 0;
  assert.equal(await runner.prefill(full, () => ++asked > 2), 16);
  runner.reset();
  await runner.prefill(full);
  assert.throws(() => runner.decode(1), isTooLong);
  runner.close();
  session.close();
});

test("the cache's bytes follow from the model's sizes", async () => {
  assert.equal(
    kvCacheBytes({ layers: 24, kvHeads: 2, headDim: 64, contextLength: 2048 }),
    24 * 2 * 2 * 2048 * 64 * 4,
  );
  const session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  const runner = createStepRunner(session, config, { blocking: true, weights });
  assert.equal(runner.kvBytes, 2 * 2 * 1 * 32 * 16 * 4);
  runner.close();
  session.close();
});
