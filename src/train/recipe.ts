import { distance } from "fastest-levenshtein";
import { parseDocument } from "yaml";
import { LimbeckError } from "../base/errors.ts";
import { readText } from "../base/files.ts";
import { type RecipeFile, recipeSchema } from "./recipe-schema.ts";
import { parseRamp, type Ramp } from "./schedule.ts";

/** A recipe that training can use: as in its file, ramps parsed, the seeds' blocks folded in. */
export interface Recipe extends Omit<RecipeFile, "train" | "distillation" | "loss"> {
  readonly loss: Omit<RecipeFile["loss"], "early_tool_weight"> & { readonly early_tool_weight: Ramp };
  /** Keys that were understood but have no effect, with the reason. */
  readonly warnings: readonly string[];
}

interface SchemaIssue {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly expected?: string;
}

/** The keys that the schema knows at a path. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: unknown = recipeSchema;
  const unwrap = (value: unknown): unknown => {
    let inner = value as { def?: { innerType?: unknown } };
    while (inner?.def?.innerType !== undefined) inner = inner.def.innerType as typeof inner;
    return inner;
  };
  for (const key of path) {
    schema = (unwrap(schema) as { shape?: Record<PropertyKey, unknown> }).shape?.[key];
  }
  return Object.keys((unwrap(schema) as { shape?: object }).shape ?? {});
}

function nearest(key: string, known: readonly string[]): string | undefined {
  return [...known].sort((a, b) => distance(key, a) - distance(key, b))[0];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((v, key) => (v as Record<PropertyKey, unknown> | undefined)?.[key], value);
}

function refuse(issue: SchemaIssue, value: unknown, source: string): LimbeckError {
  const place = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys" && issue.keys?.[0] !== undefined) {
    const key = issue.keys[0];
    const full = place ? `${place}.${key}` : key;
    const suggestion = nearest(key, knownKeys(issue.path));
    return new LimbeckError("invalid_config", `${source}: unknown key ${full}`, {
      cure: suggestion ? `Did you mean ${place ? `${place}.${suggestion}` : suggestion}?` : "Remove the key.",
      fields: { path: source, key: full, nearest: suggestion ?? null },
    });
  }
  const got = valueAt(value, issue.path);
  return new LimbeckError(
    "invalid_config",
    `${source}: ${place || "(recipe)"}: ${issue.message}, got ${JSON.stringify(got) ?? "nothing"}`,
    {
      cure: "Correct the value in the recipe.",
      fields: { path: source, key: place, expected: issue.expected ?? issue.message, got: got ?? null },
    },
  );
}

/** Folds `train`, `quant` and `distillation` as the seeds print them into our own keys. */
function foldSeedBlocks(file: RecipeFile, given: unknown, warnings: string[]): RecipeFile {
  const { train, distillation, quant } = file;
  let { shapes, loss } = file;
  if (train) {
    if (train.seq_lengths) shapes = { ...shapes, lengths: train.seq_lengths };
    if (train.shape_probs) shapes = { ...shapes, mix: train.shape_probs };
    if (train.micro_batch_size !== undefined) {
      if (valueAt(given, ["shapes", "tokens_per_batch"]) === undefined) {
        shapes = { ...shapes, tokens_per_batch: train.micro_batch_size * Math.max(...shapes.lengths) };
        warnings.push(
          `train.micro_batch_size ${train.micro_batch_size}: rows of the longest shape; shorter shapes take more rows, so that tokens per batch are equal.`,
        );
      } else {
        warnings.push(`train.micro_batch_size: no effect, shapes.tokens_per_batch decides.`);
      }
    }
  }
  if (quant.act_bits !== undefined && quant.act_bits !== 32) {
    warnings.push(`quant.act_bits ${quant.act_bits}: no effect, activations are float32 on the CPU.`);
  }
  if (quant.kv_cache_precision !== undefined && quant.kv_cache_precision !== "fp32") {
    warnings.push(
      `quant.kv_cache_precision ${quant.kv_cache_precision}: no effect while training, and the CPU runtime keeps a float32 cache.`,
    );
  }
  if (distillation) {
    const d = distillation;
    if (d.use_length_aware_kd !== false) {
      loss = {
        ...loss,
        length_weight: d.length_kd_weight ?? loss.length_weight,
        length_hinge: d.length_kd_hinge ?? loss.length_hinge,
        length_slope: d.length_kd_slope ?? loss.length_slope,
      };
    } else loss = { ...loss, length_weight: 0 };
    if (d.use_early_tool_call_loss !== false) {
      const target = d.early_tool_weight;
      loss = {
        ...loss,
        early_tool_weight:
          target === undefined
            ? loss.early_tool_weight
            : `0:${target}@warmup_k=${d.early_tool_warmup_epochs ?? 0}`,
        early_tool_tokens: d.early_tool_N ?? loss.early_tool_tokens,
        early_tool_ce_scale: d.early_tool_ce_weight ?? loss.early_tool_ce_scale,
        early_tool_prior_scale: d.early_tool_json_prior_weight ?? loss.early_tool_prior_scale,
      };
    } else loss = { ...loss, early_tool_weight: 0 };
  }
  return { ...file, shapes, loss };
}

/** A recipe from parsed YAML or JSON; `source` names it in errors (`invalid_config`). */
export function parseRecipe(value: unknown, source: string): Recipe {
  const parsed = recipeSchema.safeParse(value ?? {});
  if (!parsed.success) throw refuse(parsed.error.issues[0] as SchemaIssue, value, source);
  const warnings: string[] = [];
  const {
    train: _train,
    distillation: _distillation,
    ...rest
  } = foldSeedBlocks(parsed.data, value, warnings);
  const early = parseRamp(rest.loss.early_tool_weight, `${source}: loss.early_tool_weight`);
  if (rest.data.voice === "direct" && early.to > 0) {
    warnings.push(
      "loss.early_tool_weight: the prior sees no row where the teacher talks, as data.voice is direct.",
    );
  }
  return { ...rest, loss: { ...rest.loss, early_tool_weight: early }, warnings };
}

/** Reads a YAML recipe. Errors: `file_not_found`, `invalid_config` with file, path, expected and got. */
export function readRecipe(file: string): Recipe {
  const document = parseDocument(readText(file));
  const error = document.errors[0];
  if (error) {
    throw new LimbeckError("invalid_config", `${file}: expected YAML, ${error.message.split("\n")[0]}`, {
      cure: "Correct the recipe's syntax.",
      fields: { path: file },
    });
  }
  return parseRecipe(document.toJS(), file);
}
