import type { Backend } from "../backend/session.ts";
import { type Example, isControl, shouldUseTool } from "../data/types.ts";
import type { ModelConfig } from "../model/config.ts";
import type { Arena } from "./arena.ts";
import { countRows, emptyTotals, type SpecialIds } from "./batch.ts";
import type { LiveDecoder } from "./decoder.ts";
import { shapeSettings } from "./epoch-cursor.ts";
import type { Recipe } from "./recipe.ts";
import type { Encode } from "./row-source.ts";
import { makeRow, type TrainingRow } from "./rows.ts";
import { createRunnerPool } from "./runner-pool.ts";
import { planEpoch, planShapes } from "./shapes.ts";

/** What a written answer is worth; token ids of the first assistant turn. */
export interface Judge {
  judge(
    example: Example,
    tokens: readonly number[],
  ): {
    /** Every required field of every expected call is there, values equal under normalisation. */
    readonly isCovered: boolean;
    /** Exactly the expected calls, values equal under normalisation. */
    readonly isExact: boolean;
    readonly hasCall: boolean;
  };
}

export interface ValidationReport {
  /** Mean over completion tokens, in nats. */
  readonly loss: number;
  readonly examples: number;
  /** Proxies from greedy answers with float32 weights; null where none were asked for. */
  readonly proxies: {
    /** These are no measurements of the exported artefact. */
    readonly export: false;
    readonly exact: number;
    readonly tool_examples: number;
    readonly false_calls: number;
    readonly controls: number;
    readonly median_tokens_out: number;
  } | null;
}

export interface Validator {
  readonly rows: readonly TrainingRow[];
  measure(decoder: LiveDecoder | null): Promise<ValidationReport>;
  quantise(): void;
  close(): void;
}

const plainWeights = {
  toolNameWeight: 1,
  argumentWeight: 1,
  controlWeight: 1,
  earlyTokens: 0,
  hasDirectKl: false,
};

/** The prompt of a row: everything before its first completion token. */
export function promptOf(row: TrainingRow): Int32Array {
  return row.ids.subarray(0, row.positions[0]! + 1);
}

/** Cross entropy over the completions of `examples`, and greedy answers to the first of them. */
export function createValidator(
  backend: Backend,
  config: ModelConfig,
  recipe: Recipe,
  examples: readonly Example[],
  encode: Encode,
  specials: SpecialIds,
  judge: Judge | null,
  weights: Arena,
): Validator {
  const used = examples.slice(0, recipe.validation.examples);
  const rows = used.map((example) => {
    const isDirect =
      recipe.data.voice === "direct" || (recipe.data.voice === "mixed" && shouldUseTool(example));
    const voice = isDirect ? "direct" : "teacher";
    const info = { exampleId: example.id, voice, shouldCall: shouldUseTool(example) } as const;
    return makeRow(encode(example, voice, null), info, plainWeights);
  });
  const sizes = rows.map((row) => ({ tokens: row.ids.length, completions: row.positions.length }));
  const settings = { ...shapeSettings(recipe), mix: null };
  const shapes = planShapes(sizes, settings);
  const plan = planEpoch(sizes, shapes, settings, 0, 0);
  const pool = createRunnerPool(
    backend,
    config,
    recipe,
    { shapes, parts: ["ce"], specials, hasGradients: false },
    weights,
    weights,
  );
  const partWeights = { ce: 1, kl: 0, tail: 0, early_ce: 0, early_prior: 0, length: 0 };
  const crossEntropy = async (): Promise<number> => {
    const totals = emptyTotals();
    const batches = plan.batches.map((b) => ({ shape: b.shape, rows: b.rows.map((r) => rows[r]!) }));
    for (const batch of batches) countRows(totals, batch.rows, { priorOn: "all" }, null);
    let loss = 0;
    for (const batch of batches) {
      const runner = await pool.get(batch.shape);
      loss += (await runner.run(batch.rows, totals, partWeights, null)).total;
    }
    return loss;
  };
  const answers = async (decoder: LiveDecoder, by: Judge): Promise<ValidationReport["proxies"]> => {
    const asked = used.slice(0, recipe.validation.rollouts);
    let exact = 0;
    let falseCalls = 0;
    const lengths: number[] = [];
    for (const [i, example] of asked.entries()) {
      const tokens = await decoder.generate(promptOf(rows[i]!), specials.end, recipe.validation.max_tokens);
      const verdict = by.judge(example, tokens);
      lengths.push(tokens.length);
      if (isControl(example)) falseCalls += verdict.hasCall ? 1 : 0;
      else exact += verdict.isExact ? 1 : 0;
    }
    lengths.sort((a, b) => a - b);
    return {
      export: false,
      exact,
      tool_examples: asked.filter((e) => !isControl(e)).length,
      false_calls: falseCalls,
      controls: asked.filter(isControl).length,
      median_tokens_out: lengths[lengths.length >> 1] ?? 0,
    };
  };
  return {
    rows,
    async measure(decoder) {
      return {
        loss: await crossEntropy(),
        examples: rows.length,
        proxies: decoder && judge && recipe.validation.rollouts > 0 ? await answers(decoder, judge) : null,
      };
    },
    quantise: pool.quantise,
    close: pool.close,
  };
}
