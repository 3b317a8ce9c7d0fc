import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type CallFormat, callFormats, readCallBody, writeCalls } from "./call-format.ts";
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

test("a brace that was no call does not hide where the next call ends", () => {
  const stream = createCallStream("llama3");
  const events = ["{", "\n", '<|python_tag|>{"name":"a","arguments":{}}'].flatMap((piece) =>
    stream.push(piece),
  );
  assert.deepEqual(
    events.map((event) => event.kind),
    ["text", "call"],
  );
});

const formats = Object.keys(callFormats) as CallFormat[];
const anyFormat = fc.constantFrom(...formats);
const marks = formats.flatMap((format) => {
  const { open: opening, close: closing, alsoOpen } = callFormats[format];
  return [opening, closing, ...alsoOpen];
});
const part = fc.oneof(
  fc.constantFrom(...marks, "```", "<tool", "<|python", ";", "; ", "\n", " ", "Sure ", "🙂"),
  fc.constantFrom("{", "}", '"', "\\", '"name":', '"a"', ", ", '"parameters":', '"arguments":'),
  fc.constantFrom(
    '{"name":"a","arguments":{}}',
    '{"name": "b", "parameters": {"x": "}"}}',
    '{"name": "Ada"}',
  ),
);
const anyOutput = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(""));

test("any cut of the text gives the same events", () => {
  fc.assert(
    fc.property(anyFormat, anyOutput, fc.array(fc.nat(60), { maxLength: 6 }), (format, text, cuts) => {
      const stream = createCallStream(format);
      const events: CallEvent[] = [];
      let from = 0;
      for (const cut of [...cuts.sort((a, b) => a - b), text.length]) {
        if (cut < from) continue;
        events.push(...stream.push(text.slice(from, cut)));
        from = cut;
      }
      events.push(...stream.flush());
      assert.deepEqual(joinText(events), joinText(parseCalls(text, format)));
    }),
    { numRuns: 2000 },
  );
});

test("character by character is the same as at once, and no text is lost", () => {
  fc.assert(
    fc.property(anyFormat, anyOutput, (format, text) => {
      const stream = createCallStream(format);
      const events = [...Array.from(text).flatMap((piece) => stream.push(piece)), ...stream.flush()];
      assert.deepEqual(joinText(events), joinText(parseCalls(text, format)));
      let at = 0;
      for (const event of events) {
        if (event.kind === "text") {
          assert.equal(text.slice(at, at + event.text.length), event.text);
          at += event.text.length;
        } else {
          assert.equal(event.startOffset, at);
          assert.ok(text.slice(event.startOffset, event.endOffset).includes(event.raw));
          at = event.endOffset;
        }
      }
      assert.equal(at, text.length);
    }),
    { numRuns: 2000 },
  );
});

test("what is written is read again, in every format", () => {
  const args = fc
    .dictionary(fc.string(), fc.jsonValue())
    .filter((value) => !("__proto__" in value && Object.keys(value).includes("__proto__")));
  const call = fc.record({ name: fc.string({ minLength: 1 }), arguments: args });
  fc.assert(
    fc.property(fc.array(call, { minLength: 1, maxLength: 3 }), anyFormat, (calls, format) => {
      const written = JSON.parse(JSON.stringify(calls)) as ToolCall[];
      assert.deepEqual(readCalls(writeCalls(written, format), format), {
        content: "",
        calls: written,
        malformed: 0,
      });
    }),
  );
});

test("Hermes calls may hold white space", () => {
  const text = '<tool_call>\n{"name": "x", "arguments": {"a": 1}}\n</tool_call>';
  assert.deepEqual(readCalls(text, "hermes").calls, [{ name: "x", arguments: { a: 1 } }]);
  assert.ok(readCallBody('{"name":"x","arguments":{}}').ok);
});

const rain = { name: "get_weather", arguments: { city: "Ulm" } };
const bare = '{"name": "get_weather", "parameters": {"city": "Ulm"}}';
const nothingCalled = (text: string) => ({ content: text, calls: [], malformed: 0 });

test("Qwen's layout around calls is no content", () => {
  const text = `I look.\n${writeCalls([rain, timer], "hermes")}`;
  assert.equal(
    text,
    'I look.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Ulm"}}\n</tool_call>\n' +
      '<tool_call>\n{"name": "set_timer", "arguments": {"minutes": 5}}\n</tool_call>',
  );
  assert.deepEqual(readCalls(text, "hermes"), { content: "I look.", calls: [rain, timer], malformed: 0 });
  assert.deepEqual(readCalls(" plain \n", "hermes"), nothingCalled(" plain \n"));
});

