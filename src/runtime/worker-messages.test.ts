import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { carryError, reviveError } from "./worker-messages.ts";

test("an error crosses with code, message, cure, fields and stack", () => {
  const error = new LimbeckError("context_length_exceeded", "prompt: too long", {
    cure: "Shorten it.",
    fields: { tokens: 9, shape: [1, 2] },
  });
  const revived = reviveError(structuredClone(carryError(error)));
  assert.ok(revived instanceof LimbeckError);
  assert.deepEqual(
    [revived.code, revived.message, revived.cure, revived.fields, revived.stack],
    [error.code, error.message, error.cure, error.fields, error.stack],
  );
});

test("what is not our error is our bug; fields that cannot cross become text", () => {
  const revived = reviveError(structuredClone(carryError(new TypeError("x is not a function"))));
  assert.equal(revived.code, "internal");
  assert.match(revived.message, /^internal: x is not a function/);
  const odd = new LimbeckError("usage", "odd", { fields: { call: () => 1 } });
  assert.equal(typeof reviveError(structuredClone(carryError(odd))).fields["call"], "string");
  assert.equal(reviveError(carryError("text")).message, "internal: text");
});
