import * as path from "node:path";
import { LimbeckError } from "#limbeck/base/errors.js";
import { createRandom } from "#limbeck/base/random.js";
import { median } from "#limbeck/measure/statistics.js";
import { exportArtefact } from "#limbeck/model/artefact.js";
import { openEngine } from "#limbeck/runtime/engine.js";
import type { Engine, OpenOptions } from "#limbeck/runtime/engine-contract.js";
import type { ChatResult } from "#limbeck/runtime/types.js";
import type { ChatMessage } from "#limbeck/tools/types.js";
import { type Benchmark, lookAround, lookBack, note, pause, peakRssMb, table } from "./benchmark.ts";
import { withTemporaryFolder } from "./repository.ts";
import { ratioOf, runRounds } from "./rounds.ts";
import { halfBillion, writeSyntheticCheckpoint } from "./synthetic-checkpoint.ts";

/** 110 million parameters: large enough that reading a token costs what it costs in use. */
const shape = {
  ...halfBillion,
  vocabSize: 32_000,
  hiddenSize: 768,
  intermediateSize: 2048,
  layers: 12,
  heads: 12,
  kvHeads: 4,
};
const format = "int4";
const prefixTokens = 1024;
/** What a template may write after the last message, which a question's prompt does not begin with. */
const templateTail = 8;
const ramBytes = 2 ** 29;
/** Runs that are as large as other runtimes make them, for comparison. */
const largeChunk = 512;
/** Tokens of answers that are compared; the first of them is timed. */
const answerTokens = 4;
/** Of the hit rate: system prompts that come again and again in a random order, each a miss once. */
const systemPrompts = 6;
const words = "keep the kitchen clean and warm while every pot has its own lid on some shelf".split(" ");

function textOf(tokensAbout: number, seed: number): string {
  const random = createRandom(seed);
  return Array.from({ length: tokensAbout }, () => random.pick(words)).join(" ");
}

/** A system prompt and what a user asks; other `seed`s share no block. */
interface Prompt {
  readonly seed: number;
  readonly system: string;
  readonly question: string;
}

const messagesOf = ({ seed, system, question }: Prompt): ChatMessage[] => [
  { role: "system", content: `${seed}. ${system}` },
  { role: "user", content: question },
];

/** About the shortest text with which prompts begin with `prefixTokens` tokens that do not depend on the question. */
async function findSystem(engine: Engine, seed: number): Promise<string> {
  const all = textOf(2 * prefixTokens, seed).split(" ");
  const tokensOf = (count: number): Promise<number> =>
    engine.countTokens([{ role: "system", content: `${seed}. ${all.slice(0, count).join(" ")}` }], []);
  let [low, high] = [1, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((await tokensOf(middle)) - templateTail >= prefixTokens) high = middle;
    else low = middle + 1;
  }
  return all.slice(0, low).join(" ");
}

const ask = (engine: Engine, prompt: Prompt): Promise<ChatResult> =>
  engine.chat(messagesOf(prompt), [], { temperature: 0, maxTokens: answerTokens });

/** The TTFT of a prompt of which exactly the prefix was kept. Error: `internal` where it was not. */
async function askKept(engine: Engine, prompt: Prompt): Promise<ChatResult> {
  const result = await ask(engine, prompt);
  if (result.cachedTokens === prefixTokens) return result;
  throw new LimbeckError(
    "internal",
    `prompt-cache: expected ${prefixTokens} kept tokens, got ${result.cachedTokens} of ${result.promptTokens}; ` +
      JSON.stringify(await engine.promptCacheStats()),
  );
}

/** Blocks are written behind the answer, on a busy disk seconds later. Error: `internal` where they do not come. */
async function waitForDisk(engine: Engine, blocks: number): Promise<void> {
  const bytes = (prefixTokens * engine.info.kvBytes) / engine.info.contextLength;
  for (let waits = 0; waits < 600; waits++) {
    if (((await engine.promptCacheStats())?.disk?.bytes ?? 0) >= bytes) return;
    await pause(100);
  }
  throw new LimbeckError(
    "internal",
    `prompt-cache: expected ${blocks} blocks on the disk within a minute; ${JSON.stringify(await engine.promptCacheStats())}`,
  );
}

/** Repeated system prompts of many lengths with new questions; returns hits per prompt after `requests`. */
async function measureHitRate(engine: Engine, requests: number): Promise<number> {
  const random = createRandom(9);
  const systems = Array.from({ length: systemPrompts }, (_, i) => textOf(200 + 60 * i, 1000 + i));
  const before = (await engine.promptCacheStats())!;
  for (let request = 0; request < requests; request++) {
    const which = random.integer(systemPrompts);
    const question = textOf(3 + random.integer(12), 5000 + request);
    await ask(engine, { seed: 100 + which, system: systems[which]!, question });
  }
  const after = (await engine.promptCacheStats())!;
  return (after.hits - before.hits) / (after.prompts - before.prompts);
}

