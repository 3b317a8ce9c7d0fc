import assert from "node:assert/strict";
import { test } from "node:test";
import { scanPrivacy } from "./privacy.ts";

const none = (): readonly string[] => [];

function kindsIn(text: string, known: readonly string[] = []): string[] {
  return scanPrivacy(text, () => known).leaks.map((leak) => leak.kind);
}

test("finds addresses, numbers, identifiers, keys and foreign hosts", () => {
  assert.deepEqual(kindsIn("write to jane.doe@corp.co.uk today"), ["email"]);
  assert.deepEqual(kindsIn("call 555-123-4567 or (555) 987-6543."), ["phone", "phone"]);
  assert.deepEqual(kindsIn("ring +49 30 1234 5678"), ["phone"]);
  assert.deepEqual(kindsIn("id 3f2504e0-4f89-11d3-9a0c-0305e82c3301"), ["uuid"]);
  assert.deepEqual(kindsIn("see https://intranet.corp.io/path?q=1."), ["url"]);
  assert.deepEqual(
    // Written in two parts, so that nobody's secret scanner takes the test for a secret.
    ["sk-" + "abcdEFGH12345678", "gh" + "p_abcdefghijklmnopqrst", "AK" + "IAABCDEFGHIJKLMNOP"].flatMap(
      (key) => kindsIn(`the key is ${key}!`),
    ),
    ["key", "key", "key"],
  );
});

test("leaves ordinary text alone", () => {
  for (const text of [
    "2@3 is no address, nor is user@host, nor @app",
    "the meeting is on 2026-03-14 at 10:30, room 401",
    "it costs 1234567.89 and weighs 3.141592653589793",
    "set a timer for 25 minutes and 3 alarms",
    '{"amount":1250000,"from":"EUR","to":"USD"}',
    "see https://docs.example.com/a and mail info@example.org",
    "risk-averse people and a sk-8 board",
  ]) {
    assert.deepEqual(scanPrivacy(text, none), { leaks: [], copied: 0 }, text);
  }
});

test("what the user said or a tool returned is copied, not leaked", () => {
  const known = ["mail Jane.Doe@corp.io and ring (555) 123-4567", '{"url":"https://maps.corp.io/x1"}'];
  const scan = scanPrivacy(
    "sent to jane.doe@corp.io, rang 555 123 4567, see https://maps.corp.io/x1",
    () => known,
  );
  assert.deepEqual(scan, { leaks: [], copied: 3 });
  assert.deepEqual(kindsIn("jane.roe@corp.io", known), ["email"]);
});

test("each occurrence counts, however small its share of the text", () => {
  const text = `${"word ".repeat(5000)}a@b.io and a@b.io`;
  assert.equal(scanPrivacy(text, none).leaks.length, 2);
});

test("the allow-list takes hosts with their subdomains and exact values", () => {
  const allow = { hosts: ["corp.io"], values: ["555-123-4567"] };
  assert.deepEqual(scanPrivacy("https://a.corp.io/x and b@corp.io and 555-123-4567", none, allow).leaks, []);
  assert.equal(scanPrivacy("https://notcorp.io/x", none, allow).leaks.length, 1);
});
