import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { type PythonJsonOptions, pythonJson } from "../tools/python-json.ts";
import { strftime } from "./strftime.ts";

/** Renders a template with variables at a time of day. Errors are the library's own, or what the template raised. */
export type JinjaTemplate = (variables: Readonly<Record<string, unknown>>, now: Date) => string;

type Node = { type: string; [part: string]: unknown };

const isNode = (value: unknown): value is Node =>
  value !== null && typeof value === "object" && typeof (value as Node).type === "string";

const prefix = "__python_";

/** Filters and methods of strings in which the library is not Python; calls of ours stand in for them. */
const ownFilters: ReadonlySet<string> = new Set(["tojson", "trim"]);
const ownMethods: ReadonlySet<string> = new Set(["strip", "lstrip", "rstrip"]);

/** A call of one of our functions in place of `node`; its class is kept, since the library asks for it. */
function callOf(node: Node, name: string, args: readonly unknown[]): Node {
  const callee = Object.assign(Object.create(Object.getPrototypeOf(node)) as Node, {
    type: "Identifier",
    value: prefix + name,
  });
  const call = Object.create(Object.getPrototypeOf(node)) as Node;
  return Object.assign(call, { type: "CallExpression", callee, args });
}

function replace(node: Node): Node {
  const { type, filter, callee } = node;
  if (type === "FilterExpression" && isNode(filter)) {
    const name = filter.type === "CallExpression" ? (filter["callee"] as Node)["value"] : filter["value"];
    const args = filter.type === "CallExpression" ? (filter["args"] as unknown[]) : [];
    if (ownFilters.has(String(name))) return callOf(node, String(name), [node["operand"], ...args]);
  }
  if (type === "CallExpression" && isNode(callee) && callee.type === "MemberExpression") {
    const name = (callee["property"] as Node)["value"];
    if (callee["computed"] === false && ownMethods.has(String(name)))
      return callOf(node, String(name), [callee["object"], ...(node["args"] as unknown[])]);
  }
  return node;
}

/** The tree with our functions in it. Changes the tree. */
function adapt(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(adapt);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [adapt(key), adapt(item)]));
  if (!isNode(value)) return value;
  for (const [name, part] of Object.entries(value)) value[name] = adapt(part);
  return replace(value);
}

/** The library hands its values over as maps and lists of objects that hold the value; none and undefined look alike. */
function plain(value: unknown): unknown {
  const held = (item: unknown): unknown => plain((item as { readonly value: unknown }).value);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, held(item)]));
  return Array.isArray(value) ? value.map(held) : (value ?? null);
}

/** `tojson` as transformers defines it; options by place or by name. */
function tojson(value: unknown, ...given: unknown[]): string {
  const named = (given.at(-1) instanceof Map ? plain(given.pop()) : {}) as Record<string, unknown>;
  const [
    ensureAscii = named["ensure_ascii"],
    indent = named["indent"],
    separators = named["separators"],
    sortKeys = named["sort_keys"],
  ] = given.map((each) => plain(each) ?? undefined);
  const options: PythonJsonOptions = {
    ensureAscii: Boolean(ensureAscii),
    indent: typeof indent === "number" ? indent : null,
    sortKeys: Boolean(sortKeys),
    ...(Array.isArray(separators) ? { separators: [String(separators[0]), String(separators[1])] } : {}),
  };
  return pythonJson(plain(value), options);
}

// What str.isspace() holds for: not the byte order mark, which JavaScript trims, but the separators U+001C to U+001F and U+0085.
const spaces = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

/** Python's `strip` at either end: of white space, or of any of the characters given. */
function strip(given: unknown, chars: unknown, atStart: boolean, atEnd: boolean): string {
  const text = String(given ?? "");
  const set = typeof chars === "string" ? chars.replace(/[\\\]^-]/g, "\\$&") : spaces;
  if (set === "") return text;
  const ends = [...(atStart ? [`^[${set}]+`] : []), ...(atEnd ? [`[${set}]+$`] : [])];
  return ends.reduce((rest, end) => rest.replace(new RegExp(end, "u"), ""), text);
}

function raise(message: unknown): never {
  throw new Error(String(message));
}

function range(first: number, end?: number, step = 1): number[] {
  const [from, to] = end === undefined ? [0, first] : [first, end];
  if (step === 0) throw new Error("range: expected a step, got 0");
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, i) => from + i * step);
}

const functions: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  raise_exception: raise,
  range,
  [`${prefix}tojson`]: tojson,
  [`${prefix}trim`]: (text: unknown, chars: unknown) => strip(text, chars, true, true),
  [`${prefix}strip`]: (text: unknown, chars: unknown) => strip(text, chars, true, true),
  [`${prefix}lstrip`]: (text: unknown, chars: unknown) => strip(text, chars, true, false),
  [`${prefix}rstrip`]: (text: unknown, chars: unknown) => strip(text, chars, false, true),
};

/**
 * Compiles a chat template as transformers does: blocks trimmed, `break` and `continue`, `raise_exception`,
 * `strftime_now`. Where the library differs from Python's Jinja and published templates notice,
 * it is set right: `tojson` writes numbers as Python does, `strip`, `lstrip` and `rstrip` heed their argument, `trim` takes
 * Python's white space, months have English names. Not set right, since no template that we read asks for it: printing None,
 * booleans, lists and objects by themselves, and a `set` inside a loop, which the library carries to the next turn.
 */
export function compileJinja(source: string): JinjaTemplate {
  const program = adapt(parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })));
  return (variables, now) => {
    const environment = new Environment();
    const globals = { ...functions, strftime_now: (format: string) => strftime(now, format) };
    for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
    return String(new Interpreter(environment).run(program as ReturnType<typeof parse>).value);
  };
}
