import { LimbeckError } from "../../base/errors.ts";
import { canonicalJson, isJsonObject, stringifyJson } from "../../base/json.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { type CallFormat, type CallMarks, callFormats } from "../../tools/call-format.ts";
import type { ToolDefinition } from "../../tools/types.ts";
import type { TokenConstraint } from "../token-constraint.ts";
import type { ResponseFormat, ToolChoice } from "../types.ts";
import { type AnswerPlan, createChatConstraint, type MarkTokens } from "./chat-constraint.ts";
import { writeEbnf } from "./ebnf.ts";
import { createForcedEncoder } from "./forced-encoder.ts";
import { createFollower, type FollowerTools, farBytes, type GrammarFollower } from "./grammar-follower.ts";
import { createLogitMask, type LogitMask } from "./logit-mask.ts";
import { createMarkWatch } from "./opening-marks.ts";
import { call, literal, type Part, type Rule } from "./rules.ts";
import { createSchemaRules, type SchemaRules, type Separators } from "./schema-rules.ts";
import { isDeeper } from "./schema-shape.ts";
import { createTracker, type Progress, type Tracker } from "./tracker.ts";
import { type CompiledRules, type GrammarVocabulary, loadXgrammar, type Xgrammar } from "./xgrammar.ts";

/** What one answer must be. */
export interface AnswerRules {
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice: ToolChoice;
  readonly responseFormat: ResponseFormat;
  readonly callFormat: CallFormat;
}

/** Makes constraints for one tokenizer, and keeps the grammars that were used last. */
export interface GrammarCompiler {
  /**
   * The constraint of one answer, which the caller closes; null where nothing is to be enforced. Without tools no call
   * is begun.
   * Errors: `invalid_request` for a tool choice that cannot be met, and for a schema that no grammar can enforce, naming
   * the place; `missing_dependency`.
   */
  forChat(rules: AnswerRules): Promise<TokenConstraint | null>;
  /** Frees the grammars. Constraints must be closed before. */
  close(): void;
}

export interface GrammarCompilerOptions {
  /** Tokens that end an answer, the usual one first; default those of the tokenizer. */
  readonly endIds?: readonly number[];
  /** Grammars that are kept (default 64): sets of tools, and schemas. */
  readonly mostKept?: number;
}

/** One grammar: rules and tracker at once, xgrammar's part when a text first needs it. */
interface Grammar {
  readonly tracker: Tracker;
  compiled(): CompiledRules;
  /** An answer begins, or has ended, that may follow it. */
  hold(): void;
  release(): void;
  /** Frees it, once no answer holds it. */
  close(): void;
}

/** The parts of a tokenizer that grammars need. */
export type GrammarTokenizer = Pick<
  Tokenizer,
  "vocabSize" | "eosIds" | "encode" | "encodePlain" | "idOf" | "isSpecial" | "tokenBytes"
>;

const noBytes = new Uint8Array(0);
/** Grammars that share one set of schema rules. */
const mostUses = 256;

