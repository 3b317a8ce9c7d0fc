import * as fs from "node:fs";
import * as path from "node:path";
import { generateToolbox } from "#limbeck/data/toolbox/generate.js";
import { median } from "#limbeck/measure/statistics.js";
import { loadTokenizer } from "#limbeck/tokenizer/tokenizer.js";
import type { ChatMessage } from "#limbeck/tools/types.js";
import { type Benchmark, lookAround, lookBack, note, table } from "./benchmark.ts";
import { repositoryPath } from "./repository.ts";
import { ratioOf, runRounds } from "./rounds.ts";

/** Our own tokenizer and those of published families that scripts/oracle-tokenizers.sh fetched. */
function tokenizerFolders(): readonly (readonly [name: string, dir: string])[] {
  const fetched = repositoryPath(".venv-oracle", "tokenizers");
  const families = fs.existsSync(fetched) ? fs.readdirSync(fetched).sort() : [];
  return [
    ["limbeck", repositoryPath("assets", "tokenizer")] as const,
    ...families
      .filter((family) => family !== "gemma2") // comes without a chat template
      .map((family) => [family, path.join(fetched, family)] as const),
  ];
}

function timed(action: () => void): number {
  const start = performance.now();
  action();
  return performance.now() - start;
}

/** One message after the other, each unlike those before. */
function createTalk(): () => string {
  const sentences = generateToolbox({ split: "test", seed: 5, examples: 400 }).examples.map(
    ({ messages }) => messages.find(({ role }) => role === "user")?.content ?? "",
  );
  let said = 0;
  return () =>
    Array.from({ length: 8 }, () => `${sentences[said % sentences.length]} (${said++}).`).join(" ");
}

async function measureTokenizer(name: string, dir: string, rounds: number, turns: number) {
  const loads = Array.from({ length: 3 }, () => timed(() => loadTokenizer(dir)));
  const tokenizer = loadTokenizer(dir);
  const say = createTalk();
  const messages: ChatMessage[] = [];
  const addTurn = (): void => {
    messages.push({ role: "user", content: say() }, { role: "assistant", content: say() });
  };
  for (let turn = 0; turn < turns; turn++) addTurn();
  const options = { addGenerationPrompt: true };
  let tokens = 0;
  const times = await runRounds(
    {
      whole: async () =>
        timed(() => {
          tokens = tokenizer.encode(tokenizer.chatText(messages, [], options)).length;
        }),
      extended: async () => {
        tokenizer.encodeChat(messages, [], options);
        // The chat keeps its length: what comes at the end goes at the beginning, by whole turns.
        messages.splice(0, 2);
        addTurn();
        return timed(() => tokenizer.encodeChat(messages, [], options));
      },
    },
    { rounds, pauseMs: 1 },
  );
  const { ratio, interval } = ratioOf(times.whole, times.extended);
  return { name, load_ms: median(loads), tokens, ratio, interval, samples: { loads, ...times } };
}

/** Encoding a chat that gained one turn, against encoding the whole of it; and loading each tokenizer. */
export const chatPromptBenchmark: Benchmark = {
  summary: "encoding a chat that grew by a turn, against the whole chat; loading tokenizers",
  options: {
    rounds: { value: 20, help: "times that each way is taken" },
    turns: { value: 20, help: "turns of the chat" },
  },
  run: async ({ rounds = 20, turns = 20 }) => {
    const surroundings = await lookAround();
    const tokenizers = [];
    for (const [name, dir] of tokenizerFolders())
      tokenizers.push(await measureTokenizer(name, dir, rounds, turns));
    note(
      table([
        ["tokenizer", "load ms", "tokens", "whole ms", "grown ms", "ratio"],
        ...tokenizers.map(({ name, load_ms, tokens, ratio, samples }) => [
          name,
          load_ms.toFixed(0),
          String(tokens),
          median(samples.whole).toFixed(2),
          median(samples.extended).toFixed(2),
          ratio.toFixed(3),
        ]),
      ]),
    );
    return { rounds, turns, tokenizers, ...(await lookBack(surroundings)) };
  },
};
