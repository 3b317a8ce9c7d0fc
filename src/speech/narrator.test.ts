import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../tools/types.ts";
import { textsOf } from "./narrate.test.support.ts";
import { createNarrator, type Narrator, type NarratorOptions } from "./narrator.ts";
import type { AgentEvent, NoticeKind, Segment } from "./types.ts";

const text = (written: string, agent = "a", message = "m"): AgentEvent => ({
  type: "text",
  agent,
  message,
  block: 0,
  text: written,
});
const textEnd = (agent = "a", message = "m"): AgentEvent => ({ type: "text_end", agent, message, block: 0 });
const call = (name: string, input: JsonObject, id = "t", agent = "a"): AgentEvent => ({
  type: "tool_call",
  agent,
  id,
  name,
  input,
});
const failed = (id: string, agent = "a"): AgentEvent => ({ type: "tool_result", agent, id, isError: true });
const notice = (kind: NoticeKind, said: string, agent = "a"): AgentEvent => ({
  type: "notice",
  agent,
  kind,
  text: said,
});

function sayAll(events: readonly AgentEvent[], options: NarratorOptions = {}): readonly Segment[] {
  const narrator = createNarrator(options);
  return [...events.flatMap((event) => narrator.push(event, 0)), ...narrator.end(0)];
}
const heard = (...events: readonly AgentEvent[]): readonly string[] => textsOf(sayAll(events));
const read = (path: string): AgentEvent => call("Read", { file_path: path }, path);

test("calls of tools are told in short", () => {
  const calls: readonly [string, JsonObject, string][] = [
    ["Read", { file_path: "/a/b/main.rs" }, "Reading main.rs."],
    [
      "Edit",
      { file_path: "/a/x.py", old_string: "a", new_string: "a\nb\nc\n" },
      "Editing x.py, a 3-line change.",
    ],
    ["Edit", { file_path: "/a/x.py", old_string: "a", new_string: "b" }, "Editing x.py."],
    ["MultiEdit", { file_path: "/a/x.py" }, "Editing x.py."],
    ["Write", { file_path: "/a/new.ts", content: "1\n2\n3\n4\n" }, "Writing new.ts, 4 lines."],
    ["Bash", { command: "npm test" }, "Running npm test."],
    ["Bash", { command: "cd /a/b && npm run build -- --watch" }, "Running npm run build."],
    ["Bash", { command: "git diff HEAD~1 | head -50" }, "Running git diff."],
    ["Bash", { command: "FOO=1 sudo make install" }, "Running make install."],
    ["Bash", { command: "cat src/a.ts" }, "Reading a.ts."],
    ["Bash", { command: "grep -rn getUser src | sort" }, "Searching for get user."],
    ["Bash", { command: "ls -la" }, "Listing files."],
    ["Bash", { command: "find . -name '*.ts'" }, "Looking for files."],
    ["Bash", { command: "rm -rf build" }, "Removing build."],
    ["Bash", { command: "python scripts/run.py --x" }, "Running run.py."],
    ["Bash", { command: "python - <<'EOF'\nprint(1); x = 2\nEOF" }, "Running a Python script."],
    ["Bash", { command: "curl -s https://api.example.com/v1/x" }, "Reading a page on api.example.com."],
    [
      "Bash",
      { command: 'git add -A && git commit -m "Fix; all" && git push' },
      "Running git add, git commit, and git push.",
    ],
    ["Bash", { command: "a; b; c; d; e" }, "Running 5 shell commands."],
    ["Bash", { command: "" }, "Running a shell command."],
    ["Bash", {}, "Running a shell command."],
    ["shell", { command: ["bash", "-lc", "cargo test --all"] }, "Running cargo test."],
    ["Grep", { pattern: "parseLine" }, "Searching for parse line."],
    ["Grep", { pattern: "foo\\s*\\(.*" }, "Searching the code."],
    ["Glob", { pattern: "src/**/*.ts" }, "Looking for TypeScript files."],
    ["Glob", { pattern: "**/*" }, "Looking for files."],
    ["WebFetch", { url: "https://docs.example.com/a/b", prompt: "x" }, "Reading a page on docs.example.com."],
    ["WebSearch", { query: "node streams" }, "Searching the web for node streams."],
    ["Task", { description: "Fix the tests", prompt: "long" }, "Starting a helper: Fix the tests."],
    ["TodoWrite", { todos: [] }, "Updating the plan."],
    ["mcp__github__create_issue", { title: "x" }, "Using create issue of github."],
    ["get_weather", { city: "Bern" }, "Calling get weather."],
    ["", {}, "Calling a tool."],
    ["\u0000\u0001", {}, "Calling a tool."],
  ];
  for (const [name, input, said] of calls)
    assert.deepEqual(heard(call(name, input)), [said], JSON.stringify(input));
});

