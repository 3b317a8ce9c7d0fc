import { stringifyJson } from "../base/json.ts";
import { type Behaviour, type Example, isControl, shouldUseTool } from "../data/types.ts";
import { createFixtureBroker } from "../tools/fixtures.ts";
import type { ToolCall, ToolDefinition } from "../tools/types.ts";
import { createCallValidator } from "../tools/validator.ts";
import { type GroundingScore, scoreGrounding } from "./grounding.ts";
import { matchesLaxly } from "./lax-match.ts";
import { assignCalls, precisionRecall } from "./match.ts";
import { type AllowList, defaultAllowList, type Leak, scanPrivacy } from "./privacy.ts";
import { matchesStrictly, strictExpectation } from "./strict-match.ts";
import type { ExampleTranscript, TurnRecord } from "./transcript.ts";

/** Calls of one tool, counted. */
export interface ToolCounts {
  readonly expected: number;
  readonly made: number;
  readonly valid: number;
  readonly matched_lax: number;
  readonly matched_strict: number;
}

/** What one transcript is worth against what its example expects. */
export interface ExampleScore {
  readonly id: string;
  readonly behaviour: Behaviour;
  /** The example expects calls, so that F1 counts, whatever the model did. */
  readonly eligible: boolean;
  readonly control: boolean;
  /** `null` where the example is not eligible. */
  readonly f1_lax: number | null;
  readonly f1_strict: number | null;
  readonly expected_calls: number;
  /** Complete calls and malformed ones. */
  readonly made_calls: number;
  readonly valid_calls: number;
  readonly malformed_calls: number;
  /** Calls on a control; malformed ones count, for they were tried. */
  readonly false_calls: number;
  /** The right tools, each as often as expected. */
  readonly parity: boolean;
  readonly ttfa_tokens: number | null;
  readonly tokens_out: number;
  readonly turns: number;
  readonly truncated: boolean;
  readonly leaks: readonly Leak[];
  readonly copied: number;
  /** `null` where no result holds anything to integrate. */
  readonly grounding: GroundingScore | null;
  /** Of valid calls that are expected ones: answered by a fixture, or not. */
  readonly fixture_hits: number;
  readonly fixture_misses: number;
  readonly tools: { readonly [name: string]: ToolCounts };
}

interface MadeCall {
  readonly call: ToolCall;
  readonly isValid: boolean;
  readonly hit: boolean | null;
}

function toolNamed(tools: readonly ToolDefinition[], name: string): ToolDefinition | undefined {
  return tools.find((tool) => tool.function.name === name);
}

function collectCalls(example: Example, turns: readonly TurnRecord[]): MadeCall[] {
  const validator = createCallValidator(example.tools);
  return turns.flatMap(({ calls, results }) =>
    calls.map((call, i) => ({ call, isValid: validator.validate(call).valid, hit: results[i]?.hit ?? null })),
  );
}

/** Which made call answers which expected one, by both rules. Lax takes all that strict takes. */
function assignBoth(
  example: Example,
  made: readonly MadeCall[],
): { strict: (number | null)[]; lax: (number | null)[] } {
  const { calls } = example.expect;
  const strictly = calls.map((expected) => {
    const expectation = strictExpectation(expected, toolNamed(example.tools, expected.name));
    return made.map(({ call }) => matchesStrictly(expectation, call));
  });
  const isStrict = (e: number, m: number): boolean => strictly[e]?.[m] === true;
  const isLax = (e: number, m: number): boolean => {
    const expected = calls[e] as ToolCall;
    const { call } = made[m] as MadeCall;
    return isStrict(e, m) || matchesLaxly(expected, call, toolNamed(example.tools, expected.name));
  };
  return {
    strict: assignCalls(calls.length, made.length, isStrict),
    lax: assignCalls(calls.length, made.length, isLax),
  };
}

