import { LimbeckError } from "../base/errors.ts";
import { createRandom, type Random } from "../base/random.ts";
import { type Example, shouldUseTool } from "../data/types.ts";
import type { Recipe } from "./recipe.ts";
import { type EncodedSequence, makeRow, type RowSettings, type TrainingRow, type Voice } from "./rows.ts";

/** Encodes one example; `random` is given where segmentations are to be sampled. */
export type Encode = (example: Example, voice: Voice, random: Random | null) => EncodedSequence;

/** Examples: the same ones in every epoch, or fresh ones for each. */
export type ExampleSource = readonly Example[] | ((epoch: number, seed: number) => readonly Example[]);

export interface EpochRows {
  readonly rows: readonly TrainingRow[];
  readonly examples: readonly Example[];
}

/** Rows of each epoch, a pure function of epoch and seed. */
export interface RowSource {
  /** Whether every epoch has the same examples. */
  readonly isFixed: boolean;
  epoch(epoch: number): EpochRows;
  /** Every row that any epoch may use; only where the examples are fixed. */
  all(): readonly TrainingRow[];
}

export function rowSettings(recipe: Recipe): RowSettings {
  const { loss, data } = recipe;
  const hasEarly = loss.early_tool_weight.to > 0 || loss.early_tool_weight.from > 0;
  return {
    toolNameWeight: data.tool_name_weight,
    argumentWeight: data.argument_weight,
    controlWeight: data.control_weight,
    earlyTokens: hasEarly ? loss.early_tool_tokens : 0,
    hasDirectKl: loss.kl_rows === "all",
  };
}

/** The voices in which an example may be written. */
function voicesOf(example: Example, recipe: Recipe): readonly Voice[] {
  const { voice } = recipe.data;
  if (voice === "direct") return ["direct"];
  if (voice === "teacher" || !shouldUseTool(example)) return ["teacher"];
  return ["teacher", "direct"];
}

export function createRowSource(
  source: ExampleSource,
  encode: Encode,
  recipe: Recipe,
  seed: number,
): RowSource {
  const settings = rowSettings(recipe);
  const { direct_fraction: directFraction, bpe_dropout: dropout } = recipe.data;
  const perEpoch = recipe.data.examples_per_epoch;
  const cache = new Map<string, TrainingRow>();
  const rowOf = (example: Example, voice: Voice, random: Random | null): TrainingRow => {
    const key = `${voice} ${example.id}`;
    const known = random ? undefined : cache.get(key);
    if (known) return known;
    const row = makeRow(
      encode(example, voice, random),
      { exampleId: example.id, voice, shouldCall: shouldUseTool(example) },
      settings,
    );
    if (!random && typeof source !== "function") cache.set(key, row);
    return row;
  };
  const examplesOf = (epoch: number): readonly Example[] => {
    const examples = typeof source === "function" ? source(epoch, seed) : source;
    if (examples.length === 0) {
      throw new LimbeckError(
        "invalid_dataset",
        `training data of epoch ${epoch}: expected examples, got none`,
        {
          cure: "Give a dataset with at least one example.",
        },
      );
    }
    if (typeof source === "function" || perEpoch === null || perEpoch >= examples.length) return examples;
    return createRandom(seed).fork(`examples ${epoch}`).shuffle(examples).slice(0, perEpoch);
  };
  const voiceAt = (example: Example, epoch: number): Voice => {
    const voices = voicesOf(example, recipe);
    if (voices.length === 1) return voices[0]!;
    const label = recipe.data.redraw_voices ? `voice ${epoch} ${example.id}` : `voice ${example.id}`;
    return createRandom(seed).fork(label).next() < directFraction ? "direct" : "teacher";
  };
  return {
    isFixed: typeof source !== "function",
    epoch(epoch) {
      const examples = examplesOf(epoch);
      const rows = examples.map((example) => {
        const voice = voiceAt(example, epoch);
        const sampled = dropout > 0 ? createRandom(seed).fork(`pieces ${epoch} ${example.id}`) : null;
        return rowOf(example, voice, sampled);
      });
      return { rows, examples };
    },
    all() {
      if (typeof source === "function") return [];
      return source.flatMap((example) =>
        voicesOf(example, recipe).map((voice) => rowOf(example, voice, null)),
      );
    },
  };
}
