import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentEvent } from "../types.ts";
import { createEventParser, type ParseReport, type StreamFormat } from "./parser.ts";

interface Parsed {
  readonly events: readonly AgentEvent[];
  readonly report: ParseReport;
}

function parse(stream: string | Uint8Array, format: StreamFormat = "auto", maxLineBytes?: number): Parsed {
  const parser = createEventParser({ format, ...(maxLineBytes === undefined ? {} : { maxLineBytes }) });
  const bytes = typeof stream === "string" ? new TextEncoder().encode(stream) : stream;
  const events = [...parser.push(bytes), ...parser.end()];
  return { events, report: parser.report };
}

const lines = (...values: readonly object[]): string =>
  values.map((value) => JSON.stringify(value)).join("\n");
const textOf = (events: readonly AgentEvent[]): string =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");
const assistant = (text: string): object => ({
  type: "assistant",
  session_id: "s",
  message: { id: text, content: [{ type: "text", text }] },
});
const chunk = (delta: object, finish_reason: string | null = null): object => ({
  id: "c1",
  object: "chat.completion.chunk",
  choices: [{ index: 0, delta, finish_reason }],
});

test("the first value that tells decides the format", () => {
  const first: readonly [string, StreamFormat][] = [
    [lines({ type: "system", subtype: "init" }), "claude"],
    [lines(assistant("Hi.")), "claude"],
    [lines({ type: "content_block_delta", delta: { type: "text_delta", text: "a" } }), "claude"],
    [lines({ type: "thread.started", thread_id: "t" }), "codex"],
    [lines({ type: "error", message: "Reconnecting" }), "codex"],
    [lines({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }), "claude"],
    [lines(chunk({ content: "a" })), "openai"],
    [`data: ${lines(chunk({ content: "a" }))}\n\n`, "openai"],
    [`event: message_start\ndata: ${lines({ type: "message_start", message: { id: "m" } })}\n\n`, "claude"],
    [`: a comment\n\ndata: ${lines({ type: "response.created", response: {} })}\n\n`, "openai"],
    [lines({ object: "response", output: [] }), "openai"],
    [lines({ error: { message: "No." } }), "openai"],
    [lines({ type: "unheard_of" }, assistant("Hi.")), "claude"],
    [lines({ type: "unheard_of" }), "auto"],
    ['\n\n  {"type":"assis', "auto"],
    ["Hello.", "plain"],
    ["data", "plain"],
    ["data: we found it\nMore.", "plain"],
    ["events: many", "plain"],
    ["[INFO] started\nMore.", "plain"],
    ["{curly} words", "plain"],
    ["   ", "plain"],
    ["", "auto"],
  ];
  for (const [stream, format] of first) assert.equal(parse(stream).report.format, format, stream);
});

test("text that only looked like JSON or events is said whole", () => {
  for (const text of [
    "data: we found it\nMore.\n",
    "[INFO] started\nMore.\n",
    "id: 5\nevent: x\nprose.\n",
    "d",
    "re",
  ])
    assert.equal(textOf(parse(text).events).trimEnd(), text.trimEnd());
});

test("plain text comes as it was, in any pieces, and ends", () => {
  const text = "Grüße, 世界 👩‍💻.\nSecond line.";
  const bytes = new TextEncoder().encode(text);
  const parser = createEventParser();
  const events = [...[...bytes].flatMap((byte) => parser.push(Uint8Array.of(byte))), ...parser.end()];
  assert.equal(textOf(events), text);
  assert.deepEqual(events.at(-1), { type: "text_end", agent: "agent", message: "0", block: 0 });
  assert.deepEqual(parse("").events, []);
});

test("bad JSON is reported with its line and stops nothing", () => {
  const { events, report } = parse(
    `${lines(assistant("One."))}\n{"type":"assistant","mess\nnoise\n${lines(assistant("Two."))}\n{"cut`,
  );
  assert.equal(textOf(events), "One.Two.");
  assert.equal(report.badLines.count, 3);
  assert.deepEqual(
    report.badLines.first.map(({ line }) => line),
    [2, 3, 5],
  );
  assert.match(report.badLines.first[0]?.reason ?? "", /JSON/);
});

test("only the first twenty bad lines are kept, all are counted", () => {
  const { report } = parse("nonsense\n".repeat(1000), "claude");
  assert.equal(report.badLines.count, 1000);
  assert.equal(report.badLines.first.length, 20);
});

test("numbers, texts and lists of them are no events", () => {
  const { events, report } = parse('5\n"x"\nnull\n[1]\n', "openai");
  assert.deepEqual(events, []);
  assert.deepEqual(
    report.badLines.first.map(({ line }) => line),
    [1, 2, 3, 4],
  );
});

