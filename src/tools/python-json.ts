import { stringifyJson } from "../base/json.ts";

export interface PythonJsonOptions {
  /** Spaces for each level; null writes one line. */
  readonly indent?: number | null;
  /** Between items, and between key and value; default `", "` and `": "`, and with an indent `","` and `": "`. */
  readonly separators?: readonly [item: string, key: string];
  readonly sortKeys?: boolean;
  /** Writes what is not ASCII as `\uXXXX`. */
  readonly ensureAscii?: boolean;
}

/** A finite number as Python's `repr` writes it: exponents of two digits, and for all below 1e-4. */
export function pythonNumber(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || size >= 1e-4) return stringifyJson(value);
  return value.toExponential().replace(/e-(\d)$/, "e-0$1");
}

const escapeRest = (text: string): string =>
  text.replace(/[\x7f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** By code points, as Python compares; JavaScript's own order goes by UTF-16 units. */
function compareCodePoints(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Whether a number in this text may be one that Python writes otherwise. */
const hasSmallNumber = /\de-\d|0\.0000/;

/**
 * JSON as Python's `json.dumps(…, ensure_ascii=False)` writes it: the text that the chat templates of published models
 * make, and so what their models learned. Two traces JSON.parse does not keep: a number that was `1.0` is `1` here, and
 * keys that are whole numbers come first. Error: `internal` for NaN and infinite numbers.
 */
export function pythonJson(value: unknown, options: PythonJsonOptions = {}): string {
  const { indent = null, sortKeys = false, ensureAscii = false } = options;
  const [item, key] = options.separators ?? [indent === null ? ", " : ",", ": "];
  if (item === "," && key === ":" && indent === null && !sortKeys && !ensureAscii) {
    const compact = stringifyJson(value);
    if (!hasSmallNumber.test(compact)) return compact;
  }
  const quote = (text: string): string =>
    ensureAscii ? escapeRest(JSON.stringify(text)) : JSON.stringify(text);
  const wrap = (open: string, items: readonly string[], close: string, depth: number): string => {
    if (items.length === 0 || indent === null) return open + items.join(item) + close;
    const line = `\n${" ".repeat(indent * (depth + 1))}`;
    return `${open}${line}${items.join(item + line)}\n${" ".repeat(indent * depth)}${close}`;
  };
  const write = (part: unknown, depth: number): string => {
    if (typeof part === "string") return quote(part);
    if (typeof part === "number" && Number.isFinite(part)) return pythonNumber(part);
    if (Array.isArray(part))
      return wrap(
        "[",
        part.map((each) => write(each, depth + 1)),
        "]",
        depth,
      );
    if (part === null || typeof part !== "object") return stringifyJson(part);
    const entries = Object.entries(part).filter(([, each]) => each !== undefined);
    if (sortKeys) entries.sort(([a], [b]) => compareCodePoints(a, b));
    const members = entries.map(([name, each]) => `${quote(name)}${key}${write(each, depth + 1)}`);
    return wrap("{", members, "}", depth);
  };
  return write(value, 0);
}
