import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { onnxCpuBackend } from "../../backend/onnx/backend.ts";
import { referenceBackend } from "../../backend/reference/session.ts";
import type { Backend, NamedTensors, Session } from "../../backend/session.ts";
import { openArtefactSession } from "../../model/artefact.ts";
import { buildInferenceGraph } from "../../model/inference-graph.ts";
import { createStepRunner, type StepShape } from "../step-runner.ts";
import {
  exportTinyArtefact,
  type TinyArtefact,
  tinyConfig,
  tinyWeights,
} from "../tiny-model.test.support.ts";
import { type BatchRow, type BatchStepper, createBatchStepper } from "./batch-stepper.ts";
import { checkRows } from "./row-check.ts";

/** A model as ONNX Runtime gets it when it is exported: with weights that it packs when it opens. */
let artefact: TinyArtefact;
before(async () => {
  artefact = await exportTinyArtefact("fp32");
});
after(() => artefact.remove());

interface Opened {
  readonly session: Session;
  readonly shape: StepShape;
  readonly weights?: NamedTensors;
}

const openExported = async (): Promise<Opened> => {
  const { session, config } = await openArtefactSession(artefact.dir, { threads: 1 });
  return { session, shape: config };
};

/** Weights are inputs: nothing is packed. */
const compileOn = async (backend: Backend): Promise<Opened> => ({
  session: await backend.compile(buildInferenceGraph(tinyConfig, { weights: "fp32" })),
  shape: tinyConfig,
  weights: tinyWeights(),
});

const models: Readonly<Record<string, () => Promise<Opened>>> = {
  "the float64 reference": () => compileOn(referenceBackend),
  "ONNX Runtime": openExported,
};

const promptOf = (row: number): number[] => Array.from({ length: 4 + 3 * row }, (_, i) => (5 * i + row) % 64);
const tokenOf = (row: number, step: number): number => (11 * step + 7 * row + 1) % 64;
const steps = 6;

/** Logits after each of `count` tokens that a row decodes. */
async function decode(row: BatchRow, b: number, count = steps): Promise<number[][]> {
  row.enter();
  try {
    row.runner.reset();
    await row.runner.prefill(promptOf(b));
    const logits: number[][] = [];
    for (let step = 0; step < count; step++) {
      await row.runner.decode(tokenOf(b, step));
      logits.push([...row.runner.logits]);
    }
    assert.equal(row.runner.length, promptOf(b).length + count);
    return logits;
  } finally {
    row.leave();
  }
}

async function decodeAlone({ session, shape, weights = {} }: Opened, b: number): Promise<number[][]> {
  const runner = createStepRunner(session, shape, { blocking: true, weights });
  await runner.prefill(promptOf(b));
  const logits: number[][] = [];
  for (let step = 0; step < steps; step++) {
    await runner.decode(tokenOf(b, step));
    logits.push([...runner.logits]);
  }
  runner.close();
  return logits;
}

function createStepper(
  { session, shape, weights = {} }: Opened,
  rows: number,
  blocking = true,
): BatchStepper {
  return createBatchStepper(session, shape, rows, { blocking, prefillChunk: 128, weights });
}

for (const [name, open] of Object.entries(models)) {
  for (const blocking of [true, false]) {
    test(`rows of several lengths are sequences alone, to the bit (${name}, blocking ${blocking})`, async () => {
      const model = await open();
      const stepper = createStepper(model, 4, blocking);
      const alone: number[][][] = [];
      for (const b of [0, 1, 2, 3]) alone.push(await decodeAlone(model, b));
      // Twice over the same memory; row 1 rests in the middle, row 3 ends early.
      for (const active of [
        [0, 1, 2, 3],
        [0, 2, 3],
      ]) {
        stepper.resetRuns();
        const made = await Promise.all(active.map((b) => decode(stepper.rows[b]!, b, b === 3 ? 2 : steps)));
        for (const [i, b] of active.entries())
          assert.deepEqual(made[i], alone[b]!.slice(0, made[i]!.length), `row ${b}`);
        const full = stepper.runs[active.length - 1]!;
        assert.equal(full, 2, `runs by rows: ${stepper.runs.join()}`);
        assert.equal(stepper.runs[active.length - 2], steps - 2);
      }
      stepper.close();
      model.session.close();
    });
  }
}

test("a run that fails is a failure of its rows, and a row that leaves holds up nobody", async () => {
  const model = await openExported();
  const { session } = model;
  let isBroken = false;
  const fragile: Session = {
    ...session,
    inputs: session.inputs,
    outputs: session.outputs,
    backend: session.backend,
    run: (feeds) => session.run(feeds),
    close: () => session.close(),
    bind: (inputs, outputs) => {
      const binding = session.bind(inputs, outputs);
      const isTogether = inputs["ids"]!.shape[0]! > 1;
      return {
        run: () => binding.run(),
        runSync: () => {
          if (isBroken && isTogether) throw new Error("power cut");
          binding.runSync();
        },
        close: () => binding.close(),
      };
    },
  };
  const stepper = createStepper({ ...model, session: fragile }, 2);
  const [first, second] = stepper.rows as [BatchRow, BatchRow];
  isBroken = true;
  const failed = await Promise.allSettled([decode(first, 0), decode(second, 1)]);
  assert.deepEqual(
    failed.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  isBroken = false;
  // One row has entered and thinks; the other waits for it until it leaves.
  second.enter();
  const waiting = decode(first, 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(stepper.runs[0], 0);
  second.leave();
  assert.equal((await waiting).length, steps);
  stepper.close();
  session.close();
});

test("rows whose bits depend on their company are found out", async () => {
  const model = await openExported();
  const stepper = createStepper(model, 3);
  const good = await checkRows(stepper);
  assert.deepEqual([good.refusal, good.differing, good.isKvEqual], [null, 0, true]);
  assert.equal(good.compared, (2 + 3) * 3 * model.shape.vocabSize);

  // Keys alone may differ: here one bit of one row's last key in runs of three rows.
  const spoiled: Pick<BatchStepper, "rows"> = {
    rows: stepper.rows.map((row, b) => ({
      ...row,
      runner: Object.assign(Object.create(row.runner) as BatchRow["runner"], {
        decode: async (id: number) => {
          const { runner } = row;
          const before = stepper.runs[2];
          await runner.decode(id);
          if (b !== 1 || stepper.runs[2] === before) return;
          const last = runner.saveKv(runner.length - 1, runner.length);
          last[0] = last[0]! ^ 1;
          runner.loadKv(last, runner.length - 1, runner.length);
        },
      }),
    })),
  };
  const keys = await checkRows(spoiled);
  assert.equal(keys.isKvEqual, false);
  assert.notEqual(keys.refusal, null);
  stepper.close();
  model.session.close();

  // Weights that are not packed: a product with one row goes through another kernel, which adds up in another order.
  const unpacked = await compileOn(onnxCpuBackend);
  const rows = createStepper(unpacked, 2);
  const bad = await checkRows(rows);
  assert.ok(bad.differing > 0 && bad.maxLogitDifference! > 0);
  assert.match(bad.refusal ?? "", /logits differ/);
  rows.close();
  unpacked.session.close();
});