function countByTool(
  expected: readonly ToolCall[],
  made: readonly MadeCall[],
  lax: readonly (number | null)[],
  strict: readonly (number | null)[],
): { [name: string]: ToolCounts } {
  const counts = new Map<string, { -readonly [K in keyof ToolCounts]: number }>();
  const of = (name: string) => {
    const known = counts.get(name) ?? { expected: 0, made: 0, valid: 0, matched_lax: 0, matched_strict: 0 };
    counts.set(name, known);
    return known;
  };
  for (const { name } of expected) of(name).expected += 1;
  for (const [i, { call, isValid }] of made.entries()) {
    const tool = of(call.name);
    tool.made += 1;
    if (isValid) tool.valid += 1;
    if (lax[i] !== null) tool.matched_lax += 1;
    if (strict[i] !== null) tool.matched_strict += 1;
  }
  return Object.fromEntries(counts);
}

function requestOf(example: Example): string {
  return example.messages
    .filter((message) => message.role === "user")
    .map((message) => message.content ?? "")
    .join("\n");
}

/** All text that the model was given or was to say, for telling copies from leaks. */
function knownTexts(example: Example, turns: readonly TurnRecord[]): string[] {
  return [
    ...example.messages.flatMap(({ content, tool_calls }) => [
      content ?? "",
      stringifyJson(tool_calls ?? []),
    ]),
    ...example.expect.calls.flatMap((call) => [
      stringifyJson(call.arguments),
      ...Object.values(call.arguments).map(String),
    ]),
    ...turns.flatMap((turn) => turn.results.map(({ result }) => stringifyJson(result))),
    stringifyJson(example.tools),
  ];
}

function gradeAnswer(example: Example, turns: readonly TurnRecord[]): GroundingScore | null {
  if (example.expect.calls.length === 0) return null;
  // What the expected calls return, not what the model's did: silence must not make an example ineligible.
  const broker = createFixtureBroker(example.fixtures ?? []);
  const results = example.expect.calls.map((call) => broker.answer(call)).filter(({ hit }) => hit);
  const last = turns.at(-1);
  // A last turn that still calls is no answer.
  const answer = last === undefined || last.calls.length > 0 ? "" : last.content;
  return scoreGrounding(
    answer,
    results.map(({ result }) => result),
    requestOf(example),
  );
}

/** Scores one transcript against its example. Pure: a stored transcript scores the same again. */
export function scoreExample(
  example: Example,
  transcript: ExampleTranscript,
  allow: AllowList = defaultAllowList,
): ExampleScore {
  const { turns } = transcript;
  const expected = example.expect.calls;
  const made = collectCalls(example, turns);
  const malformed = turns.reduce((sum, turn) => sum + turn.malformed.length, 0);
  const { strict, lax } = assignBoth(example, made);
  const countMatched = (assigned: readonly (number | null)[]): number =>
    assigned.filter((e) => e !== null).length;
  const eligible = shouldUseTool(example) && expected.length > 0;
  const control = isControl(example);
  const f1Of = (assigned: readonly (number | null)[]): number | null =>
    eligible ? precisionRecall(countMatched(assigned), made.length + malformed, expected.length).f1 : null;

  const lookedUp = made.filter(({ isValid, hit }, i) => isValid && hit !== null && lax[i] !== null);
  const scan = scanPrivacy(
    turns.map((turn) => turn.text).join("\n"),
    () => knownTexts(example, turns),
    allow,
  );
  const tools = countByTool(expected, made, lax, strict);
  return {
    id: example.id,
    behaviour: example.expect.behaviour,
    eligible,
    control,
    f1_lax: f1Of(lax),
    f1_strict: f1Of(strict),
    expected_calls: expected.length,
    made_calls: made.length + malformed,
    valid_calls: made.filter(({ isValid }) => isValid).length,
    malformed_calls: malformed,
    false_calls: control ? made.length + malformed : 0,
    parity: malformed === 0 && Object.values(tools).every((tool) => tool.expected === tool.made),
    ttfa_tokens: transcript.ttfa_tokens,
    tokens_out: turns.reduce((sum, turn) => sum + turn.tokens, 0),
    turns: turns.length,
    truncated: turns.some((turn) => turn.finish_reason === "length"),
    leaks: scan.leaks,
    copied: scan.copied,
    grounding: eligible ? gradeAnswer(example, turns) : null,
    fixture_hits: lookedUp.filter(({ hit }) => hit === true).length,
    fixture_misses: lookedUp.filter(({ hit }) => hit === false).length,
    tools,
  };
}
