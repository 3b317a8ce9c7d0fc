import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { generateToolbox } from "../data/toolbox/generate.ts";
import { packagePath } from "../flow/package-files.ts";
import { exportArtefact } from "../model/artefact.ts";
import { openEngine } from "../runtime/engine.ts";
import type { Engine } from "../runtime/engine-contract.ts";
import { type ScoreOptions, scoreDataset } from "./score.ts";
import type { ScoreReport } from "./score-report.ts";

const dataset = generateToolbox({ split: "test", seed: 21, examples: 40 });
let folder: string;
let engine: Engine;

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-batch-score-"));
  await exportArtefact(packagePath("assets", "teacher"), path.join(folder, "artefact"), { format: "fp32" });
  engine = await openEngine(path.join(folder, "artefact"));
});

after(async () => {
  await engine.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

const score = (asked: number, options: ScoreOptions = {}): Promise<ScoreReport> =>
  scoreDataset(engine, dataset, {
    generate: { maxTokens: 96 },
    batch: { asked, candidates: [], open: (rows) => engine.openBatch(rows) },
    ...options,
  });

function withoutBatch({ batch: _, ...report }: ScoreReport): string {
  return JSON.stringify(report);
}

test("a score in rows is the score of one after the other, byte for byte, also after a cancellation", async () => {
  const alone = await score(1);
  assert.ok(alone.calls_made > 20, "expected a teacher that calls tools");
  const together = await score(4);
  assert.equal(together.batch?.batch, 4);
  const [ones = 0, ...more] = together.batch.runs_by_rows!;
  assert.ok(more.reduce((sum, runs) => sum + runs, 0) > ones, "expected rows to run together");
  assert.equal(withoutBatch(together), withoutBatch(alone));

  const transcriptPath = path.join(folder, "transcripts.jsonl");
  const controller = new AbortController();
  const interrupted = score(3, {
    transcriptPath,
    signal: controller.signal,
    onProgress: ({ done }) => done === 15 && controller.abort(),
  });
  await assert.rejects(interrupted, { code: "cancelled" });
  const kept = fs.readFileSync(transcriptPath, "utf8").trimEnd().split("\n").length - 1;
  assert.ok(kept >= 15 && kept < dataset.examples.length, `${kept} transcripts were kept`);
  const resumed: number[] = [];
  const rest = await score(2, {
    transcriptPath,
    resume: true,
    onProgress: (progress) => resumed.push(progress.resumed),
  });
  assert.equal(resumed[0], kept);
  assert.equal(withoutBatch(rest), withoutBatch(alone));
});
