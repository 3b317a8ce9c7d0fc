// Packs Limbeck, installs the tarball into an empty project as a user would, and uses it there:
// `npm run test:package`. Its last line is `N passed, N failed`; the exit status says the same.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const root = path.resolve(import.meta.dirname, "..");
const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-package-")));
const project = path.join(folder, "project");
const installed = path.join(project, "node_modules", "limbeck");
const mostBytes = 15e6;

/** Runs a command to its end; a failure to start it throws. */
function run(command, args, cwd) {
  const ended = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 64e6 });
  if (ended.error) throw ended.error;
  return { ...ended, said: `${command} ${args.join(" ")}: status ${ended.status}\n${ended.stderr}` };
}

function runWell(command, args, cwd) {
  const ended = run(command, args, cwd);
  assert.equal(ended.status, 0, ended.said);
  return ended.stdout;
}

const lastLine = (text) => text.trimEnd().split("\n").at(-1) ?? "";
const limbeck = (...words) => run("npx", ["limbeck", ...words], project);

let passed = 0;
let failed = 0;
/** One check: prints how it went. Returns whether it held, so that what builds on it can be left. */
function check(name, action) {
  const start = performance.now();
  try {
    action();
    passed++;
    console.log(`ok    ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    return true;
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}\n${String(error?.message ?? error).replace(/^/gm, "      ")}`);
    return false;
  }
}

const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
const hasTeacher = fs.existsSync(path.join(root, "assets", "teacher"));
const entryPoints = Object.keys(manifest.exports)
  .filter((name) => !name.endsWith(".json"))
  .map((name) => path.posix.join("limbeck", name));
let packed;

