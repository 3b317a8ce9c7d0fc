import type { Example } from "../data/types.ts";
import { describeMachine } from "../hardware/machine.ts";
import { sampleConditions } from "../measure/conditions.ts";
import { measureSpeed, type SpeedReport } from "../measure/speed.ts";
import { openEngine } from "../runtime/engine.ts";
import type { Engine } from "../runtime/engine-contract.ts";
import { loadTokenizer } from "../tokenizer/tokenizer.ts";

export interface MeasureArtefactOptions {
  /** Prompt lengths to group by; default: those that the artefact was exported with. */
  readonly shapes?: readonly number[];
  readonly promptsPerShape?: number;
  readonly rounds?: number;
  readonly warmUpsPerShape?: number;
  readonly maxTokens?: number;
  /** Which prompts are chosen (default 0). */
  readonly seed?: number;
  readonly threads?: number;
}

export interface MeasureArtefactHooks {
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Measures an open engine with prompts of `examples`. Errors: those of `measureSpeed`. */
export async function measureEngine(
  engine: Engine,
  examples: readonly Example[],
  options: Omit<MeasureArtefactOptions, "threads"> = {},
  hooks: MeasureArtefactHooks = {},
): Promise<SpeedReport> {
  const { shapes = engine.info.promptShapes, ...rest } = options;
  const tokenizer = loadTokenizer(engine.info.artefactDir);
  return measureSpeed(
    engine,
    examples,
    {
      ...rest,
      shapes,
      promptTokens: ({ messages, tools }) =>
        tokenizer.encodeChat(messages, tools, { addGenerationPrompt: true }).length,
      kvBytes: engine.info.kvBytes,
      callFormat: engine.info.callFormat,
    },
    { ...hooks, sampleConditions: () => sampleConditions(describeMachine()) },
  );
}

/** Opens an artefact in a worker, measures it and closes it. Errors: those of `openEngine` and `measureSpeed`. */
export async function measureArtefact(
  artefactDir: string,
  examples: readonly Example[],
  options: MeasureArtefactOptions = {},
  hooks: MeasureArtefactHooks = {},
): Promise<SpeedReport> {
  const { threads, ...rest } = options;
  const engine = await openEngine(artefactDir, threads === undefined ? {} : { threads });
  try {
    return await measureEngine(engine, examples, rest, hooks);
  } finally {
    await engine.close();
  }
}
