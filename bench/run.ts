// npm run bench -- NAME [options]: runs one benchmark; its last line on standard output is one JSON document.
import { closest } from "fastest-levenshtein";
import { LimbeckError } from "#limbeck/base/errors.js";
import { stringifyJson } from "#limbeck/base/json.js";
import { asLimbeckError, renderError } from "#limbeck/cli/fail.js";
import { batchBenchmark } from "./batch.ts";
import { type Benchmark, note, parseOptions } from "./benchmark.ts";
import { chatPromptBenchmark } from "./chat-prompt.ts";
import { decodeBenchmark } from "./decode.ts";
import { exportBenchmark } from "./export.ts";
import { firstAnswerBenchmark } from "./first-answer.ts";
import { grammarBenchmark } from "./grammar.ts";
import { peersBenchmark } from "./peers.ts";
import { promptCacheBenchmark } from "./prompt-cache.ts";
import { scoreBenchmark } from "./score.ts";
import { serveBenchmark } from "./serve.ts";
import { speculationBenchmark } from "./speculation.ts";
import { speechBenchmark } from "./speech.ts";
import { speechTextBenchmark } from "./speech-text.ts";
import { speechTranslateBenchmark } from "./speech-translate.ts";
import { trainStepBenchmark } from "./train-step.ts";

const benchmarks: Readonly<Record<string, Benchmark>> = {
  batch: batchBenchmark,
  "train-step": trainStepBenchmark,
  "chat-prompt": chatPromptBenchmark,
  decode: decodeBenchmark,
  export: exportBenchmark,
  "first-answer": firstAnswerBenchmark,
  peers: peersBenchmark,
  "prompt-cache": promptCacheBenchmark,
  grammar: grammarBenchmark,
  score: scoreBenchmark,
  serve: serveBenchmark,
  speech: speechBenchmark,
  speculation: speculationBenchmark,
  "speech-text": speechTextBenchmark,
  "speech-translate": speechTranslateBenchmark,
};

function listBenchmarks(): string {
  const lines = Object.entries(benchmarks).flatMap(([name, { summary, options }]) => [
    `  ${name.padEnd(14)}${summary}`,
    ...Object.entries(options).map(
      ([option, { value, help }]) => `    --${option.padEnd(12)}${help} (${value})`,
    ),
  ]);
  return ["usage: npm run bench -- NAME [options]", ...lines].join("\n");
}

function findBenchmark(name: string): Benchmark {
  const found = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
  if (found) return found;
  const nearest = closest(name, Object.keys(benchmarks));
  throw new LimbeckError("usage", `bench: unknown benchmark ${name}, nearest is ${nearest}`, {
    cure: listBenchmarks(),
    fields: { name, nearest },
  });
}

async function main([name, ...words]: readonly string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "--list") {
    process.stdout.write(`${listBenchmarks()}\n`);
    return name === undefined ? 2 : 0;
  }
  try {
    const benchmark = findBenchmark(name);
    const document = await benchmark.run(parseOptions(name, benchmark, words));
    process.stdout.write(`${stringifyJson({ bench: name, ...document })}\n`);
    return 0;
  } catch (thrown) {
    const error = asLimbeckError(thrown);
    note(renderError(error, process.env["DEBUG"] === "1").trimEnd());
    return error.exitStatus;
  }
}

// Set, not forced by exit(): the document may be larger than a pipe takes at once.
process.exitCode = await main(process.argv.slice(2));
