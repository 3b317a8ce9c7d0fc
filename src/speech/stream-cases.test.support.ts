// Long, since it is one table: streams of Claude Code and what a person wants to hear of them, written by hand.

/** Lines of a stream as values, and the segments that a person wants to hear, in order. */
export type StreamCase = readonly [events: readonly object[], heard: readonly string[]];

const session = { session_id: "s1", parent_tool_use_id: null };

const event = (inner: object, more: object = {}): object => ({
  type: "stream_event",
  ...session,
  ...more,
  event: inner,
});
const start = (id: string, more: object = {}): object =>
  event({ type: "message_start", message: { id, type: "message", role: "assistant", content: [] } }, more);
const open = (index = 0, more: object = {}): object =>
  event({ type: "content_block_start", index, content_block: { type: "text", text: "" } }, more);
const delta = (text: string, index = 0, more: object = {}): object =>
  event({ type: "content_block_delta", index, delta: { type: "text_delta", text } }, more);
const stop = (index = 0, more: object = {}): object => event({ type: "content_block_stop", index }, more);
const close = (more: object = {}): object => event({ type: "message_stop" }, more);
const openTool = (index: number, id: string, name: string): object =>
  event({ type: "content_block_start", index, content_block: { type: "tool_use", id, name, input: {} } });
const json = (index: number, partial_json: string): object =>
  event({ type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json } });
const think = (thinking: string, index = 0): object =>
  event({ type: "content_block_delta", index, delta: { type: "thinking_delta", thinking } });

const text = (content: string): object => ({ type: "text", text: content });
const tool = (id: string, name: string, input: object): object => ({ type: "tool_use", id, name, input });
const says = (id: string, ...content: readonly object[]): object => ({
  type: "assistant",
  ...session,
  message: { id, type: "message", role: "assistant", content },
});
const user = (content: string | readonly object[], more: object = {}): object => ({
  type: "user",
  ...session,
  ...more,
  message: { role: "user", content },
});
const toolResult = (id: string, content: unknown, is_error = false): object => ({
  type: "tool_result",
  tool_use_id: id,
  content,
  is_error,
});
const init = { type: "system", subtype: "init", ...session, tools: ["Read", "Bash"], model: "m" };
const result = (fields: object): object => ({
  type: "result",
  subtype: "success",
  is_error: false,
  ...session,
  ...fields,
});
/** A message that is streamed in pieces. */
const streamed = (id: string, ...pieces: readonly string[]): readonly object[] => [
  start(id),
  open(),
  ...pieces.map((piece) => delta(piece)),
];

