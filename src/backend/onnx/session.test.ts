import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { LimbeckError } from "../../base/errors.ts";
import { writeFileAtomic } from "../../base/files.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import type { Graph } from "../../graph/graph.ts";
import { lowerToOnnx } from "../../lower/onnx/lower.ts";
import { float32, type Tensor, tensor, zeros } from "../../tensor/tensor.ts";
import { onnxCpuBackend, openOnnx } from "./backend.ts";
import type { OnnxSession } from "./session.ts";
import type { OnnxSessionOptions } from "./session-options.ts";

async function compile(t: TestContext, graph: Graph, options?: OnnxSessionOptions): Promise<OnnxSession> {
  const session = await onnxCpuBackend.compile(graph, { threads: 2, ...options });
  t.after(() => session.close());
  return session;
}

function folder(t: TestContext): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-onnx-"));
  t.after(() => fs.rmSync(made, { recursive: true }));
  return made;
}

/** x [n, n], multiplied by itself `depth` times over, kept small. */
function slowGraph(n: number, depth: number): Graph {
  const b = new GraphBuilder("slow");
  const x = b.input("x", "float32", [n, n]);
  let y = x;
  for (let i = 0; i < depth; i++) y = b.matmul(y, x, { alpha: 1 / n });
  b.output("y", y);
  return b.build();
}

function doubling(shape: readonly number[]): Graph {
  const b = new GraphBuilder("doubling");
  b.output("x", b.mul(b.input("x", "float32", shape), 2));
  return b.build();
}

describe("runs", () => {
  it("leave the event loop free", async (t) => {
    const session = await compile(t, slowGraph(512, 24));
    let ticks = 0;
    let isRunning = true;
    const count = (): void => {
      ticks += 1;
      if (isRunning) setImmediate(count);
    };
    setImmediate(count);
    await session.run({ x: zeros("float32", [512, 512]) });
    isRunning = false;
    assert.ok(ticks >= 3, `expected the event loop to turn while the model ran, got ${ticks} turns`);
  });

  it("of one session wait for each other", async (t) => {
    const session = await compile(t, slowGraph(128, 8));
    const one = zeros("float32", [128, 128]);
    (one.data as Float32Array).fill(1);
    const results = await Promise.all(
      [one, zeros("float32", [128, 128]), one].map((x) => session.run({ x })),
    );
    assert.deepEqual(
      results.map(({ y }) => Math.round(Number(y!.data[5]) * 1e4) / 1e4),
      [1, 0, 1],
    );
  });

  it("of bindings refuse to overlap", async (t) => {
    const session = await compile(t, slowGraph(128, 8));
    const binding = session.bind({ x: zeros("float32", [128, 128]) }, { y: zeros("float32", [128, 128]) });
    const first = binding.run();
    await assert.rejects(() => binding.run(), {
      code: "backend_failed",
      message: /run before to have ended/,
    });
    assert.throws(() => binding.runSync(), { code: "backend_failed" });
    await first;
    await binding.run();
  });

  it("under way end well when the session is closed; those that wait are refused", async () => {
    const session = await onnxCpuBackend.compile(slowGraph(512, 24));
    const x = zeros("float32", [512, 512]);
    const first = session.run({ x });
    const second = session.run({ x });
    await new Promise((resolve) => setImmediate(resolve));
    session.close();
    await assert.rejects(() => second, { code: "backend_failed", message: /closed/ });
    assert.equal((await first)["y"]!.data.length, 512 * 512);
  });

  it("still work after the garbage was collected", async (t) => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const session = await compile(t, doubling([4, 32]));
    const x = zeros("float32", [4, 32]);
    (x.data as Float32Array).fill(1);
    const binding = session.bind({ x }, { x });
    for (let i = 0; i < 5; i++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
      await binding.run();
    }
    assert.equal(x.data[127], 32);
  });
});

