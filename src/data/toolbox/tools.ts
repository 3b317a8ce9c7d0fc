import { LimbeckError } from "../../base/errors.ts";
import { canonicalJson, type Json } from "../../base/json.ts";
import { createRandom, type Random } from "../../base/random.ts";
import type { JsonObject, JsonSchema, ToolCall, ToolDefinition } from "../../tools/types.ts";

interface ToolboxTool {
  readonly definition: ToolDefinition;
  /** Tools that a person might use instead: never offered where this one is needed and missing. */
  readonly neighbours: readonly string[];
  /** The small result of a call; `random` depends on the call alone. */
  readonly run: (args: JsonObject, random: Random) => JsonObject;
}

const text: JsonSchema = { type: "string", minLength: 1 };
const clock: JsonSchema = { type: "string", pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$" };
const within = (minimum: number, maximum: number): JsonSchema => ({ type: "integer", minimum, maximum });
const oneOf = (...values: string[]): JsonSchema => ({ type: "string", enum: values });

function define(
  name: string,
  description: string,
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): ToolDefinition {
  const required = Object.keys(properties).filter((key) => !optional.includes(key));
  return {
    type: "function",
    function: {
      name,
      description,
      parameters: { type: "object", properties, required, additionalProperties: false },
    },
  };
}

const twoDigits = (n: number): string => String(n).padStart(2, "0");
const clockTime = (random: Random): string =>
  `${twoDigits(random.integer(24))}:${twoDigits(random.integer(60))}`;
const upTo = (random: Random, limit: number): number => 1 + random.integer(limit);
const timeGroup = ["set_timer", "set_alarm", "create_event", "add_reminder"];
const writingGroup = ["send_message", "add_note", "add_reminder", "create_event"];
const searchGroup = [
  "web_search",
  "search_files",
  "get_weather",
  "translate_text",
  "convert_units",
  "play_music",
];
const playGroup = ["play_music", "open_app", "web_search", "set_volume"];

/** Metres, grams or litres in one unit; temperatures are affine and handled apart. */
const unitSize: Readonly<Record<string, number>> = {
  km: 1000,
  mi: 1609.344,
  m: 1,
  ft: 0.3048,
  kg: 1000,
  lb: 453.592,
  g: 1,
  oz: 28.3495,
  l: 1,
  gal: 3.78541,
};

function convert(value: number, from: string, to: string): number {
  if (from === "celsius" && to === "fahrenheit") return value * 1.8 + 32;
  if (from === "fahrenheit" && to === "celsius") return (value - 32) / 1.8;
  return (value * (unitSize[from] ?? 1)) / (unitSize[to] ?? 1);
}

const syllables = "ka lo mi ta ru ne si vo pa de ri mu ha so te ni".split(" ");

/** The sixteen tools of the embedded task, in the order of their names' first use in the phrases. */
const toolboxTools: readonly ToolboxTool[] = [
  {
    definition: define("set_timer", "Start a countdown.", { minutes: within(1, 180) }),
    neighbours: timeGroup,
    run: (_, random) => ({ ends: clockTime(random) }),
  },
  {
    definition: define("set_alarm", "Ring at a time of day.", { time: clock }),
    neighbours: timeGroup,
    run: (_, random) => ({ alarm: upTo(random, 99) }),
  },
  {
    definition: define(
      "create_event",
      "Add an event to the calendar.",
      {
        title: text,
        day: oneOf("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        time: clock,
      },
      ["time"],
    ),
    neighbours: [...timeGroup, ...writingGroup],
    run: (_, random) => ({ event: upTo(random, 999) }),
  },
  {
    definition: define("add_reminder", "Remind of something at a time of day.", { text, time: clock }),
    neighbours: [...timeGroup, ...writingGroup],
    run: (_, random) => ({ reminder: upTo(random, 999) }),
  },
  {
    definition: define("send_message", "Send a text message.", { to: text, text }),
    neighbours: [...writingGroup, "make_call", "open_app"],
    run: (_, random) => ({ sent: clockTime(random) }),
  },
  {
    definition: define("make_call", "Call a person on the phone.", { to: text }),
    neighbours: ["send_message", "open_app"],
    run: (_, random) => ({ line: upTo(random, 9) }),
  },
  {
    definition: define("add_note", "Write a note.", { text }),
    neighbours: [...writingGroup, "open_app"],
    run: (_, random) => ({ note: upTo(random, 999) }),
  },
  {
    definition: define("translate_text", "Translate words into a language.", { text, language: text }),
    neighbours: searchGroup,
    run: (_, random) => ({
      result: Array.from({ length: 2 + random.integer(2) }, () => random.pick(syllables)).join(""),
    }),
  },
  {
    definition: define("get_weather", "Weather of a city.", { city: text, day: oneOf("today", "tomorrow") }, [
      "day",
    ]),
    neighbours: searchGroup,
    run: (_, random) => ({
      sky: random.pick(["sunny", "cloudy", "rainy", "windy", "foggy", "snowy"]),
      degrees: random.integer(40),
    }),
  },
  {
    definition: define(
      "search_files",
      "Find files of the user.",
      { query: text, kind: oneOf("pdf", "image", "video") },
      ["kind"],
    ),
    neighbours: [...searchGroup, "open_app"],
    run: (_, random) => ({ found: upTo(random, 20) }),
  },
  {
    definition: define("web_search", "Search the web.", { query: text }),
    neighbours: [...searchGroup, "open_app"],
    run: (_, random) => ({ results: upTo(random, 9999) }),
  },
  {
    definition: define("convert_units", "Convert a value between units.", {
      value: { type: "number" },
      from: text,
      to: text,
    }),
    neighbours: searchGroup,
    run: (args) => ({
      result: Number(convert(Number(args["value"]), String(args["from"]), String(args["to"])).toPrecision(3)),
    }),
  },
  {
    definition: define("play_music", "Play a song, an album or an artist.", { query: text }),
    neighbours: playGroup,
    run: (_, random) => ({ track: upTo(random, 99) }),
  },
  {
    definition: define("open_app", "Open an app.", { name: text }),
    neighbours: [...playGroup, "search_files"],
    run: (_, random) => ({ window: upTo(random, 20) }),
  },
  {
    definition: define("set_volume", "Set the loudness of the device.", { level: within(0, 100) }),
    neighbours: ["play_music", "open_app"],
    run: (args, random) => ({ before: random.integer(101), level: Number(args["level"]) }),
  },
  {
    definition: define("set_light", "Switch the light of a room.", { room: text, state: oneOf("on", "off") }),
    neighbours: ["open_app"],
    run: (_, random) => ({ lamp: upTo(random, 40) }),
  },
];

const byName: ReadonlyMap<string, ToolboxTool> = new Map(
  toolboxTools.map((tool) => [tool.definition.function.name, tool]),
);

export const toolboxNames: readonly string[] = [...byName.keys()];

function findTool(name: string): ToolboxTool {
  const tool = byName.get(name);
  if (tool !== undefined) return tool;
  throw new LimbeckError(
    "invalid_request",
    `toolbox tool: expected one of ${toolboxNames.join(", ")}, got ${name}`,
    {
      cure: "Call a tool of the toolbox.",
      fields: { name },
    },
  );
}

export function toolboxDefinition(name: string): ToolDefinition {
  return findTool(name).definition;
}

/** Tools that could stand in for this one, itself included. */
export function toolboxNeighbours(name: string): ReadonlySet<string> {
  return new Set([name, ...findTool(name).neighbours]);
}

/** The parameters of a tool, in the order of its schema. */
export function toolboxParameters(name: string): Readonly<Record<string, JsonSchema>> {
  return findTool(name).definition.function.parameters["properties"] as unknown as Record<string, JsonSchema>;
}

/** What the tool answers: the same call always gets the same result. Errors: `invalid_request` for an unknown tool. */
export function runToolboxTool(call: ToolCall): Json {
  const tool = findTool(call.name);
  return tool.run(call.arguments, createRandom(0).fork(`${call.name} ${canonicalJson(call.arguments)}`));
}