/** `vocabSize` is the number of logits V, at least that of the tokenizer. */
export function createGrammarCompiler(
  tokenizer: GrammarTokenizer,
  vocabSize: number,
  { endIds = tokenizer.eosIds, mostKept = 64 }: GrammarCompilerOptions = {},
): GrammarCompiler {
  /** Special tokens are no text: only marks may be such, and those are taken one by one. */
  const bytesOf = (id: number): Uint8Array =>
    id < tokenizer.vocabSize && !tokenizer.isSpecial(id) ? tokenizer.tokenBytes(id) : noBytes;
  const grammars = new Map<string, Grammar>();
  const marksOf = new Map<CallFormat, MarkTokens>();
  // Loading takes 20 ms, which nobody has to wait for who asks later.
  const engine = loadXgrammar();
  engine.catch(() => undefined);
  let open: Xgrammar | undefined;
  let vocabulary: GrammarVocabulary | undefined;
  /** Free words need no masks: the vocabulary is read when the first call or JSON begins. */
  const compile = (root: Rule): CompiledRules => {
    vocabulary ??= open!.openVocabulary(vocabSize, bytesOf);
    return vocabulary.compile(writeEbnf(root));
  };
  let tools: FollowerTools | undefined;
  let wordMasks: LogitMask | undefined;
  const schemaRules = new Map<string, { readonly rules: SchemaRules; uses: number }>();

  const followerTools = (): FollowerTools => {
    tools ??= {
      bytesOf,
      encoder: createForcedEncoder(tokenizer),
      masks: createLogitMask(),
      longIds: Array.from({ length: vocabSize }, (_, id) => id).filter((id) => bytesOf(id).length > farBytes),
    };
    return tools;
  };

  /** Rules whose common parts, such as any text, were made before; new ones at times, as they remember all schemas. */
  const rulesFor = (separators: Separators): SchemaRules => {
    const key = separators.join();
    let shared = schemaRules.get(key);
    if (shared === undefined || shared.uses >= mostUses || shared.rules.isWorn) {
      shared = { rules: createSchemaRules(separators), uses: 0 };
      schemaRules.set(key, shared);
    }
    shared.uses++;
    shared.rules.begin();
    return shared.rules;
  };

  /** The grammar of this key, made if it is not kept; the one that was not used for longest goes. */
  const grammarOf = (key: string, makeRoot: () => Rule): Grammar => {
    const known = grammars.get(key) ?? createGrammar(makeRoot(), compile);
    grammars.delete(key);
    grammars.set(key, known);
    if (grammars.size > mostKept) {
      const [oldest, grammar] = [...grammars][0]!;
      grammars.delete(oldest);
      grammar.close();
    }
    return known;
  };

  const leastTokens = (tracker: Tracker, progress: Progress): number =>
    followerTools().encoder.whole(tracker.shortest(progress)).length;

  const follow = (grammar: Grammar, endIds: readonly number[]): GrammarFollower =>
    createFollower(grammar.tracker, grammar.compiled().openMatcher(endIds), followerTools());

  const marksFor = (format: CallFormat): MarkTokens => {
    let marks = marksOf.get(format);
    if (marks === undefined) {
      marks = findMarks(tokenizer, vocabSize, format, bytesOf);
      marksOf.set(format, marks);
    }
    return marks;
  };

  /** Words without calls, for which no grammar is needed; a brace that no mark begins is a part of them. */
  const wordsOnly = (marks: MarkTokens): TokenConstraint | null => {
    if (marks.bare !== null) return null;
    wordMasks ??= createLogitMask();
    return createChatConstraint({
      mayTalk: true,
      calls: "none",
      marks,
      endIds,
      openCall: null,
      leastCallTokensAfter: () => Number.POSITIVE_INFINITY,
      leastCallTokens: 0,
      openJson: null,
      masks: wordMasks,
      onClose: () => undefined,
    });
  };

  return {
    forChat: async (rules) => {
      const { toolChoice, responseFormat, callFormat } = rules;
      checkChoice(rules);
      checkDepth(rules);
      const offered = chosenTools(rules);
      if (rules.tools.length === 0 && responseFormat.type === "text") return wordsOnly(marksFor(callFormat));
      open ??= await engine;
      const marks = marksFor(callFormat);
      const callMarks: CallMarks = callFormats[callFormat];
      const { separators } = callMarks;
      const calls =
        offered.length === 0
          ? "none"
          : typeof toolChoice === "object"
            ? "one"
            : toolChoice === "required"
              ? "some"
              : "any";
      const isJson = responseFormat.type !== "text" && (calls === "none" || calls === "any");
      // Without marks a call and JSON begin alike, so that one grammar holds both.
      const isMixed = isJson && calls === "any" && marks.bare !== null;
      const callGrammar =
        offered.length === 0 || isMixed
          ? null
          : grammarOf(`call ${canonicalJson([callFormat, calls === "one", offered])}`, () =>
              callRule(offered, callMarks, marks, calls !== "one", rulesFor(separators)),
            );
      const jsonGrammar = isJson
        ? grammarOf(
            `json ${canonicalJson([responseFormat, isMixed && [callFormat, offered], separators])}`,
            () => {
              const rulesOfSchemas = rulesFor(separators);
              const answer = answerRule(responseFormat, rulesOfSchemas);
              const parts = isMixed
                ? [[call(callRule(offered, callMarks, marks, true, rulesOfSchemas))]]
                : [];
              return { alternatives: [[call(answer)], ...parts] };
            },
          )
        : null;
      // A call that ends by itself is left before an end could be chosen; xgrammar wants one all the same.
      const endOfCall = marks.close === null ? endIds : [marks.close];
      const { tracker } = callGrammar ?? { tracker: null };
      const plan: AnswerPlan = {
        mayTalk: !isJson && (calls === "none" || calls === "any"),
        calls: isMixed ? "none" : calls,
        marks,
        endIds,
        openCall: callGrammar && (() => follow(callGrammar, endOfCall)),
        leastCallTokens: tracker === null ? 0 : leastTokens(tracker, tracker.start),
        leastCallTokensAfter: (id) => {
          const after = tracker?.advance(tracker.start, bytesOf(id)) ?? null;
          return after === null ? Number.POSITIVE_INFINITY : leastTokens(tracker!, after);
        },
        openJson: jsonGrammar && (() => follow(jsonGrammar, endIds)),
        masks: followerTools().masks,
        onClose: () => {
          callGrammar?.release();
          jsonGrammar?.release();
        },
      };
      callGrammar?.hold();
      jsonGrammar?.hold();
      return createChatConstraint(plan);
    },
    close: () => {
      for (const grammar of grammars.values()) grammar.close();
      grammars.clear();
      vocabulary?.close();
      vocabulary = undefined;
    },
  };
}

