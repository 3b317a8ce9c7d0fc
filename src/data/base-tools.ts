import type { Json } from "../base/json.ts";
import type { JsonSchema, ToolDefinition } from "../tools/types.ts";
import { capitalise, type WordRandom } from "./open-words.ts";
import { nouns, parameterNames, toolVerbs, trainWords } from "./words.ts";

/** Made-up tools of the base corpus: names and parameters differ in every example, so that the list must be read. */
export interface MadeUpTool {
  readonly verb: string;
  readonly noun: string;
  readonly definition: ToolDefinition;
  readonly parameters: readonly MadeUpParameter[];
}

export interface MadeUpParameter {
  readonly name: string;
  readonly isRequired: boolean;
  readonly schema: JsonSchema;
  readonly draw: (random: WordRandom) => MadeUpValue;
}

/** A value as an argument and as words. */
export interface MadeUpValue {
  readonly value: Json;
  readonly words: string;
}

const asWords = (value: Json): MadeUpValue => ({ value, words: String(value) });

function drawText(random: WordRandom, most: number): string {
  const count = random.next() < 0.5 ? 1 : 1 + random.integer(most);
  return Array.from({ length: count }, () =>
    random.next() < 0.75 ? random.drawWord() : random.pick(trainWords),
  ).join(" ");
}

function drawClock(random: WordRandom): string {
  return `${String(random.integer(24)).padStart(2, "0")}:${String(random.integer(60)).padStart(2, "0")}`;
}

const kinds: readonly {
  readonly weight: number;
  readonly make: (random: WordRandom) => Pick<MadeUpParameter, "schema" | "draw">;
}[] = [
  { weight: 6, make: () => ({ schema: { type: "string" }, draw: (r) => asWords(drawText(r, 3)) }) },
  {
    weight: 3,
    make: () => ({ schema: { type: "string" }, draw: (r) => asWords(capitalise(drawText(r, 1))) }),
  },
  { weight: 2, make: () => ({ schema: { type: "string" }, draw: (r) => asWords(drawClock(r)) }) },
  {
    weight: 4,
    make: () => ({
      schema: { type: "integer" },
      draw: (r) => asWords(r.integer(r.pick([10, 100, 1000, 10000]))),
    }),
  },
  {
    weight: 1,
    make: () => ({ schema: { type: "number" }, draw: (r) => asWords(r.integer(1000) / r.pick([1, 10])) }),
  },
  {
    weight: 2,
    make: (random) => {
      const choices = [
        ...new Set(Array.from({ length: 2 + random.integer(3) }, () => random.pick(trainWords))),
      ];
      return { schema: { type: "string", enum: choices }, draw: (r) => asWords(r.pick(choices)) };
    },
  },
];
const totalWeight = kinds.reduce((sum, kind) => sum + kind.weight, 0);

function drawParameter(random: WordRandom, name: string, isRequired: boolean): MadeUpParameter {
  let left = random.integer(totalWeight);
  const kind = kinds.find(({ weight }) => {
    left -= weight;
    return left < 0;
  })!;
  return { name, isRequired, ...kind.make(random) };
}

const drawNoun = (random: WordRandom): string =>
  random.next() < 0.25 ? random.drawWord() : random.pick(nouns.train);
const drawVerb = (random: WordRandom): string =>
  random.next() < 0.15 ? random.drawWord() : random.pick(toolVerbs);

/** A tool of zero to three parameters; the first is required. */
export function drawTool(
  random: WordRandom,
  words: { readonly verb?: string; readonly noun?: string } = {},
): MadeUpTool {
  const verb = words.verb ?? drawVerb(random);
  const noun = words.noun ?? drawNoun(random);
  const count = random.pick([0, 1, 1, 1, 2, 2, 2, 3]);
  const names = random.shuffle(parameterNames).slice(0, count);
  const parameters = names
    .map((name) => (random.next() < 0.12 ? random.drawWord() : name))
    .map((name, i) => drawParameter(random, name, i === 0 || random.next() < 0.7));
  const distinct = parameters.filter(
    (one, i) => parameters.findIndex((other) => other.name === one.name) === i,
  );
  return {
    verb,
    noun,
    parameters: distinct,
    definition: {
      type: "function",
      function: {
        name: `${verb}_${noun}`,
        parameters: {
          type: "object",
          properties: Object.fromEntries(distinct.map(({ name, schema }) => [name, schema])),
          required: distinct.filter((one) => one.isRequired).map((one) => one.name),
          additionalProperties: false,
        },
      },
    },
  };
}

/** `count` tools of different names; now and then two share a verb or a noun, so that both words count. */
export function drawTools(random: WordRandom, count: number, taken: ReadonlySet<string>): MadeUpTool[] {
  const tools: MadeUpTool[] = [];
  const names = new Set(taken);
  while (tools.length < count) {
    const model = tools.length > 0 && random.next() < 0.2 ? random.pick(tools) : undefined;
    const shared =
      model === undefined ? {} : random.next() < 0.5 ? { verb: model.verb } : { noun: model.noun };
    const tool = drawTool(random, shared);
    if (names.has(tool.definition.function.name) || tool.verb === tool.noun) continue;
    names.add(tool.definition.function.name);
    tools.push(tool);
  }
  return tools;
}
