// node first-answer-once.js ARTEFACT warm|cold: opens an engine and asks it twice; prints one JSON document.
import { performance } from "node:perf_hooks";
import { stringifyJson } from "#limbeck/base/json.js";
import { demoTools } from "#limbeck/flow/answer.js";
import { openEngine } from "#limbeck/runtime/engine.js";

const [artefact = "", mode] = process.argv.slice(2);
const engine = await openEngine(artefact, { warmUp: mode === "warm" });
const openedMs = performance.now();
const ask = (content: string) =>
  engine.chat([{ role: "user", content }], demoTools, { temperature: 0, maxTokens: 32 });
const askedMs = performance.now();
const first = await ask("set a timer for 12 minutes");
const second = await ask("set a timer for 20 minutes");
process.stdout.write(
  `${stringifyJson({
    open_ms: engine.info.openMs,
    // From the start of the process: what moves from the first answer to the opening is still in here.
    process_to_open_ms: openedMs,
    process_to_first_token_ms: askedMs + first.tokens[0]!.timeMs,
    first_ttft_ms: first.timing.ttftMs,
    first_tokenizer_ms: first.timing.tokenizerMs,
    first_step_ms: first.timing.firstStepMs,
    first_total_ms: first.timing.totalMs,
    second_ttft_ms: second.timing.ttftMs,
    second_total_ms: second.timing.totalMs,
    text: first.text,
  })}\n`,
);
await engine.close();
