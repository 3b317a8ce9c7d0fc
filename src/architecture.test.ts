import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { packageRoot } from "./flow/package-files.ts";

/** Folders of src in the order of the flow: a file imports only from its own folder and from folders before it. */
const layers: readonly string[] = [
  "base",
  "tensor",
  "graph",
  "autodiff",
  "passes",
  "lower",
  "backend",
  "tools",
  "tokenizer",
  "model",
  "data",
  "hardware",
  "measure",
  "runtime",
  "train",
  "score",
  "gate",
  "flow",
  "serve",
  "speech",
  "cli",
];

/** Layers that do no I/O: nothing of Node in them. */
const pureLayers = ["tensor", "graph", "autodiff", "passes", "lower"];

/** What package.json exports: each stands above the layers, gathers what a user needs, and is imported by nobody. */
const entryPoints = [
  "index.ts",
  "graph/index.ts",
  "train/index.ts",
  "runtime/index.ts",
  "measure/index.ts",
  "serve/index.ts",
  "speech/index.ts",
];

/** Weights are gigabytes: this one reads and writes its files piece by piece instead of taking bytes. */
const fileReaders = ["tensor/safetensors.ts"];

/** Files of a later layer that hold only types which earlier layers share: importable with `import type`. */
const sharedTypes = ["runtime/types.ts"];

interface Import {
  readonly target: string;
  readonly isTypeOnly: boolean;
}

interface SourceFile {
  /** Relative to src, with "/". */
  readonly name: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

/** Comments and their contents away, so that prose about imports and consoles is not taken for code. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const statements = code.matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:[^;"']*?\sfrom\s+)?"([^"]+)"/gm);
  const found = [...statements].map(([, type, target]) => ({
    target: target!,
    isTypeOnly: type !== undefined,
  }));
  for (const [, target] of code.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g)) {
    found.push({ target: target!, isTypeOnly: false });
  }
  return found;
}

function resolveImport(from: string, target: string): string {
  return path.posix.join(path.posix.dirname(from), target);
}

function layerOf(name: string): number {
  return layers.indexOf(name.split("/")[0]!);
}

function sourceFile(name: string, text: string): SourceFile {
  return { name, text, imports: importsOf(text) };
}

function readSources(): SourceFile[] {
  const root = path.join(packageRoot, "src");
  return fs
    .readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((name) => name.split(path.sep).join("/"))
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map((name) => sourceFile(name, fs.readFileSync(path.join(root, name), "utf8")));
}

const isTest = (name: string): boolean => name.includes(".test.");

function layerViolations(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    // Tests may use every layer.
    if (entryPoints.includes(file.name) || isTest(file.name)) return [];
    return file.imports.flatMap(({ target, isTypeOnly }) => {
      if (!target.startsWith(".")) return [];
      const imported = resolveImport(file.name, target);
      if (isTypeOnly && sharedTypes.includes(imported)) return [];
      const isAllowed = layerOf(imported) >= 0 && layerOf(imported) <= layerOf(file.name);
      return isAllowed && layerOf(file.name) >= 0 ? [] : [`${file.name} imports ${imported}`];
    });
  });
}

/** Barrel files other than the entry points, entry points that others import, and what an entry point may not say. */
function entryPointViolations(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ name, text, imports }) => {
    const found: string[] = [];
    const isEntryPoint = entryPoints.includes(name);
    if (path.posix.basename(name) === "index.ts" && !isEntryPoint) found.push(`${name} is no entry point`);
    if (
      isEntryPoint &&
      !/^(export (type )?\{[^}]*\} from "[^"]+";\s*)+$/.test(withoutComments(text).trim())
    ) {
      found.push(`${name} has more than exports by name`);
    }
    for (const { target } of imports) {
      const imported = target.startsWith(".") ? resolveImport(name, target) : target;
      if (entryPoints.includes(imported) && !isTest(name)) found.push(`${name} imports ${imported}`);
    }
    return found;
  });
}

function importCycles(files: readonly SourceFile[]): string[] {
  const targets = new Map(
    files.map((file) => [
      file.name,
      file.imports
        .filter(({ target }) => target.startsWith("."))
        .map(({ target }) => resolveImport(file.name, target)),
    ]),
  );
  const state = new Map<string, "open" | "done">();
  const cycles: string[] = [];
  const visit = (name: string, trail: readonly string[]): void => {
    if (state.get(name) === "open") cycles.push([...trail.slice(trail.indexOf(name)), name].join(" → "));
    if (state.has(name)) return;
    state.set(name, "open");
    for (const next of targets.get(name) ?? []) visit(next, [...trail, name]);
    state.set(name, "done");
  };
  for (const file of files) visit(file.name, []);
  return cycles;
}

