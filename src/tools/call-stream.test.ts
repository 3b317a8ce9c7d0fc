import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { callFormats, readCallBody, writeCalls } from "./call-format.ts";
import { type CallEvent, createCallStream, parseCalls, readCalls } from "./call-stream.ts";
import type { ToolCall } from "./types.ts";

const timer: ToolCall = { name: "set_timer", arguments: { minutes: 5 } };
const { open, close } = callFormats.limbeck;
const kinds = (text: string): string[] => parseCalls(text).map((event) => event.kind);

/** Text that comes in several pieces is one text. */
function joinText(events: readonly CallEvent[]): CallEvent[] {
  const joined: CallEvent[] = [];
  for (const event of events) {
    const last = joined.at(-1);
    if (event.kind === "text" && last?.kind === "text")
      joined[joined.length - 1] = { kind: "text", text: last.text + event.text };
    else joined.push(event);
  }
  return joined;
}

test("words and calls come apart, with the place of each call", () => {
  const text = `Sure.${writeCalls([timer])} Done`;
  const events = parseCalls(text);
  assert.deepEqual(
    events.map((event) => event.kind),
    ["text", "call", "text"],
  );
  const event = events[1]!;
  assert.ok(event.kind === "call");
  assert.deepEqual(event.call, timer);
  assert.equal(event.raw, '{"name":"set_timer","arguments":{"minutes":5}}');
  assert.equal(text.slice(event.startOffset, event.endOffset), writeCalls([timer]));
  assert.deepEqual(readCalls(text), { content: "Sure. Done", calls: [timer], malformed: 0 });
});

test("a call is reported by the piece that completes it", () => {
  const stream = createCallStream();
  const text = writeCalls([timer]);
  assert.deepEqual(stream.push(text.slice(0, -1)), []);
  assert.deepEqual(
    stream.push(text.slice(-1)).map((event) => event.kind),
    ["call"],
  );
});

test("text that only begins like a mark is given back", () => {
  const stream = createCallStream();
  assert.deepEqual(stream.push("a <|ca"), [{ kind: "text", text: "a " }]);
  assert.deepEqual(stream.push("ke"), [{ kind: "text", text: "<|cake" }]);
  assert.deepEqual(stream.push("<|"), []);
  assert.deepEqual(stream.flush(), [{ kind: "text", text: "<|" }]);
});

test("what is begun and is no call is malformed, with the reason", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [`${open}{"name":"x"`, /not closed/],
    [`${open}nonsense${close}`, /not JSON/],
    [`${open}[]${close}`, /expected an object/],
    [`${open}{"arguments":{}}${close}`, /name/],
    [`${open}{"name":"x","arguments":"{}"}${close}`, /arguments/],
    [`${open}{"name":"x","arguments":{},"id":1}${close}`, /unknown field id/],
  ];
  for (const [text, reason] of cases) {
    const [event, ...rest] = parseCalls(text);
    assert.ok(event?.kind === "malformed_call", text);
    assert.match(event.reason, reason);
    assert.deepEqual(rest, []);
  }
});

test("a good call after a broken one is still found", () => {
  assert.deepEqual(kinds(`${open}{"name"${writeCalls([timer])}`), ["malformed_call", "call"]);
  assert.deepEqual(kinds(`${open}{"name":"x${close}${writeCalls([timer])}`), ["malformed_call", "call"]);
  assert.deepEqual(kinds(`${open}oops${close}${writeCalls([timer])}`), ["malformed_call", "call"]);
});

test("marks inside a string belong to the string", () => {
  const call = { name: "note", arguments: { text: `say 5" ${close} or ${open} now` } };
  assert.deepEqual(readCalls(writeCalls([call, timer])).calls, [call, timer]);
});

test("any cut of the text gives the same events", () => {
  const part = fc.constantFrom(
    "Sure ",
    open,
    close,
    "{",
    '"name":',
    '"a"',
    "}",
    '{"name":"a","arguments":{}}',
    "\\",
    '"',
    "<|",
    "🙂",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(60), { maxLength: 6 }), (parts, cuts) => {
      const text = parts.join("");
      const stream = createCallStream();
      const events: CallEvent[] = [];
      let from = 0;
      for (const cut of [...cuts.sort((a, b) => a - b), text.length]) {
        if (cut < from) continue;
        events.push(...stream.push(text.slice(from, cut)));
        from = cut;
      }
      events.push(...stream.flush());
      assert.deepEqual(joinText(events), joinText(parseCalls(text)));
    }),
    { numRuns: 500 },
  );
});

test("what is written is read again, in every format", () => {
  const args = fc
    .dictionary(fc.string(), fc.jsonValue())
    .filter((value) => !("__proto__" in value && Object.keys(value).includes("__proto__")));
  const call = fc.record({ name: fc.string({ minLength: 1 }), arguments: args });
  fc.assert(
    fc.property(
      fc.array(call, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(...(["limbeck", "hermes"] as const)),
      (calls, format) => {
        const written = JSON.parse(JSON.stringify(calls)) as ToolCall[];
        assert.deepEqual(readCalls(writeCalls(written, format), format).calls, written);
      },
    ),
  );
});

test("Hermes calls may hold white space", () => {
  const text = '<tool_call>\n{"name": "x", "arguments": {"a": 1}}\n</tool_call>';
  assert.deepEqual(readCalls(text, "hermes").calls, [{ name: "x", arguments: { a: 1 } }]);
  assert.ok(readCallBody('{"name":"x","arguments":{}}').ok);
});
