// node transformers-js.mjs FOLDER DTYPE PROMPT_TOKENS NEW_TOKENS THREADS
import * as path from "node:path";
import { AutoModelForCausalLM, BaseStreamer, env, Tensor } from "@huggingface/transformers";
import { serve } from "./protocol.mjs";

const [folder, dtype, promptTokens, newTokens, threads] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = path.dirname(folder);
const model = await AutoModelForCausalLM.from_pretrained(path.basename(folder), {
  dtype,
  device: "cpu",
  use_external_data_format: true,
  session_options: { intraOpNumThreads: Number(threads), interOpNumThreads: 1 },
});
const length = Number(promptTokens);
const int64 = (make) =>
  new Tensor(
    "int64",
    BigInt64Array.from({ length }, (_, i) => make(i)),
    [1, length],
  );
const prompt = int64((i) => BigInt(300 + ((i * 7919) % 4096)));
const mask = int64(() => 1n);

/** Notes when each token comes; the first call brings the prompt. */
class Clock extends BaseStreamer {
  times = [];
  start = performance.now();
  #sawPrompt = false;
  put() {
    if (this.#sawPrompt) this.times.push(performance.now() - this.start);
    this.#sawPrompt = true;
  }
  end() {}
}

async function generate() {
  const streamer = new Clock();
  await model.generate({
    input_ids: prompt,
    attention_mask: mask,
    max_new_tokens: Number(newTokens),
    min_new_tokens: Number(newTokens),
    do_sample: false,
    streamer,
  });
  return streamer.times;
}

await serve({ version: env.version }, generate, () => model.dispose());
