import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { type AstType, type AstValue, astEquals, FloatValue, parseAstValue } from "./ast-value.ts";
import { type AcceptedCall, type AstCall, type AstFunction, checkCall, checkCalls } from "./bfcl-ast.ts";

const folder = path.resolve("../shared/data/bfcl");
const skip = fs.existsSync(folder) ? false : "../shared/data/bfcl is not here";

type Dict = { readonly [key: string]: AstValue };

/** BFCL's names of types; `any` is checked as a string and a tuple as a list, as officially. */
const bfclTypes: { readonly [name: string]: AstType } = {
  string: "string",
  integer: "integer",
  float: "float",
  boolean: "boolean",
  array: "array",
  tuple: "array",
  dict: "dict",
  any: "string",
};

function readLines(name: string): Dict[] {
  const file = path.join(folder, name);
  const lines = fs.readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => parseAstValue(line, file) as Dict);
}

function toFunction(value: AstValue): AstFunction {
  const { name, parameters } = value as { name: string; parameters: Dict };
  const properties = parameters["properties"] as {
    [param: string]: { type: string; items?: { type: string } };
  };
  return {
    name,
    required: parameters["required"] as string[],
    parameters: Object.fromEntries(
      Object.entries(properties).map(([param, schema]) => {
        const isList = schema.type === "array" || schema.type === "tuple";
        return [
          param,
          { type: bfclTypes[schema.type]!, itemType: isList ? bfclTypes[schema.items!.type]! : null },
        ];
      }),
    ),
  };
}

function toCall<T>(value: AstValue): { name: string; arguments: { [param: string]: T } } {
  const [name, args] = Object.entries(value as Dict)[0]!;
  return { name, arguments: args as unknown as { [param: string]: T } };
}

test("gives the official verdict on every line of verdicts.jsonl", { skip }, () => {
  const functions = new Map<string, AstFunction[]>();
  const accepted = new Map<string, AcceptedCall[]>();
  for (const category of ["simple_python", "multiple", "parallel"]) {
    for (const line of readLines(`BFCL_v4_${category}.json`)) {
      functions.set(line["id"] as string, (line["function"] as AstValue[]).map(toFunction));
    }
    for (const line of readLines(`BFCL_v4_${category}.answer.json`)) {
      const truth = line["ground_truth"] as AstValue[];
      accepted.set(line["id"] as string, truth.map(toCall<readonly AstValue[]>));
    }
  }
  const differences: string[] = [];
  const lines = readLines("verdicts.jsonl");
  for (const line of lines) {
    const id = line["id"] as string;
    const calls: AstCall[] = (line["output"] as AstValue[]).map(toCall<AstValue>);
    const verdict = checkCalls(functions.get(id)!, calls, accepted.get(id)!);
    // Our error types are the last part of the official ones.
    const same = verdict.valid || String(line["error_type"]).endsWith(verdict.errorType);
    if (verdict.valid !== line["valid"] || !same) {
      differences.push(
        `${id} ${line["kind"]}: official ${line["valid"]} ${line["error_type"]}, ours ${JSON.stringify(verdict)}`,
      );
    }
  }
  assert.equal(lines.length, 3200);
  assert.deepEqual(differences, []);
});

test("a float is told from an integer by its text", () => {
  const parsed = parseAstValue('{"a": 5.0, "b": 5, "c": "5.0 \\"1e3", "d": [1e3, -2]}', "test") as Dict;
  assert.deepEqual(parsed["a"], new FloatValue(5));
  assert.equal(parsed["b"], 5);
  assert.equal(parsed["c"], '5.0 "1e3');
  assert.deepEqual(parsed["d"], [new FloatValue(1000), -2]);
});

test("equality is Python's: numbers and booleans by value, lists in order", () => {
  assert.ok(astEquals(new FloatValue(5), 5));
  assert.ok(astEquals(true, 1));
  assert.ok(!astEquals("", false));
  assert.ok(!astEquals([1, 2], [2, 1]));
  assert.ok(astEquals({ a: 1, b: 2 }, { b: 2, a: 1 }));
});

test("an integer passes for a float, a float does not pass for an integer, a boolean for neither", () => {
  const fn: AstFunction = {
    name: "f",
    parameters: { n: { type: "integer", itemType: null }, x: { type: "float", itemType: null } },
    required: ["n", "x"],
  };
  const accepted: AcceptedCall = { name: "f", arguments: { n: [1], x: [new FloatValue(2)] } };
  const check = (n: AstValue, x: AstValue): boolean =>
    checkCall(fn, { name: "f", arguments: { n, x } }, accepted).valid;
  assert.ok(check(1, 2));
  assert.ok(check(1, new FloatValue(2)));
  assert.ok(!check(new FloatValue(1), 2));
  assert.ok(!check(true, 2));
});
