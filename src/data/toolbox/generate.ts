import type { Json } from "../../base/json.ts";
import { createRandom } from "../../base/random.ts";
import { writeCalls } from "../../tools/call-format.ts";
import type { JsonObject, ToolCall } from "../../tools/types.ts";
import { fingerprintDataset } from "../fingerprints.ts";
import { type WordMix, type WordRandom, withWords } from "../open-words.ts";
import type { Dataset, Example, Expectation, Fixture, TeacherOutput } from "../types.ts";
import { chat, notOfferedReplies, outOfScope } from "./controls.ts";
import { drawPhrase, fillSlots, type Intent, type Phrases, type Split, slotsOf } from "./intent.ts";
import { deviceIntents } from "./phrases-device.ts";
import { findIntents } from "./phrases-find.ts";
import { peopleIntents } from "./phrases-people.ts";
import { timeIntents } from "./phrases-time.ts";
import {
  runToolboxTool,
  toolboxDefinition,
  toolboxNames,
  toolboxNeighbours,
  toolboxParameters,
} from "./tools.ts";
import { drawValues } from "./values.ts";
import { drawAnswer, drawLeadIn, dressChat, dressRequest } from "./voice.ts";

export const toolboxIntents: readonly Intent[] = [
  ...timeIntents,
  ...peopleIntents,
  ...findIntents,
  ...deviceIntents,
];

/** Kinds of example; all but the first two are controls. */
type Kind = "single" | "multiple" | "missing" | "partial" | "chat" | "outOfScope" | "notOffered";

/** How many of each there are, as parts of one. */
export type KindShares = Readonly<Record<Kind, number>>;

const defaultShares: KindShares = {
  single: 0.6,
  multiple: 0.12,
  missing: 0.1,
  // Among the missing ones already; training may want more of these.
  partial: 0,
  chat: 0.09,
  outOfScope: 0.09,
  notOffered: 0,
};

const toolboxTeacher = "toolbox-script";
interface Draft {
  readonly request: string;
  readonly needed: readonly string[];
  readonly forbidden: ReadonlySet<string>;
  readonly expect: Expectation;
  readonly teacher: TeacherOutput;
  readonly fixtures: readonly Fixture[];
  readonly phrases: readonly string[];
}

interface Filled {
  readonly intent: Intent;
  readonly phrase: string;
  readonly text: string;
  readonly call: ToolCall;
}

function argumentsOf(
  tool: string,
  values: Readonly<Record<string, string>>,
  given: readonly string[],
): JsonObject {
  const args: Record<string, Json> = {};
  for (const [name, schema] of Object.entries(toolboxParameters(tool))) {
    if (!given.includes(name)) continue;
    const isNumeric = schema["type"] === "integer" || schema["type"] === "number";
    args[name] = isNumeric ? Number(values[name]) : values[name]!;
  }
  return args;
}

function fillIntent(random: WordRandom, split: Split, intent: Intent): Filled {
  const phrase = drawPhrase(random, intent.requests[split]);
  const values = drawValues(random, split, intent.slots);
  const call = { name: intent.tool, arguments: argumentsOf(intent.tool, values, slotsOf(phrase)) };
  return { intent, phrase, text: fillSlots(phrase, (slot) => values[slot]!), call };
}

/** Free text that ends a phrase would swallow what follows, so such a phrase comes last. */
function endsOpen({ intent, phrase }: Filled): boolean {
  const slot = slotsOf(phrase).at(-1);
  return slot !== undefined && phrase.endsWith("}") && ["note", "task"].includes(intent.slots[slot]!);
}

/** Two requests in one breath, now and then of the same intent, in an order that leaves no doubt where the first ends. */
function fillPair(random: WordRandom, split: Split): readonly Filled[] {
  for (;;) {
    const [first, second] = random.shuffle(toolboxIntents);
    const intents = random.next() < 0.15 ? [first!, first!] : [first!, second!];
    const filled = intents.map((intent) => fillIntent(random, split, intent));
    const open = filled.filter(endsOpen);
    if (open.length <= 1) return [...filled.filter((item) => !endsOpen(item)), ...open];
  }
}

function withCalls(random: WordRandom, filled: readonly Filled[]): Draft {
  const intents = filled.map((item) => item.intent);
  const joint = random.pick([" and ", " and then ", ", and ", " and also "]);
  const calls = filled.map((item) => item.call);
  const results = calls.map((call) => runToolboxTool(call) as JsonObject);
  return {
    request: dressRequest(random, filled.map((item) => item.text).join(joint)),
    needed: intents.map((intent) => intent.tool),
    forbidden: new Set(),
    expect: { behaviour: "tool", calls },
    teacher: {
      text: drawLeadIn(random, intents) + writeCalls(calls),
      answer: drawAnswer(
        random,
        filled.map(({ intent }, i) => ({ intent, result: results[i]! })),
      ),
      model: toolboxTeacher,
    },
    fixtures: calls.map((call, i) => ({ ...call, result: results[i]! })),
    phrases: filled.map((item) => item.phrase),
  };
}

