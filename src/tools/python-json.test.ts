import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pythonJson, pythonNumber } from "./python-json.ts";

// Texts on the right are what Python 3.11 prints for json.dumps with these options.
test("numbers are written as Python writes them", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0"],
    [-5, "-5"],
    [1.5, "1.5"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [-0.0000125, "-1.25e-05"],
    [1e-7, "1e-07"],
    [2.5e-12, "2.5e-12"],
    [5e-324, "5e-324"],
    [1e21, "1e+21"],
  ];
  for (const [value, text] of cases) assert.equal(pythonNumber(value), text);
  assert.throws(() => pythonJson({ a: Number.NaN }), { code: "internal" });
});

test("separators, indents, empty containers, keys and escapes are Python's", () => {
  const value = { b: [1, { c: null }], "é\u2028": '<"\u007f>', a: {}, d: [] };
  assert.equal(pythonJson(value), '{"b": [1, {"c": null}], "é\u2028": "<\\"\u007f>", "a": {}, "d": []}');
  assert.equal(
    pythonJson(value, { indent: 2 }),
    '{\n  "b": [\n    1,\n    {\n      "c": null\n    }\n  ],\n  "é\u2028": "<\\"\u007f>",\n  "a": {},\n  "d": []\n}',
  );
  assert.equal(
    pythonJson(value, { separators: [",", ":"], sortKeys: true, ensureAscii: true }),
    '{"a":{},"b":[1,{"c":null}],"d":[],"\\u00e9\\u2028":"<\\"\\u007f>"}',
  );
  assert.equal(pythonJson({ "\ufb01": 1, "🙂": 2, a: 3 }, { sortKeys: true }), '{"a": 3, "ﬁ": 1, "🙂": 2}');
  assert.equal(pythonJson({ x: [1] }, { indent: 1, separators: [",", ":"] }), '{\n "x":[\n  1\n ]\n}');
  assert.equal(pythonJson({ x: 1e-7 }, { separators: [",", ":"] }), '{"x":1e-07}');
});

test("what is written is JSON of the same value", () => {
  const indent = fc.option(fc.nat(4), { nil: null });
  fc.assert(
    fc.property(
      fc.jsonValue(),
      indent,
      fc.boolean(),
      fc.boolean(),
      (value, spaces, sortKeys, ensureAscii) => {
        const text = pythonJson(value, { indent: spaces, sortKeys, ensureAscii });
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
      },
    ),
  );
});