describe("memory", () => {
  it("of small arrays is copied in and out, in place too", async (t) => {
    const session = await compile(t, doubling([3]));
    const x = float32([3], [1, 2, 3]);
    const binding = session.bind({ x }, { x });
    await binding.run();
    binding.runSync();
    assert.deepEqual([...x.data], [4, 8, 12]);
  });

  it("of outputs must not overlap with anything but one whole input", async (t) => {
    const b = new GraphBuilder("two");
    const x = b.input("x", "float32", [128]);
    b.output("a", b.exp(x));
    b.output("b", b.neg(x));
    const session = await compile(t, b.build());
    const arena = new Float32Array(1024);
    const at = (start: number): Tensor => tensor("float32", [128], arena.subarray(start, start + 128));
    const refuse = (x0: number, a0: number, b0: number, message: RegExp): void =>
      assert.throws(() => session.bind({ x: at(x0) }, { a: at(a0), b: at(b0) }), {
        code: "invalid_tensor",
        message,
      });
    session.bind({ x: at(0) }, { a: at(128), b: at(256) }).close();
    refuse(0, 512, 512, /overlap with output/);
    refuse(0, 512, 600, /overlap with output/);
    refuse(0, 64, 512, /overlap with input "x"/);
  });

  it("is not updated in place where the graph still reads the old value", async (t) => {
    const b = new GraphBuilder("unsafe");
    const w = b.input("w", "float32", [64, 64]);
    b.output("next", b.mul(w, 2));
    b.output("product", b.matmul(w, w));
    const session = await compile(t, b.build());
    const memory = zeros("float32", [64, 64]);
    const product = zeros("float32", [64, 64]);
    assert.throws(() => session.bind({ w: memory }, { next: memory, product }), {
      code: "invalid_graph",
      message: /matmul/,
    });
    session.bind({ w: memory }, { next: zeros("float32", [64, 64]), product }).close();
  });

  it("that was transferred away is not touched", async (t) => {
    const session = await compile(t, doubling([128]));
    const x = zeros("float32", [128]);
    const binding = session.bind({ x }, { x: zeros("float32", [128]) });
    structuredClone(null, { transfer: [x.data.buffer as ArrayBuffer] });
    await assert.rejects(() => binding.run(), { code: "invalid_tensor", message: /transferred/ });
  });

  it("is given back: sessions, bindings and runs leave nothing behind", async () => {
    const graph = slowGraph(64, 4);
    const cycle = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const session = await onnxCpuBackend.compile(graph, { threads: 2 });
        const x = zeros("float32", [64, 64]);
        await session.run({ x });
        const binding = session.bind({ x }, { y: zeros("float32", [64, 64]) });
        binding.runSync();
        session.close();
      }
    };
    await cycle(50);
    const before = process.memoryUsage().rss;
    await cycle(200);
    const grownMegabytes = (process.memoryUsage().rss - before) / 2 ** 20;
    // A session that is not freed keeps about 0.5 MB.
    assert.ok(grownMegabytes < 40, `200 sessions left ${grownMegabytes.toFixed(1)} MB behind`);
  });
});

