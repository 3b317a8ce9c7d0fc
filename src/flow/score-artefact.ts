import { sha256 } from "../base/files.ts";
import { canonicalJson } from "../base/json.ts";
import type { Dataset } from "../data/types.ts";
import { openEngine } from "../runtime/engine.ts";
import type { Engine } from "../runtime/engine-contract.ts";
import type { BatchRequest } from "../score/batch-report.ts";
import { type ScoreOptions, scoreDataset } from "../score/score.ts";
import type { ScoreReport } from "../score/score-report.ts";
import { mostTurns } from "../score/tool-loop.ts";
import { identifyMachine } from "./identify-machine.ts";

export interface ScoreArtefactOptions
  extends Pick<ScoreOptions, "transcriptPath" | "resume" | "allow" | "onProgress" | "signal"> {
  /** Most output tokens of one turn (default 96). */
  readonly maxTokens?: number;
  readonly threads?: number;
  /**
   * How many examples run side by side. Default "auto": as many as a measurement says, among those that this machine's
   * profile allows; one after the other where the work is too little to measure. The answers are the same.
   */
  readonly batch?: BatchRequest;
  /** What "auto" may try; default: what the hardware profile says. */
  readonly batchCandidates?: readonly number[];
}

const defaultMaxTokens = 96;

/**
 * What decides how an example is run, apart from the model: two reports with another one are not compared. How many ran
 * side by side is no part of it: rows are used only where their bits are those of one request after the other.
 */
function fingerprintRunner(engine: Engine, maxTokens: number): string {
  const { backend, contextLength } = engine.info;
  return sha256(
    canonicalJson({
      runner: "limbeck",
      backend,
      context_length: contextLength,
      temperature: 0,
      max_tokens: maxTokens,
      most_turns: mostTurns,
    }),
  );
}

/** Scores an open engine, greedily. Errors: those of `scoreDataset`. */
export function scoreEngine(
  engine: Engine,
  dataset: Dataset,
  options: Omit<ScoreArtefactOptions, "threads"> = {},
): Promise<ScoreReport> {
  const { maxTokens = defaultMaxTokens, batch = "auto", batchCandidates, ...rest } = options;
  const { fingerprints } = engine.info;
  return scoreDataset(engine, dataset, {
    ...rest,
    generate: { temperature: 0, maxTokens },
    batch: {
      asked: batch,
      candidates: batchCandidates ?? (batch === "auto" ? identifyMachine().batchCandidates : []),
      open: (rows) => engine.openBatch(rows),
    },
    fingerprints: {
      tokenizer: fingerprints["tokenizer"] ?? null,
      prompt_wrapper: fingerprints["prompt_wrapper"] ?? null,
      model: fingerprints["model"] ?? null,
      runner: fingerprintRunner(engine, maxTokens),
    },
  });
}

/** Opens an artefact in a worker, scores it through the tool loop and closes it. */
export async function scoreArtefact(
  artefactDir: string,
  dataset: Dataset,
  options: ScoreArtefactOptions = {},
): Promise<ScoreReport> {
  const { threads, ...rest } = options;
  const engine = await openEngine(artefactDir, threads === undefined ? {} : { threads });
  try {
    return await scoreEngine(engine, dataset, rest);
  } finally {
    await engine.close();
  }
}
