import * as fs from "node:fs";
import { parseArgs } from "node:util";
import { LimbeckError } from "#limbeck/base/errors.js";
import { describeMachine, type Machine } from "#limbeck/hardware/machine.js";
import { type Conditions, judgeConditions, sampleConditions } from "#limbeck/measure/conditions.js";

/** One benchmark: prints what it finds to standard error, returns the document that ends standard output. */
export interface Benchmark {
  readonly summary: string;
  /** Whole-number options with their defaults; `--name 5` on the command line. */
  readonly options: Readonly<Record<string, { readonly value: number; readonly help: string }>>;
  run(options: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>>;
}

/** A line for the person who watches: never on standard output, whose last line is the document. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `--name N` pairs over a benchmark's defaults. Error: `usage`. */
export function parseOptions(
  name: string,
  benchmark: Benchmark,
  words: readonly string[],
): Record<string, number> {
  const declared = Object.entries(benchmark.options);
  const known = declared.map(([option]) => `--${option}`).join(", ");
  const values: Record<string, number> = Object.fromEntries(
    declared.map(([option, { value }]) => [option, value]),
  );
  const refuse = (message: string, cause?: unknown): LimbeckError =>
    new LimbeckError("usage", `bench ${name}: ${message}`, {
      cure: `Its options: ${known}, each a whole number ≥ 1.`,
      cause,
    });
  let given: ReturnType<typeof parseArgs>["values"];
  try {
    given = parseArgs({
      args: [...words],
      options: Object.fromEntries(declared.map(([option]) => [option, { type: "string" as const }])),
    }).values;
  } catch (cause) {
    throw refuse((cause as Error).message, cause);
  }
  for (const [option, text] of Object.entries(given)) {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1)
      throw refuse(`--${option}: expected a whole number ≥ 1, got ${text}`);
    values[option] = value;
  }
  return values;
}

/** The machine, and how busy others kept it right before a benchmark. */
export interface Surroundings {
  readonly machine: Machine;
  readonly before: Conditions;
}

/** Watches the idle process for a second: whatever runs now is somebody else's. */
async function watchOthers(machine: Machine): Promise<Conditions> {
  const first = sampleConditions(machine);
  await pause(1100);
  return judgeConditions(first, sampleConditions(machine));
}

/** Describes the machine, and prints it. */
export async function lookAround(): Promise<Surroundings> {
  const machine = describeMachine();
  const gib = (machine.memory_bytes / 2 ** 30).toFixed(0);
  note(`machine: ${machine.soc}, ${machine.cores} cores, ${gib} GiB, ${machine.os}, node ${machine.node}`);
  return { machine, before: await watchOthers(machine) };
}

/**
 * The fields that every document ends with. `is_quiet` is false where others used the machine right before or right
 * after: such figures, ratios too, are no evidence.
 */
export async function lookBack({
  machine,
  before,
}: Surroundings): Promise<Readonly<Record<string, unknown>>> {
  const after = await watchOthers(machine);
  const reasons = [...new Set([...before.invalid_for_gate, ...after.invalid_for_gate])];
  for (const reason of reasons) note(`not quiet, so these figures are no evidence: ${reason}`);
  return { is_quiet: reasons.length === 0, machine, conditions: { before, after } };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/**
 * Most resident memory of this process so far, in MB (10⁶ bytes). Linux keeps `ru_maxrss` over fork and exec, so that
 * a child begins with its parent's; the high-water mark of its own address space is right.
 */
export function peakRssMb(): number {
  if (process.platform === "linux") {
    const mark = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1];
    if (mark !== undefined) return (Number(mark) * 1024) / 1e6;
  }
  return (process.resourceUsage().maxRSS * 1024) / 1e6;
}

/** Rows in columns, the first aligned to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  "),
    )
    .join("\n");
}
