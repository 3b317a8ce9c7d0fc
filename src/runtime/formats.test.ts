import assert from "node:assert/strict";
import { test } from "node:test";
import { weightFormats } from "../model/weight-formats.ts";
import { openEngine } from "./engine.ts";
import { exportTinyArtefact } from "./tiny-model.test.support.ts";

const prompt = "set an alarm for seven and tell me what the weather will be like in the morning, please";

for (const format of weightFormats) {
  test(`${format}: an engine opens it, and a prompt read in pieces is continued as when it is read at once`, async () => {
    const { dir, remove } = await exportTinyArtefact(format);
    const continued: number[][] = [];
    try {
      // Pieces of 1 and 7 tokens take other kernels than one of 512: what was rounded must not depend on its company.
      for (const prefillChunk of [512, 7, 1]) {
        const engine = await openEngine(dir, { worker: false, threads: 1, prefillChunk });
        assert.equal(engine.info.format, format);
        const { tokens, promptTokens } = await engine.complete(prompt, { temperature: 0, maxTokens: 24 });
        assert.ok(promptTokens > 14, "more than two pieces");
        continued.push(tokens.map(({ id }) => id));
        await engine.close();
      }
    } finally {
      remove();
    }
    assert.ok(continued[0]!.length > 1);
    assert.deepEqual(continued[1], continued[0], "pieces of 7");
    assert.deepEqual(continued[2], continued[0], "pieces of 1");
  });
}