export const streamCases: Readonly<Record<string, readonly StreamCase[]>> = {
  // Pieces, then the whole message: every sentence was spoken twice.
  "said once": [
    [[...streamed("m1", "All ", "good."), says("m1", text("All good.")), stop(), close()], ["All good."]],
    [[...streamed("m1", "All ", "good."), stop(), close(), says("m1", text("All good."))], ["All good."]],
    [[...streamed("m1", "All good."), stop(), says("m1", text("All good.")), close()], ["All good."]],
    [[says("m1", text("All good."))], ["All good."]],
    [[...streamed("m1", "All ", "good.\n"), says("m1", text("All good.")), stop(), close()], ["All good."]],
    [[says("m1", text("All good.")), says("m1", text("All good."))], ["All good."]],
    [
      [says("m1", text("One.")), says("m1", text("Two."))],
      ["One.", "Two."],
    ],
    [[says("m1", text("One."), text("Two."))], ["One.", "Two."]],
    [
      [says("m1", text("Done.")), says("m2", text("Done."))],
      ["Done.", "Done."],
    ],
    [[...streamed("m1", "Half of"), says("m1", text("Half of it.")), stop(), close()], ["Half of it."]],
    [
      [...streamed("m1", "One. "), says("m1", text("One. Two."))],
      ["One.", "Two."],
    ],
    [[start("m1"), open(), says("m1", text("Only whole.")), stop(), close()], ["Only whole."]],
    [
      [
        start("m1"),
        open(0),
        delta("One.", 0),
        stop(0),
        open(1),
        delta("Two.", 1),
        stop(1),
        close(),
        says("m1", text("One."), text("Two.")),
      ],
      ["One.", "Two."],
    ],
    [
      [
        start("m1"),
        open(0),
        delta("One.", 0),
        says("m1", text("One.")),
        stop(0),
        open(1),
        delta("Two.", 1),
        says("m1", text("Two.")),
        stop(1),
        close(),
      ],
      ["One.", "Two."],
    ],
    [
      [
        ...streamed("m1", "One."),
        stop(),
        close(),
        says("m1", text("One.")),
        ...streamed("m2", "Two."),
        stop(),
        close(),
        says("m2", text("Two.")),
      ],
      ["One.", "Two."],
    ],
    [
      [init, says("m1", text("All good.")), result({ result: "All good." })],
      ["All good.", "Finished."],
    ],
    [
      [init, result({ result: "All good.", duration_ms: 2000 })],
      ["All good.", "Finished in 2 seconds."],
    ],
    [
      [
        init,
        ...streamed("m1", "All good."),
        stop(),
        close(),
        says("m1", text("All good.")),
        result({ result: "All good." }),
      ],
      ["All good.", "Finished."],
    ],
    [
      [
        says("m1", tool("t1", "Read", { file_path: "/a/x.ts" })),
        says("m1", tool("t1", "Read", { file_path: "/a/x.ts" })),
      ],
      ["Reading x.ts."],
    ],
    [
      [
        start("m1"),
        openTool(0, "t1", "Read"),
        json(0, '{"file_path":"/a/x.ts"}'),
        says("m1", tool("t1", "Read", { file_path: "/a/x.ts" })),
        stop(0),
        close(),
      ],
      ["Reading x.ts."],
    ],
    [
      [
        start("m1"),
        openTool(0, "t1", "Read"),
        json(0, '{"file_path":"/a/x.ts"}'),
        stop(0),
        close(),
        says("m1", tool("t1", "Read", { file_path: "/a/x.ts" })),
      ],
      ["Reading x.ts."],
    ],
    [
      [
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Bare " } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "pieces." } },
        { type: "message_stop" },
        { type: "assistant", message: { role: "assistant", content: [text("Bare pieces.")] } },
      ],
      ["Bare pieces."],
    ],
    [
      [{ content: [text("Bare.")] }, { content: "More." }],
      ["Bare.", "More."],
    ],
    [
      [
        { type: "system", subtype: "api_retry", attempt: 1, error: "rate_limit", ...session },
        { type: "system", subtype: "api_retry", attempt: 2, error: "rate_limit", ...session },
        { type: "system", subtype: "api_retry", attempt: 3, error: "rate_limit", ...session },
        says("m1", text("Back.")),
      ],
      ["The rate limit is reached, trying again.", "Back."],
    ],
  ],
  // No check of the role: prompts and the results of tools were spoken.
  "words of others": [
    [[user("Please fix the parser."), says("m1", text("I will."))], ["I will."]],
    [[user([text("Please fix it.")]), says("m1", text("I will."))], ["I will."]],
    [[user([toolResult("t1", "file contents here")]), says("m1", text("I see."))], ["I see."]],
    [[user([toolResult("t1", [text("file contents here")])]), says("m1", text("I see."))], ["I see."]],
    [[user("Done."), user("Yes."), user("No.")], []],
    [[init, user("Hello there.", { isReplay: true })], []],
    [[user("<system-reminder>Be kind.</system-reminder>"), says("m1", text("Ok."))], ["Ok."]],
    [[user("A summary of all before.", { isSynthetic: true }), says("m1", text("Ok."))], ["Ok."]],
    [[{ type: "user", message: { role: "user", content: "No session." } }, says("m1", text("Ok."))], ["Ok."]],
    [
      [
        { type: "system", subtype: "init", session_id: "s1", cwd: "/a/b", slash_commands: ["x"] },
        says("m1", text("Ok.")),
      ],
      ["Ok."],
    ],
    [
      [
        { type: "message", role: "user", content: "A prompt." },
        { type: "message", role: "assistant", content: "An answer." },
      ],
      ["An answer."],
    ],
    [
      [
        { role: "system", content: "You are kind." },
        { role: "user", content: "Hi." },
        { role: "assistant", content: "Hello." },
      ],
      ["Hello."],
    ],
    [
      [
        { role: "tool", tool_call_id: "x", content: "42" },
        { role: "assistant", content: "It is 42." },
      ],
      ["It is 42."],
    ],
    [[start("m1"), think("Let me think. The user wants it.")], []],
    [[says("m1", { type: "thinking", thinking: "Hm. Let me see.", signature: "x" }, text("Yes."))], ["Yes."]],
    [[says("m1", { type: "redacted_thinking", data: "x" }, text("Yes."))], ["Yes."]],
    [[user([toolResult("t1", "Traceback (most recent call last):\nValueError: x")])], []],
    [[{ type: "control_response", response: { subtype: "success" } }, says("m1", text("Ok."))], ["Ok."]],
    [
      [
        says("m1", tool("t1", "Bash", { command: "npm test" })),
        user([toolResult("t1", "12 passing tests. Great!")]),
        says("m2", text("They pass.")),
      ],
      ["Running npm test.", "They pass."],
    ],
    [
      [
        says("m1", tool("t1", "Bash", { command: "npm test" })),
        user([toolResult("t1", "Error: exit 1. Sad.", true)]),
        says("m2", text("It fails.")),
      ],
      ["Running npm test.", "Running npm test failed.", "It fails."],
    ],
    [
      [
        user([
          toolResult("t1", "Claude requested permissions to use Bash, but you haven't granted it yet.", true),
        ]),
      ],
      ["A tool was not run: permission is missing."],
    ],
    [[user([{ type: "image", source: {} }, text("Look at this.")]), says("m1", text("A cat."))], ["A cat."]],
  ],
  // No parser unwrapped stream events: token streaming was silence.
  "stream events": [
    [[start("m1"), open(), delta("Hello "), delta("there."), stop(), close()], ["Hello there."]],
    [
      [delta("No start. "), delta("Still said.")],
      ["No start.", "Still said."],
    ],
    [[start("m1"), open(), delta("No stop")], ["No stop"]],
    [
      [
        start("m1"),
        event({ type: "content_block_start", index: 0, content_block: text("Early ") }),
        delta("text."),
        stop(),
      ],
      ["Early text."],
    ],
    [
      [start("m1"), open(0), think("Secret."), stop(0), open(1), delta("Open.", 1), stop(1), close()],
      ["Open."],
    ],
    [
      [
        start("m1"),
        open(),
        delta("I read it."),
        stop(),
        openTool(1, "t1", "Read"),
        json(1, '{"file_'),
        json(1, 'path":"/a/b/x.ts"}'),
        stop(1),
        close(),
      ],
      ["I read it.", "Reading x.ts."],
    ],
    [
      [
        start("m1"),
        ...["a.ts", "b.ts", "c.ts"].flatMap((name, i) => [
          openTool(i, `t${i}`, "Read"),
          json(i, JSON.stringify({ file_path: `/x/${name}` })),
          stop(i),
        ]),
        close(),
      ],
      ["Reading 3 files."],
    ],
    [
      [start("m1"), openTool(0, "t1", "Bash"), json(0, '{"command":"git diff --stat"}'), stop(0), close()],
      ["Running git diff."],
    ],
    [[start("m1"), openTool(0, "t1", "TodoWrite"), stop(0), close()], ["Updating the plan."]],
    [
      [start("m1"), openTool(0, "t1", "Bash"), json(0, '{"command":"npm te'), close()],
      ["Running a shell command."],
    ],
    [[event({ type: "ping" }), start("m1"), open(), delta("Pong."), stop()], ["Pong."]],
    [
      [
        start("m1"),
        open(),
        delta("Cited."),
        event({ type: "content_block_delta", index: 0, delta: { type: "citations_delta", citation: {} } }),
        stop(),
      ],
      ["Cited."],
    ],
    [
      [
        start("m1"),
        open(),
        delta("Text."),
        stop(),
        event({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: {} }),
        close(),
      ],
      ["Text."],
    ],
    [[event({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } })], ["Overloaded"]],
    [
      [start("m1"), open(), delta("Before."), event({ type: "new_kind" }), delta(" After."), stop()],
      ["Before.", "After."],
    ],
    [
      [start("m1"), open(), delta("One. "), { type: "tool_progress", ...session }, delta("Two."), stop()],
      ["One.", "Two."],
    ],
    [
      [
        start("m1", { parent_tool_use_id: "t9" }),
        open(0, { parent_tool_use_id: "t9" }),
        start("m2"),
        open(),
        delta("Main "),
        delta("Sub ", 0, { parent_tool_use_id: "t9" }),
        delta("speaks."),
        delta("agent.", 0, { parent_tool_use_id: "t9" }),
      ],
      ["Main speaks.", "Sub agent."],
    ],
    [
      [
        start("m1", { session_id: "a" }),
        delta("First ", 0, { session_id: "a" }),
        delta("Second ", 0, { session_id: "b" }),
        delta("one.", 0, { session_id: "a" }),
        stop(0, { session_id: "a" }),
        delta("one.", 0, { session_id: "b" }),
      ],
      ["First one.", "Second one."],
    ],
    [
      [start("m1"), open(), delta("A\n\n```js\nlet x"), delta(";\n``"), delta("`\nB"), stop()],
      ["A", "One line of JavaScript.", "B"],
    ],
    [
      [start("m1"), open(), delta("Ends"), stop(), start("m2"), open(), delta("Begins"), stop()],
      ["Ends", "Begins"],
    ],
    [
      [
        { type: "message_start", message: { id: "m1" } },
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Bare event." } },
        { type: "content_block_stop", index: 0 },
        { type: "message_stop" },
      ],
      ["Bare event."],
    ],
    [
      [
        {
          type: "control_request",
          request_id: "r1",
          request: { subtype: "can_use_tool", tool_name: "Bash", input: { command: "rm -rf x" } },
          ...session,
        },
      ],
      ["Permission is needed for removing x."],
    ],
    [
      [{ type: "rate_limit_event", rate_limit_info: { status: "rejected" }, ...session }],
      ["The rate limit is reached."],
    ],
    [[{ type: "rate_limit_event", rate_limit_info: { status: "allowed" }, ...session }], []],
    [
      [result({ subtype: "error_max_turns", is_error: true })],
      ["The run stopped: it reached its limit of turns."],
    ],
    [[result({ is_error: true, result: "Invalid key. Log in again." })], ["Invalid key.", "Log in again."]],
    [
      [result({ result: "Ok.", duration_ms: 125_000, total_cost_usd: 0.1234 })],
      ["Ok.", "Finished in 2 minutes, for 12 cents."],
    ],
    [
      [
        {
          type: "assistant",
          ...session,
          error: "rate_limit",
          message: { id: "m9", role: "assistant", content: [text("You have hit your limit.")] },
        },
      ],
      ["You have hit your limit."],
    ],
    [
      [result({ result: "Ok.", permission_denials: [{ tool_name: "Bash" }] })],
      ["Ok.", "1 tool call was not permitted.", "Finished."],
    ],
  ],
};
