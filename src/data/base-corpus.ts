import type { Json } from "../base/json.ts";
import { createRandom } from "../base/random.ts";
import { writeCalls } from "../tools/call-format.ts";
import type { JsonObject, ToolCall } from "../tools/types.ts";
import {
  afterRequest,
  answerFrames,
  beforeRequest,
  bodies,
  explicitFrames,
  fillFrame,
  implicitLinks,
  openers,
  refusals,
  remarkReplies,
  remarks,
} from "./base-frames.ts";
import { drawTool, drawTools, type MadeUpTool } from "./base-tools.ts";
import { type WordMix, type WordRandom, withWords } from "./open-words.ts";
import { toolboxNames } from "./toolbox/tools.ts";
import type { Example, Expectation, Fixture, TeacherOutput } from "./types.ts";
import { adjectives, cities, nouns, trainWords } from "./words.ts";

/**
 * What a base model reads before it sees any task: made-up tools, requests that name them, values to copy. It teaches to
 * read the list of tools, to choose by words, to copy, to ask back and to stop; of the toolbox it holds nothing.
 */

interface Draft {
  readonly request: string;
  readonly tools: readonly MadeUpTool[];
  readonly expect: Expectation;
  readonly teacher: TeacherOutput;
  readonly fixtures: readonly Fixture[];
}

const scriptName = "base-script";
const forbiddenNames: ReadonlySet<string> = new Set(toolboxNames);

/** How one call is asked for: arguments that are left out of the request are left out of the call. */
function askFor(
  random: WordRandom,
  tool: MadeUpTool,
  leaveOut?: string,
): { readonly text: string; readonly call: ToolCall } {
  const given = tool.parameters.filter(
    (one) => one.name !== leaveOut && (one.isRequired || random.next() < 0.5),
  );
  const args: Record<string, Json> = {};
  const mentions = given.map((parameter, i) => {
    const { value, words } = parameter.draw(random);
    args[parameter.name] = value;
    // One value alone says which parameter it is for; with more, later ones name theirs.
    const isImplicit = i === 0 && random.next() < (tool.parameters.length === 1 ? 0.75 : 0.35);
    if (!isImplicit)
      return ` ${fillFrame(random.pick(explicitFrames), { name: parameter.name, value: words })}`;
    const link = random.pick(implicitLinks);
    return link === ":" ? `: ${words}` : link === "" ? ` ${words}` : ` ${link} ${words}`;
  });
  // Named values may come in any order, an unnamed one comes first.
  const [head, ...tail] = mentions;
  const spoken = head === undefined ? "" : head + random.shuffle(tail).join(random.pick(["", "", ","]));
  const body = fillFrame(random.pick(bodies), {
    verb: tool.verb,
    noun: tool.noun,
    adj: random.pick(adjectives.train),
    city: random.pick(cities.train),
    args: spoken,
  });
  return { text: body, call: { name: tool.definition.function.name, arguments: args } };
}