function createGrammar(root: Rule, compile: (root: Rule) => CompiledRules): Grammar {
  let compiled: CompiledRules | undefined;
  let holders = 0;
  let isDone = false;
  return {
    tracker: createTracker(root),
    compiled: () => {
      compiled ??= compile(root);
      return compiled;
    },
    hold: () => {
      holders += 1;
    },
    release: () => {
      holders -= 1;
      if (isDone && holders === 0) compiled?.close();
    },
    // Another row of a batch may still follow a grammar that has to go.
    close: () => {
      isDone = true;
      if (holders === 0) compiled?.close();
    },
  };
}

function checkChoice({ tools, toolChoice }: AnswerRules): void {
  const names = tools.map((tool) => tool.function.name);
  const wanted = typeof toolChoice === "object" ? toolChoice.name : null;
  const isMet = wanted === null ? toolChoice !== "required" || names.length > 0 : names.includes(wanted);
  if (isMet) return;
  throw new LimbeckError(
    "invalid_request",
    `toolChoice: expected ${names.length === 0 ? "tools to choose from" : `one of ${names.join(", ")}`}, got ${wanted ?? "required"}`,
    { cure: "Offer the tool that must be called, or leave the choice to the model.", fields: { toolChoice } },
  );
}

/** Deeper schemas are refused before anything recurs into them. */
const deepestJson = 1000;

function checkDepth({ tools, responseFormat }: AnswerRules): void {
  const deep = [...tools.map((tool) => tool.function), responseFormat].find((one) =>
    isDeeper(one, deepestJson),
  );
  if (deep === undefined) return;
  const where = "name" in deep ? `tool ${deep.name}` : "responseFormat";
  throw new LimbeckError(
    "invalid_request",
    `schema at ${where}: expected at most ${deepestJson} levels of JSON, got more`,
    { cure: "Send a schema that is less deep.", fields: { path: where } },
  );
}

function chosenTools({ tools, toolChoice }: AnswerRules): readonly ToolDefinition[] {
  if (typeof toolChoice === "object") return tools.filter((tool) => tool.function.name === toolChoice.name);
  return toolChoice === "none" ? [] : tools;
}

/** One call as its format writes it, from behind the opening mark on; all of the calls where there are no marks. */
function callRule(
  tools: readonly ToolDefinition[],
  { gap, close, between, argumentsKeys, separators }: CallMarks,
  marks: MarkTokens,
  isRepeatable: boolean,
  schemas: SchemaRules,
): Rule {
  const [item, key] = separators;
  const closing = gap + (marks.close === null ? close : "");
  const one: Rule = {
    alternatives: tools.map(({ function: tool }): readonly Part[] => {
      const { name, parameters, strict = true } = tool;
      const head = `${gap}{"name"${key}${stringifyJson(name)}${item}"${argumentsKeys[0]}"${key}`;
      const args = strict ? schemas.add(objectOnly(parameters), `tool ${name}`) : schemas.anyObject;
      return [literal(head), call(args), literal(`}${closing}`)];
    }),
  };
  if (marks.bare === null || !isRepeatable) return one;
  const more: Rule = { alternatives: [[]] };
  more.alternatives.push([literal(between), call(one), call(more)]);
  return { alternatives: [[call(one), call(more)]] };
}

/** Arguments are an object, whether the schema says so or not. */
function objectOnly(parameters: ToolDefinition["function"]["parameters"]): typeof parameters {
  if (!isJsonObject(parameters)) return (parameters as unknown) === true ? { type: "object" } : parameters;
  return parameters["type"] === undefined && parameters["$ref"] === undefined
    ? { ...parameters, type: "object" }
    : parameters;
}

function answerRule(format: ResponseFormat, schemas: SchemaRules): Rule {
  return format.type === "json_schema" ? schemas.add(format.schema, "responseFormat") : schemas.anyObject;
}

/** How this tokenizer writes the marks of a format. */
function findMarks(
  tokenizer: GrammarTokenizer,
  vocabSize: number,
  format: CallFormat,
  bytesOf: (id: number) => Uint8Array,
): MarkTokens {
  const { open, close, between, alsoOpen }: CallMarks = callFormats[format];
  const specialOf = (mark: string): number | null => {
    const id = mark === "" ? undefined : tokenizer.idOf(mark);
    return id !== undefined && tokenizer.isSpecial(id) ? id : null;
  };
  const openId = specialOf(open);
  const begin = openId === null ? tokenizer.encodePlain(open) : [openId];
  const openers = [openId, ...alsoOpen.map(specialOf)].filter((id) => id !== null);
  const textOf = (id: number): string => new TextDecoder().decode(bytesOf(id));
  const braces = (): readonly number[] =>
    Array.from({ length: vocabSize }, (_, id) => id).filter((id) => textOf(id).trimStart().startsWith("{"));
  return {
    open: begin,
    openers,
    link: [...tokenizer.encodePlain(between), ...begin],
    close: specialOf(close),
    watch: open === "" || openId !== null ? null : createMarkWatch(open, vocabSize, bytesOf),
    bare:
      open === ""
        ? { braces: braces(), isSpace: (id) => textOf(id).trim() === "" && bytesOf(id).length > 0 }
        : null,
  };
}
