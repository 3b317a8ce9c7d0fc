import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import { referenceBackend } from "../backend/reference/session.ts";
import type { Backend } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { initialiseWeights } from "../model/decoder.ts";
import { toFloat16 } from "../tensor/half.ts";
import { countRows, createBatchBuffers, emptyTotals } from "./batch.ts";
import { createRowSource } from "./row-source.ts";
import { selectTopk, teacherTopk } from "./teacher-topk.ts";
import {
  idBits,
  openTopk,
  packRecord,
  readTopkFile,
  recordBytes,
  type TopkHeader,
  writeTopkFile,
} from "./topk-file.ts";
import { testConfig, testEncode, testExamples, testRecipe, testSpecials } from "./world.test.support.ts";

const dir = mkdtempSync(path.join(tmpdir(), "limbeck-topk-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const random = createRandom(4);

test("the k largest of a row, lower index first among equals", () => {
  for (let round = 0; round < 50; round++) {
    const count = 5 + random.integer(200);
    const k = 1 + random.integer(count);
    // Few distinct values: ties are common.
    const values = Float32Array.from({ length: count + 3 }, () => random.integer(20) - 10);
    const ids = new Int32Array(k);
    const picked = new Float32Array(k);
    selectTopk(values, 3, count, k, ids, picked);
    const expected = Array.from({ length: count }, (_, i) => i)
      .sort((a, b) => values[3 + b]! - values[3 + a]! || a - b)
      .slice(0, k)
      .sort((a, b) => a - b);
    assert.deepEqual([...ids], expected);
    assert.deepEqual(
      [...picked],
      expected.map((i) => values[3 + i]!),
    );
  }
});

for (const vocabSize of [2048, 2049, 151_936]) {
  test(`records of a vocabulary of ${vocabSize} come back bit for bit, in at most 300 bytes`, () => {
    const k = 64;
    const stride = recordBytes(k, vocabSize);
    assert.ok(stride <= 300, `${stride} bytes`);
    const records = new Uint8Array(5 * stride);
    const written = Array.from({ length: 5 }, (_, i) => {
      const ids = Array.from({ length: k }, () => random.integer(vocabSize));
      const halves = toFloat16(Float32Array.from({ length: k }, () => -random.next() * 30));
      packRecord(records, i * stride, idBits(vocabSize), ids, halves);
      return { ids, halves };
    });
    const header: TopkHeader = {
      schema_version: 1,
      kind: "limbeck_topk",
      fingerprint: "f",
      k,
      vocab_size: vocabSize,
      bits: idBits(vocabSize),
      record_bytes: stride,
      rows: [{ id: "a", voice: "teacher", start: 0, count: 5 }],
    };
    const file = path.join(dir, `${vocabSize}.topk`);
    writeTopkFile(file, header, records);
    const store = readTopkFile(file);
    assert.deepEqual(store.header, header);
    for (const [i, { ids, halves }] of written.entries()) {
      const got = new Int32Array(k);
      const logs = new Float32Array(k + 1);
      store.read(i, got, 0, 1, logs, 0);
      assert.deepEqual([...got], ids);
      assert.deepEqual(store.halves(i), halves);
      assert.deepEqual(toFloat16(logs.subarray(0, k)), halves);
    }
  });
}

test("a cut or foreign file is refused", () => {
  const file = path.join(dir, "2048.topk");
  const cut = path.join(dir, "cut.topk");
  const bytes = readFileSync(file);
  writeFileSync(cut, bytes.subarray(0, bytes.length - 1));
  assert.throws(() => readTopkFile(cut), /expected 5 records of 216 bytes, got 1079 bytes/);
  writeFileSync(cut, "hello, world, this is no such file");
  assert.throws(() => readTopkFile(cut), /expected a top-k file, got other bytes/);
});

test("the teacher's top-k equals a sort of its own log-probabilities, is cached and tied to the teacher", async () => {
  const recipe = testRecipe({
    data: { voice: "mixed", redraw_voices: true },
    loss: { early_tool_weight: 1 },
  });
  const rows = createRowSource(testExamples(30), testEncode, recipe, 1).all();
  const weights = initialiseWeights(testConfig, createRandom(8));
  let compiled = 0;
  const counting = (backend: Backend): Backend => ({
    name: backend.name,
    compile: (graph, options) => {
      compiled++;
      return backend.compile(graph, options);
    },
  });
  const file = path.join(dir, "teacher.topk");
  const make = (backend: Backend, fingerprint: string, to: string | null) =>
    teacherTopk({
      backend: counting(backend),
      teacher: { config: testConfig, weights, fingerprint },
      tokenizerFingerprint: "t",
      rows,
      k: 8,
      padId: testSpecials.pad,
      lengths: [14, 20],
      tokensPerBatch: 160,
      file: to,
    });
  const store = await make(onnxCpuBackend, "one", file);
  const exact = await make(referenceBackend, "one", null);
  assert.ok(compiled > 0 && statSync(file).size > 0);
  let compared = 0;
  for (const row of rows) {
    const [a, b] = [store.find(row.exampleId, row.voice)!, exact.find(row.exampleId, row.voice)!];
    assert.equal(
      a.count,
      row.klMask.reduce((x, y) => x + y, 0),
    );
    for (let j = 0; j < a.count; j++) {
      const [ids, other] = [new Int32Array(8), new Int32Array(8)];
      const [logs, otherLogs] = [new Float32Array(9), new Float32Array(9)];
      store.read(a.start + j, ids, 0, 1, logs, 0);
      exact.read(b.start + j, other, 0, 1, otherLogs, 0);
      const worst = Math.max(...logs.map((x, i) => Math.abs(x - otherLogs[i]!)));
      assert.ok(worst < 5e-3, `record ${j} of ${row.exampleId}: largest difference ${worst}`);
      const mass = logs.reduce((sum, x) => sum + Math.exp(x), 0);
      assert.ok(Math.abs(mass - 1) < 1e-5, `top-k and tail have mass ${mass}`);
      compared++;
    }
  }
  assert.ok(compared > 100);

  compiled = 0;
  await make(onnxCpuBackend, "one", file);
  assert.equal(compiled, 0, "the second time nothing runs");
  await make(onnxCpuBackend, "two", file);
  assert.ok(compiled > 0, "another teacher is asked again");
});

test("a batch carries each record to its own position and masks the rest", async () => {
  const recipe = testRecipe({
    data: { voice: "mixed", redraw_voices: true },
    loss: { early_tool_weight: 1 },
  });
  const rows = createRowSource(testExamples(12), testEncode, recipe, 1).all().slice(0, 6);
  const k = 4;
  const stride = recordBytes(k, testConfig.vocabSize);
  const index: TopkHeader["rows"][number][] = [];
  const packed: number[][] = [];
  for (const row of rows) {
    const count = row.klMask.reduce((a, b) => a + b, 0);
    index.push({ id: row.exampleId, voice: row.voice, start: packed.length, count });
    for (let j = 0; j < count; j++) packed.push(Array.from({ length: k }, () => random.integer(32)));
  }
  const records = new Uint8Array(packed.length * stride);
  packed.forEach((ids, i) => {
    packRecord(records, i * stride, 5, ids, toFloat16(Float32Array.of(-1, -2, -3, -4)));
  });
  const store = openTopk(
    {
      schema_version: 1,
      kind: "limbeck_topk",
      fingerprint: "f",
      k,
      vocab_size: 32,
      bits: 5,
      record_bytes: stride,
      rows: index,
    },
    records,
  );
  const shape = { tokens: 20, rows: 8, completions: 80 };
  const buffers = createBatchBuffers({
    shape,
    parts: ["ce", "kl", "early_ce", "early_prior"],
    k,
    earlyTokens: 3,
    specials: testSpecials,
    priorOn: "teacher_rows",
  });
  const totals = emptyTotals();
  countRows(totals, rows, { priorOn: "teacher_rows" }, store);
  const tokens = buffers.fill(rows, totals, store);
  assert.equal(
    tokens,
    rows.reduce((n, row) => n + row.ids.length, 0),
  );
  const numbers = (name: string): number[] => [...buffers.inputs[name]!.data].map(Number);
  const ids = numbers("ids");
  const positions = numbers("positions");
  const classes = numbers("classes");
  const kl = numbers("kl_weight");
  const weight = [numbers("ce_weight"), numbers("early_weight")];
  let m = 0;
  let record = 0;
  rows.forEach((row, r) => {
    row.positions.forEach((position, j) => {
      assert.equal(positions[m], r * 20 + position);
      assert.equal(classes[m * 7], row.targets[j]);
      // What the trunk reads there is the token before the target.
      assert.equal(ids[positions[m]!], row.ids[position]);
      if (row.klMask[j]) {
        assert.deepEqual(classes.slice(m * 7 + 3, m * 7 + 7), packed[record++]);
        assert.ok(kl[m]! > 0);
      } else assert.equal(kl[m], 0);
      m++;
    });
  });
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  for (const values of [kl, ...weight]) {
    assert.ok(Math.abs(sum(values) - 1) < 1e-5, `weights sum to ${sum(values)}`);
    assert.ok(
      values.slice(m).every((x) => x === 0),
      "dummies have weight 0",
    );
  }
  const rowWeight = numbers("early_row_weight");
  rows.forEach((row, r) => {
    assert.equal(rowWeight[r]! > 0, row.shouldCall && row.voice === "teacher");
  });
  assert.ok(rowWeight.slice(rows.length).every((x) => x === 0));
});
