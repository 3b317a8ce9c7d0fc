import { execFile } from "node:child_process";
import * as path from "node:path";
import { promisify } from "node:util";
import { LimbeckError } from "#limbeck/base/errors.js";
import { parseJson } from "#limbeck/base/json.js";
import { median } from "#limbeck/measure/statistics.js";
import { exportArtefact } from "#limbeck/model/artefact.js";
import { type Benchmark, lookAround, lookBack, note, pause, table } from "./benchmark.ts";
import { repositoryPath, withTemporaryFolder } from "./repository.ts";

const modes = ["warm", "cold"] as const;
type Mode = (typeof modes)[number];

/** What one process says of itself: see first-answer-once.ts. */
interface Outcome {
  readonly text: string;
  readonly [figure: `${string}_ms`]: number;
}

const figures = [
  "open_ms",
  "first_ttft_ms",
  "first_tokenizer_ms",
  "first_step_ms",
  "first_total_ms",
  "second_ttft_ms",
  "second_total_ms",
  "process_to_open_ms",
  "process_to_first_token_ms",
] as const;

const run = promisify(execFile);

async function answerOnce(artefact: string, mode: Mode): Promise<Outcome> {
  const script = path.join(import.meta.dirname, "first-answer-once.js");
  const { stdout } = await run(process.execPath, [script, artefact, mode]);
  return parseJson(stdout, "first-answer-once.js") as unknown as Outcome;
}

/** Opens the shipped teacher in fresh processes, in turn with and without the warm-up, and asks it twice. */
export const firstAnswerBenchmark: Benchmark = {
  summary: "opening an engine, and TTFT of its first and second answer, with and without the warm-up",
  options: { rounds: { value: 15, help: "fresh processes of each kind" } },
  async run(options) {
    const { rounds = 1 } = options;
    const surroundings = await lookAround();
    return withTemporaryFolder(async (folder) => {
      const artefact = path.join(folder, "artefact");
      await exportArtefact(repositoryPath("assets", "teacher"), artefact, { format: "fp32" });
      const outcomes: Record<Mode, Outcome[]> = { warm: [], cold: [] };
      await answerOnce(artefact, "warm"); // files come into the system's cache
      for (let round = 0; round < rounds; round++) {
        for (const mode of round % 2 === 0 ? modes : modes.toReversed()) {
          await pause(100);
          outcomes[mode].push(await answerOnce(artefact, mode));
        }
      }
      const texts = new Set(modes.flatMap((mode) => outcomes[mode].map(({ text }) => text)));
      if (texts.size !== 1)
        throw new LimbeckError(
          "internal",
          `first-answer: expected one answer, got ${[...texts].join(" | ")}`,
        );
      const medians = (mode: Mode) =>
        Object.fromEntries(figures.map((name) => [name, median(outcomes[mode].map((one) => one[name]!))]));
      const [warm, cold] = [medians("warm"), medians("cold")];
      note(
        table([
          [`medians of ${rounds} processes`, "warm-up", "none"],
          ...figures.map((name) => [name, warm[name]!.toFixed(1), cold[name]!.toFixed(1)]),
        ]),
      );
      return { rounds, warm, cold, samples: outcomes, ...(await lookBack(surroundings)) };
    });
  },
};
