import assert from "node:assert/strict";
import { test } from "node:test";
import { createVolatileHeaders } from "./volatile-headers.ts";

const ask = (system: string, user = "Hello") =>
  [
    { role: "system", content: system },
    { role: "user", content: user },
  ] as const;

function found(...systems: readonly string[]) {
  const headers = createVolatileHeaders();
  for (const system of systems) headers.observe(ask(system));
  return headers.found.map(({ kind, text, previous, changes }) => ({ kind, text, previous, changes }));
}

const cases: readonly (readonly [kind: string, before: string, after: string])[] = [
  ["time", "10:32:05", "10:32:09"],
  ["time", "9:58 AM", "10:01 PM"],
  ["date", "2026-11-20", "2026-11-21"],
  ["date", "2026-11-20T10:32:05Z", "2026-11-20T10:33:00Z"],
  ["date", "Friday, November 20,", "Saturday, November 21,"],
  ["uuid", "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"],
  ["number", "1700000000", "1700000042"],
  ["id", "session=a81f09", "session=77c20e"],
];

for (const [kind, before, after] of cases) {
  test(`${after} is named as a ${kind}`, () => {
    const prompt = (header: string): string => `You are a careful assistant.\nNow: ${header} Use the tools.`;
    const headers = found(prompt(before), prompt(before), prompt(after));
    assert.equal(headers.length, 1, JSON.stringify(headers));
    const [header] = headers;
    assert.deepEqual([header?.kind, header?.changes], [kind, 1]);
    assert.ok(after.endsWith(header?.text ?? "?"), header?.text);
    assert.ok(before.endsWith(header?.previous ?? "?"), header?.previous);
  });
}

test("each change counts, and the message is named", () => {
  const headers = createVolatileHeaders();
  for (let second = 0; second < 5; second++) {
    headers.observe([
      { role: "system", content: "Rules: be brief, 3 words." },
      { role: "system", content: `It is 10:00:0${second} now.` },
      { role: "user", content: `It is 11:00:0${second} now.` },
    ]);
  }
  assert.deepEqual(headers.found, [
    { message: 1, role: "system", kind: "time", text: "10:00:04", previous: "10:00:03", changes: 4 },
  ]);
});

test("prompts that differ in more than such text are other prompts", () => {
  assert.deepEqual(found("Translate to French.", "Translate to German."), []);
  assert.deepEqual(found("Step 1 of 3: read.", "Step 1 of 3: read."), []);
  assert.deepEqual(found("At 10:00 read.", "At 10:01 write."), []);
});

test("what is remembered stays small", () => {
  const headers = createVolatileHeaders();
  for (let i = 0; i < 500; i++) {
    for (const hour of [10, 11]) headers.observe(ask(`Prompt ${"x".repeat(i)} at ${hour}:00.`));
  }
  assert.equal(headers.found.length, 64);
});