test("a line over the bound is skipped, reported, and the next one read", () => {
  const long = lines(assistant("x".repeat(3000)));
  const { events, report } = parse(
    `${lines(assistant("One."))}\n${long}\n${lines(assistant("Two."))}`,
    "auto",
    1000,
  );
  assert.equal(textOf(events), "One.Two.");
  assert.deepEqual(report.badLines, {
    count: 1,
    first: [{ line: 2, reason: "expected at most 1000 bytes in a line, got more" }],
  });
});

test("unknown events are counted by type, the kinds bounded", () => {
  const many = Array.from({ length: 80 }, (_, i) => ({ type: `new_${i}` }));
  const { events, report } = parse(
    lines(
      assistant("Hi."),
      { type: "hologram" },
      { type: "hologram" },
      { type: "system", subtype: "dream" },
      ...many,
    ),
  );
  assert.equal(textOf(events), "Hi.");
  assert.equal(report.unknown["hologram"], 2);
  assert.equal(report.unknown["system/dream"], 1);
  assert.equal(
    Object.values(report.unknown).reduce((a, b) => a + b, 0),
    83,
  );
  assert.equal(Object.keys(report.unknown).length, 51);
  assert.equal(report.unknown["other"], 32);
});

test("what is no speech but known is not counted as unknown", () => {
  const { report } = parse(
    lines(
      { type: "system", subtype: "init" },
      { type: "stream_event", event: { type: "message_delta", delta: {} } },
      {
        type: "stream_event",
        event: { type: "content_block_start", index: 0, content_block: { type: "thinking" } },
      },
      {
        type: "stream_event",
        event: { type: "content_block_delta", index: 0, delta: { type: "signature_delta" } },
      },
      { type: "user", message: { role: "user", content: "x" } },
      { type: "keep_alive" },
    ),
  );
  assert.deepEqual(report.unknown, {});
});

test("line ends of Windows, a byte order mark and blank lines are no trouble", () => {
  const stream = `\ufeff${lines(assistant("One."))}\r\n\r\n${lines(assistant("Two."))}\r\n`;
  assert.equal(textOf(parse(stream, "claude").events), "One.Two.");
  assert.equal(textOf(parse(stream).events), "One.Two.");
});

test("a value printed over several lines, and a list of values, are read", () => {
  const whole = {
    object: "chat.completion",
    id: "x",
    choices: [{ index: 0, message: { role: "assistant", content: "Hi." } }],
  };
  assert.equal(textOf(parse(JSON.stringify(whole, null, 2)).events), "Hi.");
  assert.equal(textOf(parse(JSON.stringify([assistant("One."), assistant("Two.")])).events), "One.Two.");
  assert.equal(
    textOf(parse(JSON.stringify([assistant("One."), assistant("Two.")], null, 1)).events),
    "One.Two.",
  );
  // One that never ends does not swallow the values after it.
  const { events, report } = parse(`{\n "type": "x",\n${lines(assistant("After."))}`);
  assert.equal(textOf(events), "After.");
  assert.deepEqual(
    report.badLines.first.map(({ line }) => line),
    [1],
  );
});

test("server-sent events: data over several lines, comments, and no blank lines between", () => {
  const json = JSON.stringify(chunk({ content: "Hi." }), null, 1);
  const split = json
    .split("\n")
    .map((line) => `data: ${line}`)
    .join("\n");
  assert.equal(textOf(parse(`: ping\n\n${split}\n\ndata: [DONE]\n\n`).events), "Hi.");
  const dense = [chunk({ content: "One. " }), chunk({ content: "Two." })]
    .map((value) => `data:${JSON.stringify(value)}`)
    .join("\n");
  assert.equal(textOf(parse(dense).events), "One. Two.");
  const { events, report } = parse(`data: {"cut\n\ndata: ${JSON.stringify(chunk({ content: "Hi." }))}\n\n`);
  assert.equal(textOf(events), "Hi.");
  assert.equal(report.badLines.count, 1);
});