test("Llama 3 calls are the answer's JSON, bare or tagged, one or several", () => {
  const cases: readonly (readonly [string, readonly ToolCall[]])[] = [
    [bare, [rain]],
    [`\n ${bare}\n`, [rain]],
    [`<|python_tag|>${bare}`, [rain]],
    [`${bare}; ${bare}`, [rain, rain]],
    [`<|python_tag|>${bare}; <|python_tag|>${bare}`, [rain, rain]],
    ['{"type": "function", "name": "get_weather", "parameters": {"city": "Ulm"}}', [rain]],
    ['{"name": "get_weather", "arguments": {"city": "Ulm"}}', [rain]],
    ['{"name":"say","parameters":{"text":"} \\" {"}}', [{ name: "say", arguments: { text: '} " {' } }]],
  ];
  for (const [text, calls] of cases)
    assert.deepEqual(readCalls(text, "llama3"), { content: "", calls, malformed: 0 }, text);
  assert.deepEqual(readCalls(`Let me see. <|python_tag|>${bare} Done.`, "llama3"), {
    content: "Let me see.\nDone.",
    calls: [rain],
    malformed: 0,
  });
});

test("a Llama 3 call is reported with its closing brace", () => {
  const stream = createCallStream("llama3");
  assert.deepEqual(stream.push(bare.slice(0, -1)), []);
  assert.deepEqual(
    stream.push("}").map((event) => event.kind),
    ["call"],
  );
});

test("braces and fences of ordinary text are no calls", () => {
  const json = '{"name": "Ada", "age": 36}';
  for (const text of [
    `See ${bare}`,
    json,
    `[${bare}]`,
    '{"a": {"b": 1}} and so on',
    "{",
    "{ }",
    '{"name"',
    "a; b",
  ])
    assert.deepEqual(readCalls(text, "llama3"), nothingCalled(text));
  const fence = "```";
  for (const text of [
    `${fence}json\n${json}\n${fence}`,
    `${fence}json\n[1]\n${fence}\nand`,
    `${fence}python\nprint(${bare})\n${fence}`,
    `${fence}json`,
    `${fence}json\n{"name": "A`,
    bare,
  ])
    assert.deepEqual(readCalls(text, "gemma"), nothingCalled(text));
});

test("text that cannot become a call is not held back", () => {
  const llama = createCallStream("llama3");
  assert.deepEqual(llama.push('{"na'), []);
  assert.deepEqual(llama.push('tion": 1'), [{ kind: "text", text: '{"nation": 1' }]);
  const gemma = createCallStream("gemma");
  assert.deepEqual(gemma.push("```json\n"), []);
  assert.deepEqual(joinText(gemma.push("[1, 2")), [{ kind: "text", text: "```json\n[1, 2" }]);
});

test("a Gemma call is JSON in a fence of tool code, or of JSON that is a call", () => {
  assert.equal(writeCalls([rain], "gemma"), `\`\`\`tool_code\n${bare}\n\`\`\``);
  for (const label of ["tool_code", "json"]) {
    const text = `I look.\n\`\`\`${label}\n${bare}\n\`\`\`\n`;
    assert.deepEqual(readCalls(text, "gemma"), { content: "I look.", calls: [rain], malformed: 0 });
  }
});

test("what was meant as a call and is none is malformed", () => {
  const cut = '{"name": "get_weather", "parameters": {"city": "U';
  const wrong = '{"name": "get_weather", "parameters": "Ulm"}';
  for (const [format, text, reason] of [
    ["llama3", cut, /not closed|not JSON/],
    ["llama3", wrong, /parameters: expected an object/],
    ["llama3", '<|python_tag|>brave_search.call(query="x")', /not JSON|not closed/],
    ["gemma", `\`\`\`json\n${cut}`, /not closed/],
    ["gemma", `\`\`\`json\n${wrong}\n\`\`\``, /parameters: expected an object/],
    ["gemma", "```tool_code\nprint(1)\n```", /not JSON/],
    ["hermes", "<tool_call>\n{}\n</tool_call>", /name/],
  ] as const) {
    const [event, ...rest] = parseCalls(text, format);
    assert.ok(event?.kind === "malformed_call", text);
    assert.match(event.reason, reason);
    assert.deepEqual(rest, []);
  }
});
