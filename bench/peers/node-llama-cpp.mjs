// node node-llama-cpp.mjs MODEL PROMPT_TOKENS NEW_TOKENS THREADS
import * as fs from "node:fs";
import { getLlama } from "node-llama-cpp";
import { serve } from "./protocol.mjs";

const [modelPath, promptTokens, newTokens, threads] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, logLevel: "error" });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({
  contextSize: 2048,
  batchSize: Number(promptTokens),
  threads: Number(threads),
  flashAttention: true,
});
const sequence = context.getSequence();
const prompt = Array.from({ length: Number(promptTokens) }, (_, i) => 300 + ((i * 7919) % 4096));

async function generate() {
  await sequence.clearHistory();
  const times = [];
  const start = performance.now();
  for await (const _token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    times.push(performance.now() - start);
    if (times.length === Number(newTokens)) break;
  }
  return times;
}

const manifest = new URL("node_modules/node-llama-cpp/package.json", import.meta.url);
const { version } = JSON.parse(fs.readFileSync(manifest, "utf8"));
await serve({ version, threads: context.currentThreads }, generate, () => llama.dispose());
