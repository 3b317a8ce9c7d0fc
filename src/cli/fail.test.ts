import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { stringifyJson } from "../base/json.ts";
import { asLimbeckError, errorDocument, renderError } from "./fail.ts";

const error = new LimbeckError("invalid_config", "recipe a.yaml: steps: expected an integer, got text", {
  cure: "Write a number.",
  fields: { path: "a.yaml", got: Number.NaN, data: new Float32Array(2) },
  cause: new Error("the cause"),
});

test("a person reads the message and the cure", () => {
  assert.equal(
    renderError(error, false),
    "limbeck: recipe a.yaml: steps: expected an integer, got text\n  Write a number.\n",
  );
});

test("a stack and its causes are printed when asked for", () => {
  const text = renderError(error, true);
  assert.match(text, /at .*fail\.test/);
  assert.match(text, /caused by: Error: the cause/);
});

test("a program reads code, message, cure and fields, also where a field is no JSON", () => {
  assert.equal(
    stringifyJson(errorDocument(error)),
    '{"error":{"code":"invalid_config","message":"recipe a.yaml: steps: expected an integer, got text",' +
      '"cure":"Write a number.","fields":{"path":"a.yaml","got":"NaN","data":"Float32Array of 8 bytes"}}}',
  );
});

test("anything else that is thrown is our bug", () => {
  const bug = asLimbeckError(new TypeError("x is undefined"));
  assert.equal(bug.exitStatus, 70);
  assert.match(bug.message, /^internal: TypeError: x is undefined/);
  assert.match(bug.cure ?? "", /DEBUG=1/);
});
