import assert from "node:assert/strict";
import { test } from "node:test";
import { fingerprintExamples } from "../data/fingerprints.ts";
import { generateToolbox } from "../data/toolbox/generate.ts";
import { takeExamples } from "./take-examples.ts";

const dataset = generateToolbox({ split: "test", seed: 1, examples: 6 });

test("a part of a dataset has fingerprints of its own", () => {
  const part = takeExamples(dataset, 2);
  assert.deepEqual([part.header.examples, part.examples.length], [2, 2]);
  assert.equal(part.header.fingerprints.dataset, fingerprintExamples(part.examples));
  assert.notEqual(part.header.fingerprints.dataset, dataset.header.fingerprints.dataset);
});

test("without a limit, or with a large one, it is the dataset itself", () => {
  assert.equal(takeExamples(dataset, undefined), dataset);
  assert.equal(takeExamples(dataset, 6), dataset);
});