describe("models in files", () => {
  const graph = (): Graph => {
    const b = new GraphBuilder("linear");
    b.output("y", b.matmul(b.input("x", "float32", ["T", 64]), b.parameter("w", [64, 32])));
    return b.build();
  };
  const w = zeros("float32", [64, 32]);
  (w.data as Float32Array).fill(0.5);
  const x = float32([2, 64], new Array(128).fill(1));

  it("open from bytes, and from a file with its external data", async (t) => {
    const whole = await openOnnx(lowerToOnnx(graph(), { parameters: { w } }).bytes);
    t.after(() => whole.close());
    assert.equal((await whole.run({ x }))["y"]!.data[63], 32);

    const dir = folder(t);
    const model = lowerToOnnx(graph(), { parameters: { w }, externalData: { file: "weights.bin" } });
    assert.ok(model.external);
    writeFileAtomic(path.join(dir, model.external.file), model.external.parts);
    writeFileAtomic(path.join(dir, "model.onnx"), model.bytes);
    const session = await openOnnx(path.join(dir, "model.onnx"), { threads: 1 });
    t.after(() => session.close());
    assert.deepEqual(session.inputs, [{ name: "x", dtype: "float32", shape: ["T", 64] }]);
    assert.equal((await session.run({ x }))["y"]!.data[63], 32);
    fs.rmSync(path.join(dir, "weights.bin"));
    await assert.rejects(() => openOnnx(path.join(dir, "model.onnx")), {
      code: "invalid_artefact",
      message: /weights\.bin/,
    });
  });

  it("that are missing or broken are refused", async (t) => {
    const file = path.join(folder(t), "model.onnx");
    await assert.rejects(() => openOnnx(file), { code: "file_not_found" });
    fs.writeFileSync(file, "not a model");
    await assert.rejects(
      () => openOnnx(file),
      (error: LimbeckError) => error.code === "invalid_artefact" && error.fields["path"] === file,
    );
    const { bytes } = lowerToOnnx(graph(), { parameters: { w } });
    await assert.rejects(() => openOnnx(bytes.subarray(0, bytes.length >> 1)), { code: "invalid_artefact" });
  });

  it("give outputs whose sizes only the run tells", async (t) => {
    const b = new GraphBuilder("rows");
    const input = b.input("x", "float32", ["T", 64]);
    b.output("y", b.mul(input, 3));
    const { bytes } = lowerToOnnx(b.build());
    // The file says "T" for the output: give it a name that no input has.
    const at = Buffer.from(bytes).lastIndexOf("T");
    const renamed = Uint8Array.from(bytes);
    renamed[at] = "U".charCodeAt(0);
    const session = await openOnnx(renamed);
    t.after(() => session.close());
    assert.deepEqual(session.outputs[0]!.shape, ["U", 64]);
    const { y } = await session.run({ x });
    assert.deepEqual(y!.shape, [2, 64]);
    assert.ok((y!.data as Float32Array).every((value) => value === 3));
  });
});

describe("ONNX Runtime's errors", () => {
  it("of a missing kernel name it", async () => {
    const b = new GraphBuilder("brain");
    b.output("y", b.tanh(b.cast(b.input("x", "float32", [4]), "bfloat16")));
    await assert.rejects(() => onnxCpuBackend.compile(b.build()), {
      code: "unsupported_op",
      message: /Tanh/,
    });
  });

  it("of a run come back as ours, and the session still works", async (t) => {
    const b = new GraphBuilder("gather");
    b.output("y", b.gather(b.input("table", "float32", [4, 2]), b.input("ids", "int64", [1])));
    const session = await compile(t, b.build());
    const table = float32([4, 2], [0, 1, 2, 3, 4, 5, 6, 7]);
    const ids = (id: bigint): Tensor => tensor("int64", [1], BigInt64Array.of(id));
    await assert.rejects(() => session.run({ table, ids: ids(9n) }), {
      code: "backend_failed",
      message: /graph "gather".*out of data bounds/s,
    });
    assert.deepEqual([...(await session.run({ table, ids: ids(3n) }))["y"]!.data], [6, 7]);
  });

  it("of options", async () => {
    await assert.rejects(() => onnxCpuBackend.compile(doubling([2]), { threads: 0 }), {
      code: "invalid_request",
    });
  });
});

it("a profile tells the time of every node by its place in the model", async (t) => {
  const b = new GraphBuilder("profiled");
  const x = b.input("x", "float32", [8, 8]);
  b.scope("layers.0", () => b.output("y", b.matmul(x, x)));
  const session = await compile(t, b.build(), { profilePrefix: path.join(folder(t), "profile") });
  await session.run({ x: zeros("float32", [8, 8]) });
  const events = JSON.parse(fs.readFileSync(session.endProfiling(), "utf8")) as {
    name: string;
    dur: number;
  }[];
  assert.ok(events.some(({ name }) => name.startsWith("layers.0/matmul")));
});
