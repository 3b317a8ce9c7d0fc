import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { packagePath } from "../flow/package-files.ts";
import { parseRecipe, readRecipe } from "./recipe.ts";

function refusal(value: unknown): LimbeckError {
  try {
    parseRecipe(value, "my.yaml");
  } catch (error) {
    assert.ok(error instanceof LimbeckError);
    assert.equal(error.code, "invalid_config");
    return error;
  }
  return assert.fail("expected the recipe to be refused");
}

test("an empty recipe has every default", () => {
  const recipe = parseRecipe({}, "my.yaml");
  assert.equal(recipe.loss.k, 64);
  assert.equal(recipe.quant.start_fraction, 0.8);
  assert.deepEqual(recipe.loss.early_tool_weight, { from: 0, to: 0, warmupEpochs: 0 });
  assert.deepEqual(recipe.warnings, []);
});

test("a ramp, as the seed prints it, is parsed; a bad one names its key", () => {
  const recipe = parseRecipe({ loss: { early_tool_weight: "0.0:0.2@warmup_k=3" } }, "my.yaml");
  assert.deepEqual(recipe.loss.early_tool_weight, { from: 0, to: 0.2, warmupEpochs: 3 });
  assert.match(
    refusal({ loss: { early_tool_weight: "soon" } }).message,
    /my.yaml: loss.early_tool_weight: expected/,
  );
});

test("unknown keys are refused with the nearest name, at any depth", () => {
  const deep = refusal({ optimiser: { learning_rat: 1 } });
  assert.match(deep.message, /unknown key optimiser.learning_rat$/);
  assert.equal(deep.cure, "Did you mean optimiser.learning_rate?");
  assert.equal(refusal({ optimizer: {} }).cure, "Did you mean optimiser?");
});

test("a wrong type names file, key, expected and got", () => {
  const error = refusal({ steps: "many" });
  assert.match(error.message, /^my.yaml: steps: .*expected number.*got "many"$/);
  assert.equal(error.fields["key"], "steps");
  assert.match(refusal([]).message, /my.yaml: \(recipe\)/);
});

test("a model that no backend runs is refused before anything starts", () => {
  const narrow = refusal({ model: { hidden_size: 64, heads: 8 } });
  assert.match(
    narrow.message,
    /my\.yaml: model\.heads: expected hidden_size \/ heads to be a multiple of 16, got 8/,
  );
  assert.match(
    refusal({ model: { heads: 8, kv_heads: 3 } }).message,
    /model\.kv_heads.*multiple of kv_heads/,
  );
});

test("the blocks of seed 000 act or answer with a warning", () => {
  const recipe = parseRecipe(
    {
      train: {
        seq_lengths: [512, 1024, 2048, 4096],
        shape_probs: [0.4, 0.4, 0.15, 0.05],
        micro_batch_size: 4,
      },
      quant: { enabled: true, start_fraction: 0.8, weight_bits: 8, act_bits: 16, kv_cache_precision: "fp16" },
    },
    "seed.yaml",
  );
  assert.deepEqual(recipe.shapes.lengths, [512, 1024, 2048, 4096]);
  assert.deepEqual(recipe.shapes.mix, [0.4, 0.4, 0.15, 0.05]);
  assert.equal(recipe.shapes.tokens_per_batch, 4 * 4096);
  assert.ok(recipe.quant.enabled);
  assert.deepEqual(
    recipe.warnings.map((w) => w.split(/[ :]/)[0]),
    ["train.micro_batch_size", "quant.act_bits", "quant.kv_cache_precision"],
  );
});

test("the distillation block of seed 002 maps to the losses", () => {
  const { loss } = parseRecipe(
    {
      distillation: {
        use_length_aware_kd: true,
        length_kd_weight: 0.05,
        length_kd_hinge: 0.2,
        length_kd_slope: 2,
        use_early_tool_call_loss: true,
        early_tool_weight: 0.05,
        early_tool_N: 20,
        early_tool_warmup_epochs: 5,
        early_tool_json_prior_weight: 0.02,
        early_tool_ce_weight: 0.2,
      },
    },
    "seed.yaml",
  );
  assert.deepEqual(
    [loss.length_weight, loss.length_hinge, loss.length_slope, loss.early_tool_tokens],
    [0.05, 0.2, 2, 20],
  );
  assert.deepEqual(loss.early_tool_weight, { from: 0, to: 0.05, warmupEpochs: 5 });
  assert.deepEqual([loss.early_tool_ce_scale, loss.early_tool_prior_scale], [0.2, 0.02]);
  const off = parseRecipe(
    { distillation: { use_early_tool_call_loss: false }, loss: { early_tool_weight: 1 } },
    "x",
  );
  assert.equal(off.loss.early_tool_weight.to, 0);
});

test("a missing file and broken YAML are refused", () => {
  assert.throws(() => readRecipe("/nowhere/recipe.yaml"), /no such file/);
});

test("every shipped recipe is valid and warns of nothing", () => {
  const files = readdirSync(packagePath("configs", "recipes"));
  assert.ok(files.includes("quickstart.yaml"));
  for (const file of files) {
    const recipe = readRecipe(packagePath("configs", "recipes", file));
    const name = path.basename(file, ".yaml");
    assert.equal(recipe.name, name);
    assert.deepEqual(recipe.warnings, []);
  }
});