async function run(options: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> {
  const { rounds = 1, requests = 1, question: questionWords = 1 } = options;
  const surroundings = await lookAround();
  return withTemporaryFolder(async (folder) => {
    const checkpoint = path.join(folder, "checkpoint");
    const artefact = path.join(folder, "artefact");
    writeSyntheticCheckpoint(checkpoint, shape);
    const { parameters } = await exportArtefact(checkpoint, artefact, { format });
    const open: Engine[] = [];
    const openWith = async (engineOptions: OpenOptions): Promise<Engine> => {
      const engine = await openEngine(artefact, engineOptions);
      open.push(engine);
      return engine;
    };
    try {
      const plain = await openWith({});
      const ram = await openWith({ promptCache: { ramBytes } });
      const { blockTokens } = (await ram.promptCacheStats())!;
      const large = await openWith({ prefillChunk: largeChunk });
      const diskDir = path.join(folder, "kept");
      const disk = await openWith({ promptCache: { ramBytes: 0, diskDir, diskBytes: 2 ** 30 } });
      const system = await findSystem(plain, 1);
      const kept = (round: number): Prompt => ({ seed: 1, system, question: textOf(questionWords, round) });
      const other: Prompt = { seed: 2, system: textOf(blockTokens, 2), question: "and now" };
      for (const engine of open) await ask(engine, kept(0));
      await waitForDisk(disk, prefixTokens / blockTokens);

      const prompts: Record<"plain" | "large" | "live" | "ram" | "disk", ChatResult[]> = {
        plain: [],
        large: [],
        live: [],
        ram: [],
        disk: [],
      };
      const timed =
        (name: keyof typeof prompts, answer: (prompt: Prompt) => Promise<ChatResult>) => async () => {
          const result = await answer(kept(1 + prompts[name].length));
          prompts[name].push(result);
          return result.timing.ttftMs;
        };
      /** Another prompt takes the engine's own memory, so that the next one is brought back from a tier. */
      const afterOther = (engine: Engine) => async (prompt: Prompt) => {
        await ask(engine, other);
        await pause(50);
        return askKept(engine, prompt);
      };
      const times = await runRounds(
        {
          plain: timed("plain", (prompt) => ask(plain, prompt)),
          large: timed("large", (prompt) => ask(large, prompt)),
          live: timed("live", async (prompt) => {
            await askKept(ram, kept(0));
            return askKept(ram, prompt);
          }),
          ram: timed("ram", afterOther(ram)),
          disk: timed("disk", afterOther(disk)),
        },
        { rounds, pauseMs: 100 },
      );
      const textsOf = (name: keyof typeof prompts): string =>
        JSON.stringify(prompts[name].map(({ tokens }) => tokens.map(({ id }) => id)));
      for (const name of ["live", "ram", "disk"] as const) {
        if (textsOf(name) === textsOf("plain")) continue;
        throw new LimbeckError("internal", `prompt-cache: answers of ${name} are not those without a cache`);
      }
      const hitRate = await measureHitRate(ram, requests);
      const promptTokens = median(prompts.ram.map((result) => result.promptTokens));
      const sources = (["ram", "live", "disk"] as const).map((from) => ({
        from,
        ttft_ms: median(times[from]),
        ratio: ratioOf(times.plain, times[from]),
      }));
      note(
        table([
          ["", "TTFT ms", "of uncached"],
          [`uncached, runs of ${blockTokens}`, median(times.plain).toFixed(1), "1.000"],
          [
            `uncached, runs of ${largeChunk}`,
            median(times.large).toFixed(1),
            (median(times.large) / median(times.plain)).toFixed(3),
          ],
          ...sources.map(({ from, ttft_ms, ratio }) => [
            `${prefixTokens} tokens kept, from ${from}`,
            ttft_ms.toFixed(1),
            ratio.ratio.toFixed(4),
          ]),
        ]),
      );
      note(`hit rate over ${requests} requests with ${systemPrompts} system prompts: ${hitRate}`);
      return {
        ttft_ratio: sources[0]!.ratio.ratio,
        hit_rate: hitRate,
        ttft_ratio_interval: sources[0]!.ratio.interval,
        uncached_ttft_ms: median(times.plain),
        uncached_in_large_runs_ttft_ms: median(times.large),
        cached: sources,
        parameters,
        format,
        block_tokens: blockTokens,
        prefix_tokens: prefixTokens,
        prompt_tokens: promptTokens,
        new_tokens: promptTokens - prefixTokens,
        kept_bytes_per_token: ram.info.kvBytes / ram.info.contextLength,
        rounds,
        requests,
        samples: times,
        peak_rss_mb: peakRssMb(),
        stats: { ram: await ram.promptCacheStats(), disk: await disk.promptCacheStats() },
        ...(await lookBack(surroundings)),
      };
    } finally {
      for (const engine of open) await engine.close();
    }
  });
}

/** TTFT of a prompt whose first 1,024 tokens are kept against one that is read whole; hits of repeated system prompts. */
export const promptCacheBenchmark: Benchmark = {
  summary: "TTFT with 1,024 tokens kept, from memory and disk, against reading them; hit rate",
  options: {
    rounds: { value: 15, help: "prompts, each asked of every engine in turn" },
    requests: { value: 200, help: "requests of the hit rate" },
    question: { value: 12, help: "words of a question" },
  },
  run,
};