function sizeViolations(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ name }) => !name.endsWith("_pb.ts"))
    .map(({ name, text }) => ({ name, lines: text.split("\n").length - 1, first: text.split("\n")[0] ?? "" }))
    .filter(({ lines, first }) => lines > 500 && !/\blong\b/i.test(first))
    .map(({ name, lines }) => `${name}: ${lines} lines, and its first line gives no reason`);
}

function printingViolations(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ name }) => !name.startsWith("cli/") && !isTest(name))
    .filter(({ text }) => /\bconsole\.|\bprocess\.(stdout|stderr)\b/.test(withoutComments(text)))
    .map(({ name }) => name);
}

function impureFiles(files: readonly SourceFile[]): string[] {
  return files
    .filter(
      ({ name }) => pureLayers.includes(name.split("/")[0]!) && !isTest(name) && !fileReaders.includes(name),
    )
    .filter(({ imports }) => imports.some(({ target }) => target.startsWith("node:")))
    .map(({ name }) => name);
}

const sources = readSources();

test("a layer imports only from layers before it", () => {
  assert.deepEqual(layerViolations(sources), []);
});

test("entry points are the ones that package.json exports, hold names only, and are for users", () => {
  assert.deepEqual(entryPointViolations(sources), []);
  const { exports } = JSON.parse(fs.readFileSync(path.join(packageRoot, "package.json"), "utf8")) as {
    exports: Record<string, string | { types: string; default: string }>;
  };
  const files = Object.values(exports).filter((target) => typeof target === "object");
  assert.deepEqual(
    files,
    entryPoints.map((name) => {
      const built = `./dist/${name.replace(/\.ts$/, "")}`;
      return { types: `${built}.d.ts`, default: `${built}.js` };
    }),
  );
});

test("no file imports itself in a circle", () => {
  assert.deepEqual(importCycles(sources), []);
});

test("a file over 500 lines says why in its first line", () => {
  assert.deepEqual(sizeViolations(sources), []);
});

test("only the command line prints", () => {
  assert.deepEqual(printingViolations(sources), []);
});

test("the pure layers import nothing of Node", () => {
  assert.deepEqual(impureFiles(sources), []);
});

test("every folder of src is a layer", () => {
  const folders = new Set(
    sources.filter(({ name }) => name.includes("/")).map(({ name }) => name.split("/")[0]!),
  );
  assert.deepEqual(
    [...folders].filter((folder) => !layers.includes(folder)),
    [],
  );
});

test("these checks find what they look for", () => {
  const bad = [
    sourceFile("graph/a.ts", 'import { b } from "../cli/b.ts";\nimport * as fs from "node:fs";\n'),
    sourceFile("cli/b.ts", 'export { a } from "../graph/a.ts";\n'),
    sourceFile(
      "measure/c.ts",
      'import type { T } from "../runtime/types.ts";\nconsole.log("// no comment");\n',
    ),
    sourceFile("score/d.ts", `// short\n${"x\n".repeat(600)}`),
    sourceFile("score/e.ts", `// Long, since it is one table.\n${"x\n".repeat(600)}`),
    sourceFile("train/f.ts", 'const g = await import("../cli/b.ts");\n// console.log is not used here\n'),
  ];
  assert.deepEqual(layerViolations(bad), ["graph/a.ts imports cli/b.ts", "train/f.ts imports cli/b.ts"]);
  assert.deepEqual(
    entryPointViolations([
      sourceFile("index.ts", 'export * from "./graph/a.ts";\n'),
      sourceFile("score/index.ts", 'export { a } from "./a.ts";\n'),
      sourceFile("score/g.ts", 'import { a } from "../index.ts";\n'),
      sourceFile("graph/index.ts", '/** Fine. */\nexport { a, type B } from "./a.ts";\n'),
    ]),
    [
      "index.ts has more than exports by name",
      "score/index.ts is no entry point",
      "score/g.ts imports index.ts",
    ],
  );
  assert.deepEqual(importCycles(bad), ["graph/a.ts → cli/b.ts → graph/a.ts"]);
  assert.deepEqual(sizeViolations(bad).length, 1);
  assert.deepEqual(printingViolations(bad), ["measure/c.ts"]);
  assert.deepEqual(impureFiles(bad), ["graph/a.ts"]);
});