test("a name or a number in a told call is verbatim, the words around it are not", () => {
  const [segment] = sayAll([
    call("Edit", { file_path: "/a/x.py", old_string: "a", new_string: "a\nb\nc\n" }),
  ]);
  assert.equal(segment?.text, "Editing x.py, a 3-line change.");
  assert.deepEqual(
    segment?.verbatim.map(([start, end]) => segment.text.slice(start, end)),
    ["x.py", "3"],
  );
  assert.equal(segment?.priority, "chatter");
});

test("a burst of calls is one sentence", () => {
  assert.deepEqual(heard(read("/a.ts"), read("/b.ts")), ["Reading a.ts and b.ts."]);
  assert.deepEqual(heard(...["a", "b", "c", "d", "e"].map((name) => read(`/${name}.ts`))), [
    "Reading 5 files.",
  ]);
  assert.deepEqual(heard(read("/a.ts"), read("/a.ts"), read("/a.ts")), ["Reading a.ts."]);
  assert.deepEqual(
    heard(
      read("/a.ts"),
      read("/b.ts"),
      read("/c.ts"),
      call("Bash", { command: "npm test" }),
      call("Grep", { pattern: "foo" }),
    ),
    ["Reading 3 files, running npm test, and searching for foo."],
  );
  assert.deepEqual(
    heard(
      read("/a.ts"),
      call("LS", {}),
      call("Glob", {}),
      call("TodoWrite", {}),
      call("f", {}),
      call("g", {}),
    ),
    ["Reading a.ts, listing files, and 4 more steps."],
  );
});

test("a burst ends with its window, with a text, or with the stream", () => {
  const narrator = createNarrator({ burstWindowMs: 1000 });
  assert.equal(narrator.nextIdleAtMs, undefined);
  assert.deepEqual(narrator.push(read("/a.ts"), 100), []);
  assert.equal(narrator.nextIdleAtMs, 1100);
  assert.deepEqual(narrator.push(read("/b.ts"), 900), []);
  assert.equal(narrator.nextIdleAtMs, 1100);
  assert.deepEqual(narrator.idle(1099), []);
  const said = narrator.idle(1100);
  assert.deepEqual(textsOf(said), ["Reading a.ts and b.ts."]);
  assert.equal(said[0]?.atMs, 1100);
  assert.equal(narrator.nextIdleAtMs, undefined);
  narrator.push(read("/c.ts"), 2000);
  assert.deepEqual(textsOf(narrator.push(text("Now. "), 2100)), ["Reading c.ts.", "Now."]);
  narrator.push(read("/d.ts"), 3000);
  // Nobody called idle: the next event finds the window over.
  assert.deepEqual(textsOf(narrator.push(read("/e.ts"), 9000)), ["Reading d.ts."]);
  assert.deepEqual(textsOf(narrator.end(9100)), ["Reading e.ts."]);
});

test("calls may be left out, troubles not", () => {
  const segments = sayAll([text("Hi. "), read("/a.ts"), failed("/a.ts"), notice("error", "It broke.")], {
    toolCalls: "skip",
  });
  assert.deepEqual(textsOf(segments), ["Hi.", "It broke."]);
});

test("a call that failed is told by name", () => {
  assert.deepEqual(heard(call("Bash", { command: "npm test" }, "t1"), failed("t1")), [
    "Running npm test.",
    "Running npm test failed.",
  ]);
  assert.deepEqual(heard(failed("unknown")), ["A tool call failed."]);
});

test("the same call in a row is told once, until something else is said", () => {
  const wait = (id: string): AgentEvent => call("BashOutput", {}, id);
  const narrator = createNarrator({ burstWindowMs: 10 });
  const said = [
    ...narrator.push(wait("1"), 0),
    ...narrator.push(wait("2"), 100),
    ...narrator.push(wait("3"), 200),
    ...narrator.push(text("Still running. "), 300),
    ...narrator.push(wait("4"), 400),
    ...narrator.end(500),
  ];
  assert.deepEqual(textsOf(said), [
    "Checking a running command.",
    "Still running.",
    "Checking a running command.",
  ]);
});

