import { LimbeckError } from "../base/errors.ts";
import { readText, writeFileAtomic } from "../base/files.ts";
import { stringifyJson } from "../base/json.ts";
import type { ToolDefinition } from "../tools/types.ts";
import { checkExample, type Fault, firstFault, headerSchema } from "./dataset-schema.ts";
import { fingerprintDataset } from "./fingerprints.ts";
import type { Dataset, DatasetHeader, Example } from "./types.ts";

/** A line that cannot be used. */
export interface BadLine extends Fault {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** A dataset as it was read; `skipped` names every line that was left out. */
export interface ReadDataset extends Dataset {
  readonly skipped: readonly BadLine[];
}

export interface ReadOptions {
  /** How many bad lines may be skipped (default 0). */
  readonly maxBad?: number;
}

const describe = (bad: BadLine): string => `${bad.file}:${bad.line}: ${bad.field}: ${bad.reason}`;

export function datasetError(file: string, line: number, field: string, reason: string): LimbeckError {
  return new LimbeckError("invalid_dataset", describe({ file, line, field, reason }), {
    cure: "Correct the line, or make the dataset again.",
    fields: { path: file, line, field, reason },
  });
}

/** Collects bad lines and stops at the first one too many. */
export class BadLines {
  readonly lines: BadLine[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(bad: BadLine): void {
    this.lines.push(bad);
    if (this.lines.length <= this.#limit) return;
    const shown = this.lines.slice(0, 5).map(describe).join("\n");
    const more = this.lines.length > 5 ? `\n… and ${this.lines.length - 5} more` : "";
    throw new LimbeckError("invalid_dataset", `${shown}${more}`, {
      cure:
        this.#limit === 0
          ? "Correct the line, or allow some bad lines."
          : `More than ${this.#limit} lines are bad.`,
      fields: { path: bad.file, line: bad.line, field: bad.field, reason: bad.reason, bad: this.lines },
    });
  }
}

/** The lines of a JSONL file with their numbers; a parse error of the last, unfinished line says that the file is cut. */
export function readJsonLines(
  file: string,
  onLine: (value: unknown, line: number) => void,
  onBad: (line: number, reason: string) => void,
): void {
  const text = readText(file);
  const lines = text.split("\n");
  const isWhole = lines.at(-1) === "";
  if (isWhole) lines.pop();
  if (lines.every((line) => line.trim().length === 0))
    throw datasetError(file, 1, "file", "expected examples, got an empty file");
  for (const [i, line] of lines.entries()) {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      if (i === lines.length - 1 && !isWhole)
        throw datasetError(file, i + 1, "line", "the file is cut off inside its last line");
      onBad(
        i + 1,
        line.trim().length === 0
          ? "expected an example, got an empty line"
          : `not JSON: ${(cause as Error).message}`,
      );
      continue;
    }
    onLine(value, i + 1);
  }
}

/** Writes a dataset with its fingerprints computed anew from the examples; returns the header as written. */
export function writeDataset(file: string, dataset: Dataset): DatasetHeader {
  const { examples } = dataset;
  const fingerprints = fingerprintDataset(examples, dataset.header.fingerprints);
  const header: DatasetHeader = { ...dataset.header, examples: examples.length, fingerprints };
  const lines = [header, ...examples].map((line) => `${stringifyJson(line)}\n`);
  writeFileAtomic(file, lines.join(""));
  return header;
}

/** Takes checked examples in; equal tools become one object, which makes everything keyed by a tool fast. */
export class ExampleCollector {
  readonly examples: Example[] = [];
  readonly #ids = new Map<string, number>();
  readonly #tools = new Map<string, ToolDefinition>();

  /** What is wrong with the value, or null once it is taken in. */
  take(value: unknown, line: number): Fault | null {
    const checked = checkExample(this.#shareTools(value));
    if ("fault" in checked) return checked.fault;
    const { example } = checked;
    const first = this.#ids.get(example.id);
    if (first !== undefined)
      return { field: "id", reason: `expected each id once, got ${example.id} on line ${first} too` };
    this.#ids.set(example.id, line);
    this.examples.push(example);
    return null;
  }

  #shareTools(value: unknown): unknown {
    const tools = (value as { tools?: unknown } | null)?.tools;
    if (!Array.isArray(tools)) return value;
    const shared = tools.map((tool: ToolDefinition) => {
      const key = JSON.stringify(tool);
      const known = this.#tools.get(key);
      if (known === undefined) this.#tools.set(key, tool);
      return known ?? tool;
    });
    return { ...(value as object), tools: shared };
  }
}

/**
 * Reads a dataset and checks everything in it: shape, ids, calls against the tools, the header's count and fingerprints.
 * Where lines were skipped the header is that of what is left.
 * Errors: `invalid_dataset` with file, line, field and reason; `file_not_found`.
 */
export function readDataset(file: string, options: ReadOptions = {}): ReadDataset {
  const bad = new BadLines(options.maxBad ?? 0);
  const collector = new ExampleCollector();
  let header: DatasetHeader | undefined;
  let lines = 0;
  readJsonLines(
    file,
    (value, line) => {
      if (line === 1) {
        header = readHeader(file, value);
        return;
      }
      lines++;
      const fault = collector.take(value, line);
      if (fault !== null) bad.add({ file, line, ...fault });
    },
    (line, reason) => {
      if (line === 1) throw datasetError(file, 1, "header", reason);
      lines++;
      bad.add({ file, line, field: "line", reason });
    },
  );
  if (header === undefined) throw datasetError(file, 1, "header", "expected a header line, got none");
  const { examples } = collector;
  if (lines !== header.examples) {
    throw datasetError(
      file,
      lines + 1,
      "examples",
      `expected ${header.examples} as the header says, got ${lines}`,
    );
  }
  if (examples.length === 0) throw datasetError(file, 2, "examples", "expected at least one, got none");
  const fingerprints = fingerprintDataset(examples, header.fingerprints);
  if (bad.lines.length > 0) {
    return { header: { ...header, examples: examples.length, fingerprints }, examples, skipped: bad.lines };
  }
  for (const name of ["dataset", "tools"] as const) {
    if (fingerprints[name] === header.fingerprints[name]) continue;
    const reason = `expected ${fingerprints[name]} as the examples give, got ${header.fingerprints[name]}`;
    throw datasetError(file, 1, `fingerprints.${name}`, reason);
  }
  return { header, examples, skipped: [] };
}

function readHeader(file: string, value: unknown): DatasetHeader {
  const parsed = headerSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { field, reason } = firstFault(parsed.error);
  throw datasetError(file, 1, `header.${field}`, reason);
}