function withoutCalls(
  behaviour: "no_tool" | "decline",
  request: string,
  reply: string,
  phrase: string,
  rest: { readonly needed?: readonly string[]; readonly forbidden?: ReadonlySet<string> } = {},
): Draft {
  return {
    request,
    needed: rest.needed ?? [],
    forbidden: rest.forbidden ?? new Set(),
    expect: { behaviour, calls: [] },
    teacher: { text: reply, model: toolboxTeacher },
    fixtures: [],
    phrases: [phrase],
  };
}

function fillControl(random: WordRandom, split: Split, phrase: string): string {
  const values = drawValues(random, split, { word: "topic", city: "city", person: "person" });
  // The last word of a topic is a noun, which reads well in every frame.
  return fillSlots(phrase, (slot) => values[slot]!.split(" ").at(-1)!);
}

/** A request that leaves out what its tool requires: the answer asks for it. */
function withoutArgument(random: WordRandom, split: Split, intent: Intent): Draft {
  const phrase = drawPhrase(random, intent.missing.requests[split]);
  const values = drawValues(random, split, intent.slots);
  const request = dressRequest(
    random,
    fillSlots(phrase, (slot) => values[slot]!),
  );
  const forbidden = new Set([...toolboxNeighbours(intent.tool)].filter((name) => name !== intent.tool));
  return withoutCalls("decline", request, random.pick(intent.missing.questions), phrase, {
    needed: [intent.tool],
    forbidden,
  });
}

/** Intents of several arguments, with only the requests that hold some and lack one: the ones that tempt most to guess. */
const partialIntents: readonly Intent[] = toolboxIntents.flatMap((intent) => {
  const some = (lines: Phrases[Split]): Phrases[Split] =>
    lines
      .map((line) => line.filter((phrase) => slotsOf(phrase).length > 0))
      .filter((line) => line.length > 0);
  const { train, validation, test } = intent.missing.requests;
  const requests = { train: some(train), validation: some(validation), test: some(test) };
  const isServed = Object.values(requests).every((lines) => lines.length > 0);
  return isServed ? [{ ...intent, missing: { ...intent.missing, requests } }] : [];
});

const drafts: { readonly [K in Kind]: (random: WordRandom, split: Split) => Draft } = {
  single: (random, split) => withCalls(random, [fillIntent(random, split, random.pick(toolboxIntents))]),
  multiple: (random, split) => withCalls(random, fillPair(random, split)),
  missing: (random, split) => withoutArgument(random, split, random.pick(toolboxIntents)),
  partial: (random, split) => withoutArgument(random, split, random.pick(partialIntents)),
  chat: (random, split) => {
    const phrase = drawPhrase(random, chat.requests[split]);
    return withoutCalls(
      "no_tool",
      dressChat(random, fillControl(random, split, phrase)),
      random.pick(chat.replies),
      phrase,
    );
  },
  outOfScope: (random, split) => {
    const phrase = drawPhrase(random, outOfScope.requests[split]);
    const request = dressRequest(random, fillControl(random, split, phrase));
    // A search or an app might pass for help with anything.
    return withoutCalls("no_tool", request, random.pick(outOfScope.replies), phrase, {
      forbidden: new Set(["web_search", "open_app"]),
    });
  },
  notOffered: (random, split) => {
    const { intent, phrase, text } = fillIntent(random, split, random.pick(toolboxIntents));
    return withoutCalls("no_tool", dressRequest(random, text), random.pick(notOfferedReplies), phrase, {
      forbidden: toolboxNeighbours(intent.tool),
    });
  },
};

function drawKind(random: WordRandom, shares: KindShares): Kind {
  let left = random.next();
  for (const [kind, share] of Object.entries(shares) as [Kind, number][]) {
    left -= share;
    if (left < 0) return kind;
  }
  return "single";
}

function makeExample(random: WordRandom, split: Split, shares: KindShares, id: string): Example {
  const kind = drawKind(random, shares);
  const draft = drafts[kind](random, split);
  const needed = [...new Set(draft.needed)];
  const others = toolboxNames.filter((name) => !needed.includes(name) && !draft.forbidden.has(name));
  const offered = random.shuffle([
    ...needed,
    ...random.shuffle(others).slice(0, 4 + random.integer(3) - needed.length),
  ]);
  return {
    id,
    messages: [{ role: "user", content: draft.request }],
    tools: offered.map(toolboxDefinition),
    expect: draft.expect,
    teacher: draft.teacher,
    fixtures: draft.fixtures,
    meta: { kind, phrases: draft.phrases },
  };
}

/**
 * The embedded task. Everything depends on `seed`, `split` and the example's number alone, so that a longer dataset
 * begins with the shorter one. Values and phrases of "train" never occur in the other splits.
 */
export function generateToolbox(options: {
  readonly split: Split;
  readonly seed: number;
  readonly examples: number;
  readonly shares?: KindShares;
  readonly words?: WordMix;
}): Dataset {
  const { split, seed, examples: count, shares = defaultShares, words } = options;
  const root = createRandom(seed).fork(`toolbox ${split}`);
  const examples = Array.from({ length: count }, (_, i) =>
    makeExample(withWords(root.fork(String(i)), words), split, shares, `toolbox-${split}-${seed}-${i}`),
  );
  return {
    header: {
      schema_version: 1,
      kind: "limbeck_dataset",
      name: "toolbox",
      split,
      seed,
      examples: count,
      fingerprints: fingerprintDataset(examples),
    },
    examples,
  };
}