test("troubles are urgent and cleaned, the end is not urgent", () => {
  const segments = sayAll([
    notice("error", "Cannot open /usr/lib/x/y.ts: see https://example.com/help."),
    notice("permission", "Permission is needed to use Bash."),
    notice("rate_limit", "The rate limit is reached."),
    notice("done", "Finished."),
  ]);
  assert.deepEqual(
    segments.map(({ priority, text: said }) => [priority, said]),
    [
      ["urgent", "Cannot open y.ts: see a link to example.com."],
      ["urgent", "Permission is needed to use Bash."],
      ["urgent", "The rate limit is reached."],
      ["normal", "Finished."],
    ],
  );
});

test("a question of the agent is urgent, in its own words", () => {
  const segments = sayAll([
    read("/a.ts"),
    call("AskUserQuestion", {
      questions: [{ question: "Which one?", options: [] }, { question: "And why?" }],
    }),
    call("AskUserQuestion", {}),
  ]);
  assert.deepEqual(
    segments.map(({ priority, text: said }) => [priority, said]),
    [
      ["chatter", "Reading a.ts."],
      ["urgent", "Which one?"],
      ["urgent", "And why?"],
      ["urgent", "The agent has a question."],
    ],
  );
});

test("a repeated notice is said once, until the agent speaks again", () => {
  const limit = notice("rate_limit", "Waiting.");
  assert.deepEqual(heard(limit, limit, limit), ["Waiting."]);
  assert.deepEqual(heard(limit, text("Back. "), limit), ["Waiting.", "Back.", "Waiting."]);
  assert.deepEqual(heard(limit, { ...limit, agent: "b" }), ["Waiting.", "Waiting."]);
});

/** Pushes texts with the times they come at; what was said, with its time. */
function timeline(
  narrator: Narrator,
  steps: readonly (readonly [number, AgentEvent | "idle"])[],
): readonly (readonly [number, string])[] {
  return steps
    .flatMap(([at, step]) => (step === "idle" ? narrator.idle(at) : narrator.push(step, at)))
    .map((segment) => [segment.atMs, segment.text] as const);
}

test("a sentence is given out the moment that it is sure, with that time", () => {
  const said = timeline(createNarrator(), [
    [0, text("I fixed")],
    [10, text(" it.")],
    [20, text(" Now")],
    [30, text(" I wait for the tests.")],
    [40, textEnd()],
  ]);
  assert.deepEqual(said, [
    [20, "I fixed it."],
    [40, "Now I wait for the tests."],
  ]);
});

test("the first clause of a message is given out before its sentence ends, later ones not", () => {
  const said = timeline(createNarrator(), [
    [0, text("I have read all of the parser, ")],
    [10, text("and it is fine, ")],
    [20, text("as far as I can see. ")],
    [30, text("The next thing to look at, ")],
    [40, text("I think, is the lexer. ")],
  ]);
  assert.deepEqual(said, [
    [0, "I have read all of the parser,"],
    [20, "and it is fine, as far as I can see."],
    [40, "The next thing to look at, I think, is the lexer."],
  ]);
});

test("a first clause is not cut from a bracket, nor when it is short", () => {
  assert.deepEqual(heard(text("Well, I see. ")), ["Well, I see."]);
  assert.deepEqual(heard(text("I looked at it (the parser, the lexer, the printer) twice. ")), [
    "I looked at it (the parser, the lexer, the printer) twice.",
  ]);
});

test("what is held is said when the text falls silent, if it ends like a sentence", () => {
  const narrator = createNarrator({ idleFlushMs: 500 });
  assert.deepEqual(narrator.push(text("I am done."), 0), []);
  assert.equal(narrator.nextIdleAtMs, 500);
  assert.deepEqual(narrator.idle(499), []);
  assert.deepEqual(textsOf(narrator.idle(500)), ["I am done."]);
  assert.equal(narrator.nextIdleAtMs, undefined);
  // Half a sentence waits for the rest of it.
  assert.deepEqual(narrator.push(text(" Now I look at"), 600), []);
  assert.equal(narrator.nextIdleAtMs, undefined);
  assert.deepEqual(narrator.idle(5000), []);
  // A number may go on behind its point.
  assert.deepEqual(narrator.push(text(" version 3."), 5100), []);
  assert.equal(narrator.nextIdleAtMs, undefined);
  assert.deepEqual(textsOf(narrator.push(text("14 now. "), 9000)), ["Now I look at version 3.14 now."]);
});

test("half a word is not said when the text falls silent", () => {
  const narrator = createNarrator({ idleFlushMs: 500 });
  narrator.push(text("I wait... main"), 0);
  assert.deepEqual(textsOf(narrator.idle(500)), ["I wait..."]);
  const [segment] = narrator.push(text(".rs is next. "), 600);
  assert.equal(segment?.text, "main.rs is next.");
  assert.deepEqual(segment?.verbatim, [[0, 7]]);
});