test("Codex: messages, commands, files, tools, failures", () => {
  const { events, report } = parse(
    lines(
      { type: "thread.started", thread_id: "t1" },
      { type: "turn.started" },
      { type: "item.completed", item: { id: "i0", type: "reasoning", text: "Hm." } },
      {
        type: "item.started",
        item: { id: "i1", type: "command_execution", command: "bash -lc 'npm test'", status: "in_progress" },
      },
      {
        type: "item.completed",
        item: {
          id: "i1",
          type: "command_execution",
          command: "bash -lc 'npm test'",
          exit_code: 1,
          status: "failed",
        },
      },
      {
        type: "item.completed",
        item: {
          id: "i2",
          type: "file_change",
          changes: [
            { path: "a/b.ts", kind: "update" },
            { path: "a/c.ts", kind: "add" },
          ],
        },
      },
      {
        type: "item.completed",
        item: { id: "i3", type: "mcp_tool_call", server: "docs", tool: "find", arguments: { q: "x" } },
      },
      { type: "item.updated", item: { id: "i4", type: "agent_message", text: "All" } },
      { type: "item.updated", item: { id: "i4", type: "agent_message", text: "All good" } },
      { type: "item.completed", item: { id: "i4", type: "agent_message", text: "All good." } },
      { type: "item.completed", item: { id: "i5", type: "web_search", query: "x" } },
      { type: "item.started", item: { id: "i6", type: "todo_list", items: [] } },
      { type: "item.completed", item: { id: "i7", type: "hologram" } },
      { type: "turn.completed", usage: {} },
      { type: "turn.failed", error: { message: "429 Too Many Requests" } },
      { type: "error", message: "stream lost" },
    ),
  );
  assert.equal(report.format, "codex");
  assert.deepEqual(report.unknown, { "item/hologram": 1 });
  assert.equal(textOf(events), "All good.");
  assert.deepEqual(
    events.flatMap((event) => (event.type === "tool_call" ? [[event.id, event.name, event.input]] : [])),
    [
      ["i1", "Bash", { command: "bash -lc 'npm test'" }],
      ["i2", "Edit", { file_path: "a/b.ts" }],
      ["i2#1", "Write", { file_path: "a/c.ts" }],
      ["i3", "mcp__docs__find", { q: "x" }],
      ["i5", "WebSearch", { query: "x" }],
      ["i6", "TodoWrite", {}],
    ],
  );
  assert.deepEqual(
    events.flatMap((event) => (event.type === "tool_result" ? [[event.id, event.isError]] : [])),
    [
      ["i1", true],
      ["i2", false],
      ["i3", false],
      ["i5", false],
    ],
  );
  assert.deepEqual(
    events.flatMap((event) => (event.type === "notice" ? [[event.kind, event.text]] : [])),
    [
      ["done", "Finished."],
      ["rate_limit", "429 Too Many Requests"],
      ["error", "stream lost"],
    ],
  );
  assert.ok(events.every(({ agent }) => agent === "t1"));
});

test("Codex: a command failed if it says so or has an exit code", () => {
  const command = (id: string, more: object): object => ({
    type: "item.completed",
    item: { id, type: "command_execution", command: "x", ...more },
  });
  const { events } = parse(
    lines(command("a", { exit_code: 2 }), command("b", { exit_code: 0 }), command("c", { status: "failed" })),
  );
  assert.deepEqual(
    events.flatMap((event) => (event.type === "tool_result" ? [[event.id, event.isError]] : [])),
    [
      ["a", true],
      ["b", false],
      ["c", true],
    ],
  );
});

test("OpenAI chat: content, refusal and calls come in pieces and once", () => {
  const { events } = parse(
    lines(
      chunk({ role: "assistant", content: "" }),
      chunk({ content: "I will " }),
      chunk({ content: "look." }),
      chunk({
        tool_calls: [
          { index: 0, id: "call_1", type: "function", function: { name: "get_weather", arguments: "" } },
        ],
      }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
      chunk({ tool_calls: [{ index: 1, id: "call_2", function: { name: "get_time", arguments: "{}" } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '"Bern"}' } }] }),
      chunk({}, "tool_calls"),
      {
        id: "c1",
        object: "chat.completion",
        choices: [
          {
            index: 0,
            message: {
              role: "assistant",
              content: "I will look.",
              tool_calls: [{ id: "call_1", function: { name: "get_weather", arguments: '{"city":"Bern"}' } }],
            },
          },
        ],
      },
    ),
  );
  assert.deepEqual(events, [
    { type: "text", agent: "agent", message: "c1", block: 0, text: "I will " },
    { type: "text", agent: "agent", message: "c1", block: 0, text: "look." },
    { type: "text_end", agent: "agent", message: "c1", block: 0 },
    { type: "tool_call", agent: "agent", id: "call_1", name: "get_weather", input: { city: "Bern" } },
    { type: "tool_call", agent: "agent", id: "call_2", name: "get_time", input: {} },
  ]);
});