function packages() {
  const stdout = runWell("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], root);
  [packed] = JSON.parse(stdout);
  assert.ok(packed.size < mostBytes, `${packed.size} bytes, expected below ${mostBytes}`);
  console.log(`      ${packed.filename}: ${(packed.size / 1e6).toFixed(2)} MB, ${packed.files.length} files`);
}

function hasTheRightFiles() {
  const names = packed.files.map(({ path: name }) => name);
  const wrong = names.filter((name) => /\.test\.|(^|\/)(test|bench|scripts|src)\//.test(name));
  assert.deepEqual(wrong, [], "files that are no user's");
  const needed = ["README.md", "LICENSE", "NOTICE", "dist/cli/main.js", "configs/recipes/quickstart.yaml"];
  assert.deepEqual(
    [...needed, "assets/tokenizer/tokenizer.json"].filter((name) => !names.includes(name)),
    [],
    "files that are missing",
  );
}

function installs() {
  fs.mkdirSync(project);
  fs.writeFileSync(path.join(project, "package.json"), '{ "private": true, "type": "module" }\n');
  const tarball = path.join(folder, packed.filename);
  const quiet = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  runWell("npm", ["install", ...quiet, tarball], project);
}

/** Names of this machine that must not be in what others get. */
function saysNothingOfThisMachine() {
  const names = [root, os.homedir(), os.hostname()].filter((name) => name.length > 4);
  for (const name of fs.readdirSync(installed, { recursive: true, encoding: "utf8" })) {
    const file = path.join(installed, name);
    if (!fs.statSync(file).isFile() || /\.(onnx|safetensors)$/.test(name)) continue;
    const text = fs.readFileSync(file, "utf8");
    for (const machine of names) assert.ok(!text.includes(machine), `${name} holds "${machine}"`);
  }
}

function importsEveryEntryPoint() {
  const code = entryPoints
    .map(
      (name) => `if (Object.keys(await import("${name}")).length === 0) throw new Error("${name} is empty");`,
    )
    .join("\n");
  runWell("node", ["--input-type=module", "-e", code], project);
  const inside = run(
    "node",
    ["--input-type=module", "-e", 'await import("limbeck/dist/base/json.js")'],
    project,
  );
  assert.match(inside.stderr, /ERR_PACKAGE_PATH_NOT_EXPORTED/, "what is not exported must not be importable");
}

function buildsAndRunsAGraph() {
  const code = `
    import { GraphBuilder, float32, gradients, onnxCpuBackend, runReference } from "limbeck/graph";
    const g = new GraphBuilder("square");
    const x = g.input("x", "float32", [2]);
    const loss = g.reduceSum(g.mul(x, x), [0]);
    g.output("gradient", gradients(g, loss, [x])[0]);
    const graph = g.build();
    const feeds = { x: float32([2], [3, -1]) };
    const session = await onnxCpuBackend.compile(graph);
    const { gradient } = await session.run(feeds);
    session.close();
    console.log(JSON.stringify([[...gradient.data], [...runReference(graph, feeds).gradient.data]]));
  `;
  const both = JSON.parse(lastLine(runWell("node", ["--input-type=module", "-e", code], project)));
  assert.deepEqual(both, [
    [6, -2],
    [6, -2],
  ]);
}

function printsHelp() {
  const ended = limbeck("--help");
  assert.equal(ended.status, 0, ended.said);
  assert.match(ended.stdout, /quickstart/);
}

function doctorFindsBackends() {
  const ended = limbeck("doctor", "--json");
  const report = JSON.parse(lastLine(ended.stdout));
  assert.deepEqual(
    report.backends.map(({ name, isAvailable }) => [name, isAvailable]),
    [
      ["reference", true],
      ["onnx-cpu", true],
    ],
  );
  assert.equal(ended.status, report.is_ready ? 0 : 3, ended.said);
  if (hasTeacher) assert.ok(report.is_ready, JSON.stringify(report.problems));
}

function teacherAnswers() {
  const ended = limbeck("run", "set a timer for 5 minutes", "--json");
  assert.equal(ended.status, 0, ended.said);
  const { turns, artefact } = JSON.parse(lastLine(ended.stdout));
  assert.match(artefact, /teacher/, "without a run the shipped teacher answers");
  const [call] = turns[0].calls;
  assert.deepEqual([call?.name, call?.arguments], ["set_timer", { minutes: 5 }], turns[0].text);
}

function typechecks() {
  const program = `
    import { type Answer, answerPrompt, demoTools, openEngine, runDemoTool, type TokenEvent } from "limbeck";
    import { type Graph, GraphBuilder, type Value } from "limbeck/graph";
    import { type MetricSummary, measureSpeed } from "limbeck/measure";
    import { createCallStream, type Engine, type ToolCall } from "limbeck/runtime";
    import { parseRecipe, type Recipe } from "limbeck/train";

    export const recipe: Recipe = parseRecipe({ steps: 10 }, "here");
    export function square(): Graph {
      const g = new GraphBuilder("square");
      const x: Value = g.input("x", "float32", ["N"]);
      g.output("y", g.mul(x, x));
      return g.build();
    }
    export async function ask(artefact: string, prompt: string): Promise<readonly ToolCall[]> {
      const engine: Engine = await openEngine(artefact, { threads: 1 });
      const seen: TokenEvent[] = [];
      const answer: Answer = await answerPrompt(
        engine,
        prompt,
        { tools: demoTools, runTool: runDemoTool },
        { onToken: (event) => seen.push(event) },
      );
      await engine.close();
      return answer.turns.flatMap((turn) => turn.calls);
    }
    export const measure: typeof measureSpeed = measureSpeed;
    export const p50 = (summary: MetricSummary): number | null => summary.p50;
    export const stream = createCallStream();
    // @ts-expect-error a wrong type must be seen: the declarations are not all "any"
    export const wrong: number = recipe.name;
  `;
  fs.writeFileSync(path.join(project, "program.ts"), program);
  const config = {
    compilerOptions: {
      target: "es2023",
      module: "nodenext",
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      // Our declarations are checked too, not skipped.
      skipLibCheck: false,
      types: ["node"],
      typeRoots: [path.join(root, "node_modules", "@types")],
    },
    files: ["program.ts"],
  };
  fs.writeFileSync(path.join(project, "tsconfig.json"), JSON.stringify(config));
  const ended = run(path.join(root, "node_modules", ".bin", "tsc"), ["-p", "."], project);
  assert.equal(ended.status, 0, `${ended.said}${ended.stdout}`);
}

try {
  if (check(`packs below ${mostBytes / 1e6} MB`, packages)) {
    check("holds what a user needs and nothing else", hasTheRightFiles);
    if (check("installs into an empty project", installs)) {
      check("says nothing of this machine", saysNothingOfThisMachine);
      check(`imports ${entryPoints.join(", ")}`, importsEveryEntryPoint);
      check("builds a graph, differentiates it, runs it on both backends", buildsAndRunsAGraph);
      check("limbeck --help", printsHelp);
      check("limbeck doctor", doctorFindsBackends);
      if (hasTeacher) check("limbeck run, with the shipped teacher", teacherAnswers);
      else console.log("skip  limbeck run: assets/teacher is not in this working copy");
      check("types serve a strict TypeScript program", typechecks);
    }
  }
} finally {
  fs.rmSync(folder, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