test("names and numbers are verbatim wherever they stand, words are not", () => {
  const segments = sayAll([
    text(
      "I changed `src/main.rs` for get_user_name. It took 3.5s on GitHub, and/or 12 minutes; version 2.0.1 is out. Done.",
    ),
  ]);
  assert.deepEqual(
    segments.map(({ text: said, verbatim }) => [
      said,
      verbatim.map(([start, end]) => said.slice(start, end)),
    ]),
    [
      ["I changed main.rs for get user name.", ["main.rs", "get user name"]],
      [
        "It took 3.5 seconds on GitHub, and/or 12 minutes; version 2.0.1 is out.",
        ["3.5", "GitHub", "12", "2.0.1"],
      ],
      ["Done.", []],
    ],
  );
});

test("code that falls silent between its fences stays silent", () => {
  const narrator = createNarrator({ idleFlushMs: 500 });
  narrator.push(text("```py\nprint('Hello.')\nDone."), 0);
  assert.equal(narrator.nextIdleAtMs, undefined);
  assert.deepEqual(narrator.idle(1000), []);
  assert.deepEqual(textsOf(narrator.end(2000)), ["A 2-line Python block."]);
});

test("what an agent said before a call is said before the call is told", () => {
  assert.deepEqual(heard(text("Let me look."), read("/a.ts"), text("\n\nI see.")), [
    "Let me look.",
    "Reading a.ts.",
    "I see.",
  ]);
});

test("long sentences are cut at clauses, within the bound", () => {
  const long = `${"The parser reads every line that the stream brings, ".repeat(8)}and then it ends.`;
  const segments = sayAll([text(long)], { maxSegmentLength: 120 });
  assert.equal(textsOf(segments).join(" "), long);
  for (const { text: said } of segments) assert.ok(said.length <= 120 && /[,.]$/.test(said), said);
});

test("what is verbatim stays so behind a cut", () => {
  const segments = sayAll([text("It reads every line of it, then main.rs and lib.rs. ")], {
    maxSegmentLength: 45,
  });
  assert.deepEqual(
    segments.map(({ text: said, verbatim }) => [said, verbatim]),
    [
      ["It reads every line of it,", []],
      [
        "then main.rs and lib.rs.",
        [
          [5, 12],
          [17, 23],
        ],
      ],
    ],
  );
  const late = sayAll([text("Now it reads main.rs and then every line of lib.rs ")], {
    maxSegmentLength: 45,
  });
  assert.deepEqual(
    late.map(({ text: said, verbatim }) => [said, verbatim.map(([start, end]) => said.slice(start, end))]),
    [
      ["Now it reads main.rs", ["main.rs"]],
      ["and then every line of lib.rs", ["lib.rs"]],
    ],
  );
});

test("a text without spaces is cut between its words", () => {
  const long = "これはとても長い文章なので途中で切る必要がありますがどこで切るかは言葉によります".repeat(3);
  const segments = sayAll([text(long)], { maxSegmentLength: 40, locale: "ja" });
  assert.equal(textsOf(segments).join(""), long);
  for (const { text: said } of segments) assert.ok(said.length <= 40);
  const word = "字".repeat(5000);
  assert.equal(textsOf(sayAll([text(word)], { maxSegmentLength: 100 })).join("").length, 2000);
  assert.deepEqual(heard(text("x".repeat(5000))), ["a long string"]);
});

test("agents, messages and blocks do not mix", () => {
  const segments = sayAll([
    text("One ", "a", "m1"),
    text("Two ", "b", "m1"),
    text("three ", "a", "m2"),
    { type: "text", agent: "a", message: "m1", block: 1, text: "Block " },
    text("one.", "a", "m1"),
    text("two.", "b", "m1"),
    text("three.", "a", "m2"),
    { type: "text", agent: "a", message: "m1", block: 1, text: "one." },
    textEnd("b", "m1"),
  ]);
  assert.deepEqual(
    segments.map(({ index, agent, text: said }) => [index, agent, said]),
    [
      [0, "b", "Two two."],
      [1, "a", "One one."],
      [2, "a", "three three."],
      [3, "a", "Block one."],
    ],
  );
});

test("an impossible length is refused", () => {
  for (const maxSegmentLength of [0, 19, 2001, 50.5, Number.NaN])
    assert.throws(() => createNarrator({ maxSegmentLength }), { code: "invalid_config" });
});
