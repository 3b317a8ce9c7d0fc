import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  claudeStream,
  cutBytes,
  narrate,
  narrateChunks,
  openAiStream,
  textsOf,
} from "./narrate.test.support.ts";
import { createNarrator } from "./narrator.ts";
import type { StreamFormat } from "./parse/parser.ts";
import { createEventParser } from "./parse/parser.ts";
import { streamCases } from "./stream-cases.test.support.ts";
import { speakText } from "./text/speakable.ts";
import { textCases } from "./text-cases.test.support.ts";

const written = Object.values(textCases)
  .flat()
  .map(([text]) => text.replaceAll("¦", ""));
const streams = Object.values(streamCases)
  .flat()
  .map(([events]) => events.map((event) => JSON.stringify(event)).join("\n"));

/** Markdown as agents write it, and what they would not write. */
const wildText = fc
  .array(
    fc.oneof(
      fc.constantFrom(...written),
      fc.constantFrom(
        "```py\n",
        "```\n",
        "~~~",
        "|",
        "| a |\n",
        "[",
        "](",
        ")",
        "`",
        "``",
        "**",
        "_",
        "<",
        ">",
        "$",
        "\\",
        "\n\n",
        "    ",
        "- ",
        "1. ",
        "> ",
        "# ",
      ),
      fc.constantFrom(
        "。",
        "日本語",
        "é",
        "👩‍💻",
        "\r\n",
        "\t",
        "…",
        "&amp;",
        "<system-reminder>",
        "</system-reminder>",
        "e.g.",
        "3.14",
      ),
      fc.string({ maxLength: 12 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));
const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

const inPieces = (text: string, at: readonly number[]): readonly string[] => {
  const cuts = [...new Set(at.map((place) => Math.floor(place * text.length)))].sort((a, b) => a - b);
  return [0, ...cuts].map((from, i) => text.slice(from, cuts[i] ?? text.length));
};

test("however the bytes of a stream are cut, the segments are the same", () => {
  const stream = fc.oneof(
    fc.constantFrom(...streams).map((text) => ({ text, format: "auto" as StreamFormat })),
    wildText.map((text) => ({ text, format: "plain" as StreamFormat })),
    wildText.map((text) => ({ text, format: "auto" as StreamFormat })),
    wildText.map((text) => ({ text: openAiStream([text, "."]), format: "auto" as StreamFormat })),
  );
  fc.assert(
    fc.property(stream, places, ({ text, format }, at) => {
      assert.deepEqual(narrateChunks(cutBytes(text, at), format), narrate(text, format));
    }),
    { numRuns: 500 },
  );
});

test("however a text is cut into deltas, the segments are the same", () => {
  fc.assert(
    fc.property(wildText, places, (text, at) => {
      // A lone half of a pair is no text that JSON could carry unharmed.
      fc.pre(Buffer.from(text).toString() === text);
      const whole = narrate(claudeStream([text]));
      assert.deepEqual(narrate(claudeStream(inPieces(text, at))), whole);
      assert.deepEqual(textsOf(narrate(openAiStream(inPieces(text, at)))), textsOf(whole));
    }),
    { numRuns: 500 },
  );
});

test("pieces and the whole message give what the whole message alone gives", () => {
  fc.assert(
    fc.property(wildText, places, (text, at) => {
      const message = { id: "msg_1", role: "assistant", content: [{ type: "text", text }] };
      const alone = JSON.stringify({ type: "assistant", session_id: "s1", message });
      assert.deepEqual(textsOf(narrate(claudeStream(inPieces(text, at)))), textsOf(narrate(alone)));
    }),
    { numRuns: 300 },
  );
});

const plainWord = fc.constantFrom(
  ..."the a this parser reads every line and then it works because nobody changed tests or code again today who knows why we never asked small things matter Anna Berlin please wait until morning comes I saw that".split(
    " ",
  ),
);
const plainSentence = fc
  .tuple(
    fc.array(fc.tuple(plainWord, fc.constantFrom("", "", "", ",", ";", ":")), {
      minLength: 1,
      maxLength: 60,
    }),
    plainWord,
    fc.constantFrom(".", "!", "?", "...", "."),
  )
  .map(([list, last, mark]) => `${[...list.map(([word, comma]) => word + comma), last].join(" ")}${mark}`);
const plainProse = fc
  .array(fc.tuple(plainSentence, fc.constantFrom(" ", "\n", "\n\n", "  ")), { minLength: 1, maxLength: 8 })
  .map((list) => list.map(([sentence, space]) => sentence + space).join(""));

test("in plain prose every word is spoken, in order, once, with its marks", () => {
  fc.assert(
    fc.property(plainProse, fc.constantFrom(40, 80, 240), (text, maxLength) => {
      const segments = narrate(text, "plain", { maxSegmentLength: maxLength });
      const words = (from: string): readonly string[] => from.split(/\s+/).filter((word) => word !== "");
      assert.deepEqual(words(textsOf(segments).join(" ")), words(text));
      for (const segment of segments) assert.ok(segment.text.length <= maxLength, segment.text);
    }),
    { numRuns: 500 },
  );
});

const codeLine = fc
  .array(
    fc.constantFrom(
      "zqx",
      "return",
      "foo(bar);",
      "Done.",
      "#",
      "{",
      "}",
      "x = 1",
      "Hello world!",
      "| a | b |",
      "- item",
    ),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((parts) => `zqx ${parts.join(" ")}`);
const block = fc
  .record({
    mark: fc.constantFrom("```", "````", "~~~", "~~~~~"),
    label: fc.constantFrom("", "py", "python", "bash", "diff", "text", "json", "js title=x"),
    indent: fc.constantFrom("", " ", "   "),
    lines: fc.array(fc.oneof(codeLine, fc.constant("")), { maxLength: 8 }),
  })
  .map(({ mark, label, indent, lines }) =>
    [`${indent}${mark}${label}`, ...lines, `${indent}${mark}`].join("\n"),
  );

test("no line of code between fences is ever spoken", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(plainSentence, block), { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      places,
      (parts, isClosed, at) => {
        const text = parts.map(([sentence, code]) => `${sentence}\n\n${code}\n\n`).join("");
        const whole = isClosed ? text : text.replace(/\n *[`~]+\n\n$/, "\n");
        const heard = textsOf(narrate(claudeStream(inPieces(whole, at)))).join(" ");
        assert.doesNotMatch(heard, /zqx/);
        for (const [sentence] of parts) assert.ok(heard.includes(sentence), heard);
      },
    ),
    { numRuns: 500 },
  );
});

test("no address, folder or hash is ever spoken", () => {
  const secret = fc.constantFrom(
    "https://example.com/zqx/a?b=zqx",
    "/usr/zqx/lib/main.rs",
    "~/zqx/notes.md",
    "./zqx/run.sh",
    "src/zqx/a/index.ts:12",
    "C:\\zqx\\a.txt",
    "0a1b2c3d4e5f6a7b8c9d",
    "`/opt/zqx/tool`",
    "[words](https://example.com/zqx)",
    "<https://example.com/zqx>",
  );
  const mark = fc.constantFrom("", ",", ".", ":", ")", "?");
  fc.assert(
    fc.property(fc.array(fc.tuple(plainWord, secret, mark), { minLength: 1, maxLength: 8 }), (parts) => {
      const text = parts.map(([word, place, after]) => `${word} ${place}${after}`).join(" ");
      for (const { text: heard } of narrate(text, "plain"))
        assert.doesNotMatch(heard, /zqx|https?:|\w\/\w|\\|0a1b/, text);
    }),
    { numRuns: 500 },
  );
});

test("verbatim parts lie in their text, in order, and hold something", () => {
  fc.assert(
    fc.property(wildText, fc.constantFrom(20, 60, 240), (text, maxSegmentLength) => {
      for (const segment of narrate(text, "plain", { maxSegmentLength })) {
        let last = 0;
        for (const [start, end] of segment.verbatim) {
          assert.ok(start >= last && end > start && end <= segment.text.length, JSON.stringify(segment));
          assert.match(segment.text.slice(start, end), /\S/);
          last = end;
        }
        assert.equal(segment.text, segment.text.trim());
        assert.match(segment.text, /[\p{L}\p{N}]/u);
        assert.ok(segment.text.length <= maxSegmentLength, segment.text);
      }
    }),
    { numRuns: 500 },
  );
});

test("no garbage makes the narrator throw", () => {
  const json = fc.json({ maxDepth: 4 });
  const shaped = fc
    .record(
      {
        type: fc.oneof(
          fc.constantFrom(
            "assistant",
            "user",
            "system",
            "result",
            "stream_event",
            "item.completed",
            "response.completed",
            "error",
            "turn.failed",
            "control_request",
          ),
          fc.string(),
        ),
        message: fc.jsonValue(),
        event: fc.oneof(
          fc.jsonValue(),
          fc.record({
            type: fc.constantFrom(
              "content_block_start",
              "content_block_delta",
              "message_start",
              "content_block_stop",
            ),
            delta: fc.jsonValue(),
            index: fc.jsonValue(),
            content_block: fc.jsonValue(),
          }),
        ),
        item: fc.oneof(
          fc.jsonValue(),
          fc.record({
            type: fc.constantFrom("agent_message", "command_execution", "file_change", "mcp_tool_call"),
            text: fc.jsonValue(),
            command: fc.jsonValue(),
            changes: fc.jsonValue(),
          }),
        ),
        choices: fc.jsonValue(),
        response: fc.jsonValue(),
        error: fc.jsonValue(),
        session_id: fc.jsonValue(),
      },
      { requiredKeys: ["type"] },
    )
    .map((value) => JSON.stringify(value));
  const line = fc.oneof(
    json,
    shaped,
    fc.string(),
    shaped.map((text) => `data: ${text}`),
    fc.constantFrom("data: [DONE]", "{", "}", "event: x", "[", ":"),
  );
  const format = fc.constantFrom<StreamFormat>("auto", "claude", "codex", "openai", "plain");
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), format, (lines, kind) => {
      narrate(lines.join("\n"), kind);
    }),
    { numRuns: 600 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), format, (bytes, kind) => {
      narrateChunks([bytes], kind);
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      speakText(text);
    }),
    { numRuns: 500 },
  );
});

test("several agents at once are each heard as if alone", () => {
  const agent = fc.array(fc.tuple(plainSentence, fc.integer({ min: 1, max: 9 })), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(
      fc.array(agent, { minLength: 2, maxLength: 4 }),
      fc.infiniteStream(fc.nat()),
      (agents, picks) => {
        const queues = agents.map((sentences, i) =>
          claudeStream(
            sentences
              .flatMap(([sentence, size]) => sentence.match(new RegExp(`.{1,${size}}`, "g")) ?? [])
              .flatMap((piece, j, all) => (j === all.length - 1 ? [piece] : [piece])),
            `agent ${i}`,
          )
            .trimEnd()
            .split("\n"),
        );
        const alone = queues.map((lines) => narrate(lines.join("\n")));
        const mixed: string[] = [];
        for (const pick of picks) {
          const left = queues.filter((lines) => lines.length > 0);
          if (left.length === 0) break;
          mixed.push(left[pick % left.length]?.shift() ?? "");
        }
        const heard = narrate(mixed.join("\n"));
        alone.forEach((segments, i) => {
          assert.deepEqual(
            textsOf(heard.filter((segment) => segment.agent === `agent ${i}`)),
            textsOf(segments),
          );
        });
        assert.deepEqual(
          heard.map(({ index }) => index),
          heard.map((_, i) => i),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test("falling silent at any moment never loses or doubles a word of prose", () => {
  fc.assert(
    fc.property(plainProse, fc.array(fc.nat({ max: 400 }), { maxLength: 10 }), (text, silences) => {
      const narrator = createNarrator({ idleFlushMs: 100 });
      const heard: string[] = [];
      let at = 0;
      [...text].forEach((char, i) => {
        at += silences.includes(i) ? 500 : 1;
        const due = narrator.nextIdleAtMs;
        if (due !== undefined && due <= at) {
          heard.push(...textsOf(narrator.idle(at)));
          // What was held is said or can only be said with more: no second call is due for it.
          assert.ok((narrator.nextIdleAtMs ?? at + 1) > at);
        }
        heard.push(
          ...textsOf(narrator.push({ type: "text", agent: "a", message: "m", block: 0, text: char }, at)),
        );
      });
      heard.push(...textsOf(narrator.end(at)));
      const words = (from: string): readonly string[] => from.split(/\s+/).filter((word) => word !== "");
      // A stop may be parted from an ellipsis that comes slowly: only the letters count.
      const letters = (list: readonly string[]): string =>
        list
          .join(" ")
          .replace(/[^a-zA-Z ]/g, "")
          .replace(/ +/g, " ")
          .trim();
      assert.equal(letters(words(heard.join(" "))), letters(words(text)));
    }),
    { numRuns: 300 },
  );
});

test("a parser reports the format and counts its events", () => {
  const parser = createEventParser();
  const events = [...parser.push(new TextEncoder().encode(claudeStream(["Hi."]))), ...parser.end()];
  assert.deepEqual(parser.report, {
    format: "claude",
    events: events.length,
    unknown: {},
    badLines: { count: 0, first: [] },
  });
});