test("OpenAI chat: refusals, cut answers, errors, other choices, bad arguments, old completions", () => {
  assert.equal(
    textOf(parse(lines(chunk({ refusal: "I can" }), chunk({ refusal: "not." }))).events),
    "I cannot.",
  );
  assert.deepEqual(parse(lines(chunk({ content: "Half" }, "length"))).events.at(-1), {
    type: "notice",
    agent: "agent",
    kind: "error",
    text: "The answer was cut off: it reached its limit.",
  });
  assert.deepEqual(
    parse(lines({ error: { message: "Slow down.", type: "requests", code: "rate_limit_exceeded" } })).events,
    [{ type: "notice", agent: "agent", kind: "rate_limit", text: "Slow down." }],
  );
  const { events } = parse(
    lines({
      id: "c",
      choices: [
        { index: 1, delta: { content: "Two." } },
        { index: 0, delta: { content: "One." } },
      ],
    }),
  );
  assert.deepEqual(
    events.flatMap((event) => (event.type === "text" ? [[event.agent, event.text]] : [])),
    [
      ["agent 2", "Two."],
      ["agent", "One."],
    ],
  );
  const bad = parse(
    lines(
      chunk(
        { tool_calls: [{ index: 0, id: "x", function: { name: "f", arguments: "{oops" } }] },
        "tool_calls",
      ),
    ),
  );
  assert.deepEqual(bad.events, [{ type: "tool_call", agent: "agent", id: "x", name: "f", input: {} }]);
  assert.deepEqual(bad.report.unknown, { "tool arguments that are no JSON object": 1 });
  assert.equal(
    textOf(parse(lines({ object: "text_completion", id: "t", choices: [{ text: "Old." }] })).events),
    "Old.",
  );
  assert.equal(
    textOf(
      parse(lines({ id: "p", choices: [{ message: { content: [{ type: "text", text: "Parts." }] } }] }))
        .events,
    ),
    "Parts.",
  );
});

test("OpenAI responses: deltas, done texts, calls and the whole response are said once", () => {
  const item = { id: "m1", type: "message", content: [{ type: "output_text", text: "Hi there." }] };
  const call = { id: "f1", call_id: "call_1", type: "function_call", name: "look", arguments: '{"a":1}' };
  const stream = lines(
    { type: "response.created", response: {} },
    { type: "response.output_item.added", item: { id: "m1", type: "message" } },
    { type: "response.output_text.delta", item_id: "m1", content_index: 0, delta: "Hi " },
    { type: "response.output_text.delta", item_id: "m1", content_index: 0, delta: "there." },
    { type: "response.output_text.done", item_id: "m1", content_index: 0, text: "Hi there." },
    { type: "response.output_item.done", item },
    { type: "response.function_call_arguments.delta", item_id: "f1", delta: "{" },
    { type: "response.output_item.done", item: call },
    { type: "response.completed", response: { object: "response", output: [item, call] } },
  );
  const { events, report } = parse(stream);
  assert.equal(textOf(events), "Hi there.");
  assert.deepEqual(report.unknown, {});
  assert.deepEqual(
    events.filter(({ type }) => type === "tool_call"),
    [{ type: "tool_call", agent: "agent", id: "call_1", name: "look", input: { a: 1 } }],
  );
  assert.equal(textOf(parse(lines({ object: "response", output: [item] })).events), "Hi there.");
  const failed = parse(
    lines({ type: "response.failed", response: { error: { code: "server_error", message: "It broke." } } }),
  );
  assert.deepEqual(failed.events, [{ type: "notice", agent: "agent", kind: "error", text: "It broke." }]);
});

test("Claude: sub-agents and sessions are agents of their own, results name their call", () => {
  const { events } = parse(
    lines(
      { ...assistant("Main."), parent_tool_use_id: null },
      { ...assistant("Sub."), parent_tool_use_id: "t1" },
      { ...assistant("Other."), session_id: "z" },
      {
        type: "user",
        session_id: "s",
        message: { content: [{ type: "tool_result", tool_use_id: "t7", is_error: true, content: "no" }] },
      },
    ),
  );
  assert.deepEqual(
    events.flatMap((event) => (event.type === "text" ? [[event.agent, event.text]] : [])),
    [
      ["s", "Main."],
      ["s/t1", "Sub."],
      ["z", "Other."],
    ],
  );
  assert.deepEqual(events.at(-1), { type: "tool_result", agent: "s", id: "t7", isError: true });
});

test("Claude: of a user's message only the results of tools are events", () => {
  const content = [
    { type: "text", text: "Please." },
    { type: "image", source: {} },
    { type: "tool_result", tool_use_id: "t1", content: "ok" },
  ];
  assert.deepEqual(
    parse(lines({ type: "user", session_id: "s", message: { role: "user", content } })).events,
    [{ type: "tool_result", agent: "s", id: "t1", isError: false }],
  );
});

test("a chunk's memory may be used again after push", () => {
  const parser = createEventParser({ format: "claude" });
  const bytes = new TextEncoder().encode(lines(assistant("Kept.")));
  const buffer = bytes.slice(0, 20);
  const first = parser.push(buffer);
  buffer.fill(120);
  assert.equal(textOf([...first, ...parser.push(bytes.subarray(20)), ...parser.end()]), "Kept.");
});
