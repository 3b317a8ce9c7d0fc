import type { Json } from "#limbeck/base/json.js";
import type { Random } from "#limbeck/base/random.js";
import type { ChatMessage, ToolDefinition } from "#limbeck/tools/types.js";

/** One chat as both sides get it. */
export interface ChatCase {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly addGenerationPrompt: boolean;
  readonly variables: Readonly<Record<string, Json>>;
}

/** Ranges of code points that normalisers, patterns, bytes and vocabularies treat differently. */
const ranges: readonly (readonly [number, number])[] = [
  [0x20, 0x7e],
  [0x20, 0x7e],
  [0x30, 0x39],
  [0x00, 0x20],
  [0x7f, 0xa0],
  [0xa0, 0x24f],
  [0x300, 0x36f], // combining
  [0x400, 0x4ff],
  [0x590, 0x5ff], // right to left
  [0x660, 0x669], // digits that are not ASCII
  [0x900, 0x97f],
  [0x1100, 0x1175], // Hangul that composes
  [0x2000, 0x206f], // spaces, joiners, dashes
  [0x3040, 0x30ff],
  [0x4e00, 0x4eff],
  [0xac00, 0xad00],
  [0xe000, 0xe0ff], // private use, the content guard's marks among them
  [0xfb00, 0xfb06], // ligatures
  [0xfeff, 0xfeff],
  [0x1f1e6, 0x1f1ff], // flags
  [0x1f300, 0x1f6ff],
  [0x20000, 0x200ff],
];

const fragments: readonly string[] = [
  "Turn the lamp in the hall on, please",
  " the",
  "don't we'LL I'VE",
  "function f(x) {\n  return x ** 2; // square\n}\n",
  '{"a": [1, 2.5e-7, null], "b": "\\u00e9"}',
  "<div class='a'>\n\t<h1>x</h1></div>",
  "Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrik".repeat(12),
  "👩‍👩‍👧‍👦🏳️‍🌈 🇩🇪",
  "e\u0301 é ﬁ ſ K İ",
  "   ",
  "\n\n\n",
  "\t\t",
  "\r\n",
  "▁▁ ▁",
  "<0x41>",
  "1234567890 3,14 10:05",
  "日本語のテキスト。",
  "السلام عليكم",
  "<|im_", // the beginning of a token is none
  "<start_of_turn",
];

/** Any text, its ends included: spaces, control characters and the byte order mark stand there too. */
export function drawText(random: Random): string {
  return Array.from({ length: 1 + random.integer(12) }, () => {
    if (random.next() < 0.4) return random.pick(fragments);
    const [low, high] = random.pick(ranges);
    return String.fromCodePoint(low + random.integer(high - low + 1));
  }).join("");
}

function drawValue(random: Random, depth = 0): Json {
  const kind = random.integer(depth < 2 ? 8 : 6);
  if (kind === 0) return random.integer(1000) - 500;
  if (kind === 1) return (random.next() - 0.5) * 10 ** (random.integer(30) - 12);
  if (kind === 2) return random.next() < 0.5;
  if (kind === 3) return null;
  if (kind < 6) return drawText(random);
  const values = Array.from({ length: random.integer(4) }, () => drawValue(random, depth + 1));
  return kind === 6 ? values : Object.fromEntries(values.map((value, i) => [`k${i} é`, value]));
}

const drawArguments = (random: Random): { [key: string]: Json } =>
  Object.fromEntries(
    Array.from({ length: random.integer(4) }, (_, i) => [
      `${random.pick(["city", "größe", "a b", 'q"'])}${i}`,
      drawValue(random),
    ]),
  );

function drawTool(random: Random): ToolDefinition {
  const name = `${random.pick(["get", "set", "find"])}_${random.pick(["weather", "lamp", "Straße"])}`;
  const properties = {
    city: { type: "string", description: drawText(random) },
    unit: { type: "string", enum: ["°C", "°F"] },
    level: { type: "number", minimum: 0.00001, maximum: random.integer(100) },
    rest: { type: "object", properties: {}, required: [] },
  };
  return {
    type: "function",
    function: {
      name,
      description: drawText(random),
      parameters: { type: "object", properties, required: ["city"] },
    },
  };
}

/** What of a chat a family's template takes. */
export interface ChatLimits {
  /** Most calls of one message. */
  readonly calls: number;
  readonly takesSystem: boolean;
}

/** A chat of several turns; with tools, calls and results in about half of them. */
export function drawChat(random: Random, limits: ChatLimits): ChatCase {
  const messages: ChatMessage[] = [];
  const tools =
    random.next() < 0.5 ? Array.from({ length: 1 + random.integer(3) }, () => drawTool(random)) : [];
  if (limits.takesSystem && random.next() < 0.5) messages.push({ role: "system", content: drawText(random) });
  const turns = 1 + random.integer(3);
  for (let turn = 0; turn < turns; turn++) {
    messages.push({ role: "user", content: drawText(random) });
    if (turn === turns - 1 && random.next() < 0.5) break;
    if (tools.length > 0 && random.next() < 0.7) {
      const tool_calls = Array.from({ length: 1 + random.integer(limits.calls) }, () => ({
        name: random.pick(tools).function.name,
        arguments: drawArguments(random),
      }));
      messages.push({ role: "assistant", content: random.pick([null, "", drawText(random)]), tool_calls });
      for (const { name } of tool_calls) messages.push({ role: "tool", name, content: drawText(random) });
    }
    const thought = random.next() < 0.3 ? `<think>\n${drawText(random)}\n</think>\n\n` : "";
    messages.push({ role: "assistant", content: thought + drawText(random) });
  }
  const variables = {
    date_string: "26 Jul 2024",
    ...(random.next() < 0.3 ? { enable_thinking: false } : {}),
  };
  return { messages, tools, addGenerationPrompt: random.next() < 0.7, variables };
}
