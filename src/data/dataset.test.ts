import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { type BadLine, readDataset, writeDataset } from "./dataset.ts";
import { fingerprintTools } from "./fingerprints.ts";
import { generateToolbox } from "./toolbox/generate.ts";

const dataset = generateToolbox({ split: "train", seed: 3, examples: 12 });
let folder = "";
before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-dataset-"));
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** The dataset's lines, changed; returns the file. */
function writeChanged(change: (lines: string[]) => string | undefined): string {
  const file = path.join(folder, "changed.jsonl");
  writeDataset(file, dataset);
  const lines = fs.readFileSync(file, "utf8").split("\n");
  const text = change(lines);
  fs.writeFileSync(file, text ?? lines.join("\n"));
  return file;
}

type Path = readonly [string | number, ...(string | number)[]];

/** Sets one field of one line; `undefined` takes it away. */
function edit(lines: string[], index: number, [first, ...rest]: Path, change: unknown): undefined {
  const value = JSON.parse(lines[index]!) as Record<string | number, unknown>;
  let at = value;
  let key = first;
  for (const next of rest) {
    at = at[key] as typeof value;
    key = next;
  }
  at[key] = typeof change === "function" ? change(at[key]) : change;
  lines[index] = JSON.stringify(value);
  return undefined;
}

const replaceLine = (lines: string[], index: number, text: string): undefined => {
  lines[index] = text;
  return undefined;
};
/** The number of the line of the first example that calls. */
const calling = 1 + dataset.examples.findIndex((example) => example.expect.calls.length > 0);

test("what is written is read back, header and all", () => {
  const file = path.join(folder, "whole.jsonl");
  const header = writeDataset(file, dataset);
  const read = readDataset(file);
  assert.deepEqual(read.examples, dataset.examples);
  assert.deepEqual(read.header, header);
  assert.deepEqual(read.header, dataset.header);
  assert.deepEqual(read.skipped, []);
});

test("a file without its last line break is whole", () => {
  const file = writeChanged((lines) => lines.join("\n").trimEnd());
  assert.equal(readDataset(file).examples.length, 12);
});

interface BadCase {
  readonly what: string;
  readonly line: number;
  readonly field: RegExp;
  readonly reason: RegExp;
  readonly change: (lines: string[]) => string | undefined;
}

const badExamples: readonly BadCase[] = [
  {
    what: "no JSON",
    line: 3,
    field: /^line$/,
    reason: /not JSON/,
    change: (lines) => replaceLine(lines, 2, "{oops"),
  },
  {
    what: "an empty line",
    line: 3,
    field: /^line$/,
    reason: /empty line/,
    change: (lines) => replaceLine(lines, 2, ""),
  },
  {
    what: "a missing field",
    line: 3,
    field: /^messages$/,
    reason: /array/,
    change: (lines) => edit(lines, 2, ["messages"], undefined),
  },
  {
    what: "an unknown field",
    line: 3,
    field: /^line$/,
    reason: /colour/,
    change: (lines) => edit(lines, 2, ["colour"], 1),
  },
  {
    what: "a wrong type",
    line: 3,
    field: /^messages\[0\]\.content$/,
    reason: /string/,
    change: (lines) => edit(lines, 2, ["messages", 0, "content"], 7),
  },
  {
    what: "an unknown behaviour",
    line: 3,
    field: /^expect\.behaviour$/,
    reason: /tool/,
    change: (lines) => edit(lines, 2, ["expect", "behaviour"], "guess"),
  },
  {
    what: "a call to an unknown tool",
    line: calling + 1,
    field: /^expect\.calls\[0\]\.name$/,
    reason: /got fly/,
    change: (lines) => edit(lines, calling, ["expect", "calls", 0, "name"], "fly"),
  },
  {
    what: "arguments that do not fit",
    line: calling + 1,
    field: /^expect\.calls\[0\]\.arguments/,
    reason: /required/,
    change: (lines) => edit(lines, calling, ["expect", "calls", 0, "arguments"], {}),
  },
  {
    what: "calls where none belong",
    line: calling + 1,
    field: /^expect\.calls$/,
    reason: /no call/,
    change: (lines) => edit(lines, calling, ["expect", "behaviour"], "no_tool"),
  },
  {
    what: "no calls where some belong",
    line: calling + 1,
    field: /^expect\.calls$/,
    reason: /at least one/,
    change: (lines) => edit(lines, calling, ["expect", "calls"], []),
  },
  {
    what: "a schema that is none",
    line: calling + 1,
    field: /^tools$/,
    reason: /JSON Schema/,
    change: (lines) => edit(lines, calling, ["tools", 0, "function", "parameters"], { type: "objekt" }),
  },
  {
    what: "an assistant's message at the end",
    line: 3,
    field: /^messages$/,
    reason: /assistant/,
    change: (lines) => edit(lines, 2, ["messages", 0, "role"], "assistant"),
  },
  {
    what: "an id twice",
    line: 3,
    field: /^id$/,
    reason: /on line 2 too/,
    change: (lines) => edit(lines, 2, ["id"], dataset.examples[0]!.id),
  },
];

