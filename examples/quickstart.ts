// The flow of `limbeck quickstart`, verb by verb.
import {
  buildRunReport,
  distil,
  exportArtefact,
  gateReport,
  generateToolbox,
  identifyMachine,
  measureEngine,
  openEngine,
  packagePath,
  readRecipe,
  renderText,
  scoreEngine,
  verifyArtefact,
} from "limbeck";

const seed = 7;
const out = "quickstart-example";
const recipe = readRecipe(packagePath("configs", "recipes", "quickstart.yaml"));

const train = generateToolbox({ split: "train", seed, examples: 10000 });
const validation = generateToolbox({ split: "validation", seed, examples: 200 });
const test = generateToolbox({ split: "test", seed, examples: 400 });

const student = await distil({
  recipe,
  student: packagePath("assets", "base"),
  teacher: packagePath("assets", "teacher"),
  train: train.examples,
  validation: validation.examples,
  outDir: `${out}/train`,
});

const artefact = `${out}/student`;
await exportArtefact(student.checkpoint, artefact, { format: "int8", shapes: recipe.shapes.lengths });

const engine = await openEngine(artefact);
const speed = await measureEngine(engine, test.examples);
const quality = await scoreEngine(engine, test);
await engine.close();

const report = buildRunReport({
  createdAt: new Date(),
  task: "toolbox",
  manifest: verifyArtefact(artefact).manifest,
  artefactPath: artefact,
  ...identifyMachine(),
  backend: engine.info.backend,
  datasetFingerprints: test.header.fingerprints,
  speed,
  quality,
  teacher: null,
  train: { steps: student.steps, tokens_per_second: student.tokensPerSecond, ceiling_fraction: null },
  cosines: student.cosines,
});
console.log(renderText(gateReport(report, { baselineDir: ".limbeck/baselines" })));
