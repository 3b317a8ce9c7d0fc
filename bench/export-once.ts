// node export-once.js CHECKPOINT OUT FORMAT: exports, and prints one JSON document about the process that did it.
import { performance } from "node:perf_hooks";
import { stringifyJson } from "#limbeck/base/json.js";
import { exportArtefact } from "#limbeck/model/artefact.js";
import { type WeightFormat, weightFormats } from "#limbeck/model/weight-formats.js";
import { peakRssMb } from "./benchmark.ts";

const [checkpoint = "", out = "", name] = process.argv.slice(2);
const format = weightFormats.find((known): known is WeightFormat => known === name);
if (format === undefined) throw new Error(`expected one of ${weightFormats.join(", ")}, got ${name}`);
const start = performance.now();
const { bytes, parity } = await exportArtefact(checkpoint, out, { format });
process.stdout.write(
  `${stringifyJson({
    format,
    seconds: (performance.now() - start) / 1000,
    model_mb: bytes / 1e6,
    peak_rss_mb: peakRssMb(),
    parity,
  })}\n`,
);