test("every bad line is refused with file, line, field and reason", () => {
  for (const { what, line, field, reason, change } of badExamples) {
    const file = writeChanged(change);
    assert.throws(
      () => readDataset(file),
      (error: Error & { code?: string; fields: { field: string; reason: string } }) => {
        assert.equal(error.code, "invalid_dataset", what);
        assert.ok(error.message.startsWith(`${file}:${line}: `), `${what}: ${error.message}`);
        assert.match(error.fields.field, field, what);
        assert.match(error.fields.reason, reason, what);
        return true;
      },
    );
  }
});

test("bad lines up to maxBad are skipped and listed, one more is refused", () => {
  for (const { what, line, field, change } of badExamples) {
    const read = readDataset(writeChanged(change), { maxBad: 1 });
    assert.equal(read.examples.length, 11, what);
    assert.equal(read.header.examples, 11);
    assert.deepEqual(
      read.skipped.map((bad: BadLine) => bad.line),
      [line],
      what,
    );
    assert.match(read.skipped[0]!.field, field, what);
    assert.notEqual(read.header.fingerprints.dataset, dataset.header.fingerprints.dataset);
  }
  const two = writeChanged((lines) => {
    lines[2] = "{oops";
    lines[4] = "{oops";
    return undefined;
  });
  assert.throws(() => readDataset(two, { maxBad: 1 }), {
    code: "invalid_dataset",
    message: /:3: .*\n.*:5: /,
  });
});

test("a file that is empty, cut off, short or changed is refused whatever maxBad says", () => {
  const cases: readonly (readonly [string, RegExp, (lines: string[]) => string | undefined])[] = [
    ["empty", /empty file/, () => ""],
    ["blank", /empty file/, () => "\n\n"],
    ["cut inside the last line", /cut off/, (lines) => lines.join("\n").slice(0, -40)],
    ["lines lost", /expected 12 as the header says, got 11/, (lines) => void lines.splice(5, 1)],
    ["no header", /header/, (lines) => void lines.shift()],
    [
      "an example changed",
      /fingerprints\.dataset/,
      (lines) => edit(lines, 2, ["messages", 0, "content"], (text: string) => `${text}!`),
    ],
    ["another version", /header\.schema_version/, (lines) => edit(lines, 0, ["schema_version"], 2)],
    [
      "a fingerprint missing",
      /header\.fingerprints\.tools/,
      (lines) => edit(lines, 0, ["fingerprints", "tools"], null),
    ],
    ["header is no JSON", /header/, (lines) => replaceLine(lines, 0, "{")],
  ];
  for (const [what, message, change] of cases) {
    const file = writeChanged(change);
    assert.throws(() => readDataset(file, { maxBad: 100 }), { code: "invalid_dataset", message }, what);
  }
  assert.throws(() => readDataset(path.join(folder, "nowhere.jsonl")), { code: "file_not_found" });
});

test("the fingerprint of the tools does not depend on the order of the examples", () => {
  assert.equal(fingerprintTools([...dataset.examples].reverse()), fingerprintTools(dataset.examples));
  assert.notEqual(fingerprintTools(dataset.examples.slice(0, 1)), fingerprintTools(dataset.examples));
});

test("a changed tool changes both fingerprints", () => {
  const file = writeChanged((lines) =>
    edit(lines, calling, ["tools", 0, "function", "description"], "other"),
  );
  assert.throws(() => readDataset(file), { message: /fingerprints\.dataset/ });
  const changed = readDataset(writeChanged(() => undefined)).examples.map((example, i) =>
    i === 0
      ? {
          ...example,
          tools: example.tools.map((tool) => ({
            ...tool,
            function: { ...tool.function, description: "other" },
          })),
        }
      : example,
  );
  const header = writeDataset(path.join(folder, "other.jsonl"), { ...dataset, examples: changed });
  assert.notEqual(header.fingerprints.tools, dataset.header.fingerprints.tools);
});