function dress(random: WordRandom, body: string): string {
  const text = random.pick(beforeRequest) + body + random.pick(afterRequest);
  return random.next() < 0.35 ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

const resultNames = "id count at state total code size place left price degrees track line name".split(" ");

function drawResult(random: WordRandom): JsonObject {
  const fields: Record<string, Json> = {};
  for (const name of random.shuffle(resultNames).slice(0, 1 + random.integer(2))) {
    fields[name] =
      random.next() < 0.6
        ? random.integer(random.pick([10, 100, 1000, 10000]))
        : random.next() < 0.3
          ? `${String(random.integer(24)).padStart(2, "0")}:${String(random.integer(60)).padStart(2, "0")}`
          : random.next() < 0.6
            ? random.drawWord()
            : random.pick(trainWords);
  }
  return fields;
}

function answerTo(random: WordRandom, tool: MadeUpTool, result: JsonObject): string {
  return Object.entries(result)
    .map(([field, value]) =>
      fillFrame(random.pick(answerFrames), { noun: tool.noun, field, value: String(value) }),
    )
    .join(" ");
}

function withCalls(random: WordRandom, count: number): Draft {
  const tools = drawTools(random, Math.max(count, 1 + random.integer(6)), forbiddenNames);
  const used = random.shuffle(tools).slice(0, count);
  const asked = used.map((tool) => askFor(random, tool));
  const calls = asked.map((one) => one.call);
  const results = used.map(() => drawResult(random));
  const first = used[0]!;
  const leadIn = random.pick([
    `let me ${first.verb} the ${first.noun}`,
    `I will ${first.verb} it now`,
    `the ${first.noun} comes right up`,
    "let me do that for you",
    "I am on it",
  ]);
  return {
    request: dress(
      random,
      asked.map((one) => one.text).join(random.pick([" and ", " and then ", ", and also "])),
    ),
    tools,
    expect: { behaviour: "tool", calls },
    teacher: {
      text: (random.next() < 0.5 ? `${random.pick(openers)}, ${leadIn}.` : "") + writeCalls(calls),
      answer: used.map((tool, i) => answerTo(random, tool, results[i]!)).join(" "),
      model: scriptName,
    },
    fixtures: calls.map((call, i) => ({ ...call, result: results[i]! })),
  };
}

function withoutCalls(
  behaviour: "no_tool" | "decline",
  request: string,
  tools: readonly MadeUpTool[],
  reply: string,
): Draft {
  return {
    request,
    tools,
    expect: { behaviour, calls: [] },
    teacher: { text: reply, model: scriptName },
    fixtures: [],
  };
}

const drafts: readonly { readonly share: number; readonly make: (random: WordRandom) => Draft }[] = [
  { share: 0.53, make: (random) => withCalls(random, 1) },
  { share: 0.12, make: (random) => withCalls(random, 2) },
  {
    // A required value is missing: ask for it.
    share: 0.13,
    make: (random) => {
      const tools = drawTools(random, 1 + random.integer(6), forbiddenNames);
      const tool = tools.find((one) => one.parameters.length > 0);
      if (tool === undefined) return withCalls(random, 1);
      const missing = random.pick(tool.parameters.filter((one) => one.isRequired)).name;
      const question = random.pick([
        `Which ${missing}?`,
        `What is the ${missing}?`,
        `Please tell me the ${missing}.`,
      ]);
      return withoutCalls(
        "decline",
        dress(random, askFor(random, tool, missing).text),
        random.shuffle(tools),
        question,
      );
    },
  },
  {
    // A tool is named that is not in the list.
    share: 0.1,
    make: (random) => {
      const tools = drawTools(random, 1 + random.integer(6), forbiddenNames);
      const isKnown = (word: string): boolean =>
        tools.some((tool) => tool.verb === word || tool.noun === word);
      let absent = drawTool(random);
      while (isKnown(absent.verb) || isKnown(absent.noun)) absent = drawTool(random);
      return withoutCalls(
        "no_tool",
        dress(random, askFor(random, absent).text),
        tools,
        random.pick(refusals),
      );
    },
  },
  {
    share: 0.06,
    make: (random) => {
      const request = fillFrame(random.pick(remarks), {
        noun: random.pick(nouns.train),
        noun2: random.pick(nouns.train),
        adj: random.pick(adjectives.train),
        adj2: random.pick(adjectives.train),
        city: random.pick(cities.train),
      });
      return withoutCalls(
        "no_tool",
        request,
        drawTools(random, 1 + random.integer(6), forbiddenNames),
        random.pick(remarkReplies),
      );
    },
  },
  {
    // Plain copying, without tools.
    share: 0.06,
    make: (random) => {
      const words = Array.from({ length: 1 + random.integer(6) }, () =>
        random.next() < 0.8
          ? random.drawWord()
          : random.next() < 0.5
            ? String(random.integer(10_000))
            : random.pick(trainWords),
      ).join(" ");
      return withoutCalls(
        "no_tool",
        `${random.pick(["repeat: ", "repeat after me: ", "copy this: ", "echo "])}${words}`,
        [],
        words,
      );
    },
  },
];

function drawDraft(random: WordRandom): Draft {
  let left = random.next();
  const kind = drafts.find(({ share }) => {
    left -= share;
    return left < 0;
  });
  return (kind ?? drafts[0]!).make(random);
}

/** `examples` examples of the base corpus; each depends on `seed` and its number alone. */
export function generateBaseCorpus(options: {
  readonly seed: number;
  readonly examples: number;
  readonly words?: WordMix;
}): Example[] {
  const root = createRandom(options.seed).fork("base corpus");
  return Array.from({ length: options.examples }, (_, i) => {
    const draft = drawDraft(withWords(root.fork(String(i)), options.words));
    return {
      id: `base-${options.seed}-${i}`,
      messages: [{ role: "user", content: draft.request }],
      tools: draft.tools.map((tool) => tool.definition),
      expect: draft.expect,
      teacher: draft.teacher,
      fixtures: draft.fixtures,
    };
  });
}
