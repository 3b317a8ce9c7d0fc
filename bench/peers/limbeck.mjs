// node limbeck.mjs PACKAGE ARTEFACT PROMPT_TOKENS NEW_TOKENS THREADS: our own runtime, as `openEngine` gives it.
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { serve } from "./protocol.mjs";

const [root, artefact, promptTokens, newTokens, threads] = process.argv.slice(2);
const { openEngine } = await import(pathToFileURL(path.join(root, "dist", "runtime", "index.js")).href);
const engine = await openEngine(artefact, { threads: Number(threads) });
// One token each with the shipped tokenizer.
const prompt = " the".repeat(Number(promptTokens));

async function generate() {
  const options = { temperature: 0, maxTokens: Number(newTokens), speculation: "off" };
  const { promptTokens: read, tokens } = await engine.complete(prompt, options);
  if (read !== Number(promptTokens) || tokens.length !== Number(newTokens))
    throw new Error(`expected ${promptTokens} and ${newTokens} tokens, got ${read} and ${tokens.length}`);
  return tokens.map(({ timeMs }) => timeMs);
}

await serve({ version: "this tree", format: engine.info.format }, generate, () => engine.close());
