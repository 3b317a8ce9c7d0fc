// Trains what ships with the package, from a seed, with the package's own code:
//   node scripts/train-assets.mjs base-1 .limbeck/base-1        from nothing
//   node scripts/train-assets.mjs base-2 assets/base --from .limbeck/base-1
//   node scripts/train-assets.mjs teacher assets/teacher
// --work DIR holds state and logs. Ctrl-C or SIGTERM writes the state; the same command resumes to the same bits.
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

const root = path.resolve(import.meta.dirname, "..");
const load = (module) => import(path.join(root, "dist", module));
const { generateToolbox } = await load("data/toolbox/generate.js");
const { generateBaseCorpus } = await load("data/base-corpus.js");
const { distil } = await load("train/distil.js");
const { readRecipe } = await load("train/recipe.js");
const { loadCheckpoint, saveCheckpoint } = await load("model/checkpoint.js");

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: "string" },
    work: { type: "string" },
    threads: { type: "string" },
    steps: { type: "string" },
  },
});
const [name, outDir] = positionals;
const madeUpTools = {
  train: (seed, examples) => generateBaseCorpus({ seed, examples }),
  validation: () => generateBaseCorpus({ seed: 999, examples: 200 }),
};
const toolbox = {
  train: (seed, examples) => generateToolbox({ split: "train", seed, examples }).examples,
  validation: () => generateToolbox({ split: "validation", seed: 7, examples: 200 }).examples,
};
const corpora = { "base-1": madeUpTools, "base-2": madeUpTools, teacher: toolbox };
const corpus = corpora[name];
if (!corpus || !outDir || (name === "base-2") !== (values.from !== undefined)) {
  console.error(
    "usage: node scripts/train-assets.mjs base-1|base-2|teacher OUT_DIR [--from DIR] [--work DIR] [--threads N] [--steps N]\n" +
      "       base-2 goes on from base-1: --from",
  );
  process.exit(2);
}
const work = values.work ?? path.join(root, ".limbeck", "assets", name);
const tokenizer = path.join(root, "assets", "tokenizer");
let recipe = readRecipe(path.join(root, "configs", "recipes", `${name}.yaml`));
if (values.threads) recipe = { ...recipe, threads: Number(values.threads) };
if (values.steps) recipe = { ...recipe, steps: Number(values.steps) };
const examplesPerEpoch = recipe.data.examplesPerEpoch ?? 4000;
const started = Date.now();
const interrupt = new AbortController();
for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => interrupt.abort());
const result = await distil(
  {
    recipe,
    student: values.from ?? null,
    teacher: null,
    tokenizer,
    // Fresh examples in every epoch.
    train: (epoch, seed) => corpus.train(seed * 100003 + epoch, examplesPerEpoch),
    dataName: name,
    validation: corpus.validation(),
    outDir: work,
    resume: fs.existsSync(path.join(work, "state")),
  },
  {
    signal: interrupt.signal,
    onStep: (step) => {
      if (step.step % 50 !== 0) return;
      const seconds = Math.round((Date.now() - started) / 1000);
      console.error(
        `${step.step}/${step.steps} loss ${step.loss.toFixed(3)} ${Math.round(step.tokens_per_second)} tok/s ${step.step_ms.toFixed(0)} ms ${seconds} s`,
      );
    },
    onEvent: (event) => {
      if (event.event === "validation") console.error(JSON.stringify(event.data));
    },
  },
);
saveCheckpoint(outDir, loadCheckpoint(result.checkpoint), { dtype: "float16", tokenizerDir: tokenizer });
console.log(
  JSON.stringify({
    name,
    steps: result.steps,
    tokens: result.tokens,
    seconds: result.seconds,
    parameters: result.parameters,
  }),
);
