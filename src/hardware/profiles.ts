import { parse } from "yaml";
import { z } from "zod";
import { LimbeckError } from "../base/errors.ts";
import { readText } from "../base/files.ts";
import { type Machine, unknownSoc } from "./machine.ts";

const band = z.tuple([z.number().nonnegative(), z.number().positive()]).refine(([low, high]) => low < high, {
  error: "expected [low, high] with low < high",
});
const bands = z.strictObject({ p50: band.optional(), p95: band.optional() });

const speedTargets = z.strictObject({
  ttft_ms: bands.optional(),
  tps: bands.optional(),
  ttfa_tokens: bands.optional(),
});

/** Bands [low, high] that a sane measurement of the reference model falls into. */
export type SpeedTargets = z.infer<typeof speedTargets>;

/** Rows that offline work tries beside one request after the other. */
export const defaultBatchCandidates: readonly number[] = [2, 3, 4];

const fileSchema = z.strictObject({
  schema_version: z.literal(1),
  profiles: z.record(
    z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "expected a key of lower-case words and dashes"),
    z.strictObject({
      matches: z.strictObject({ soc_regex: z.string().min(1), min_ram_gb: z.number().positive() }),
      speed_targets: speedTargets.optional(),
      offline_batches: z.array(z.number().int().min(2).max(8)).optional(),
    }),
  ),
});

/** One kind of machine. */
export interface HardwareProfile {
  readonly key: string;
  readonly socPattern: RegExp;
  readonly minRamGib: number;
  readonly speedTargets: SpeedTargets | null;
  /** Rows that `score` may try for offline work; empty: none. */
  readonly batchCandidates: readonly number[];
}

/** Which profile a machine has. `key` is all that reports and baselines compare. */
export interface ProfileMatch {
  readonly key: string;
  /** Null where no profile fits: `key` is then `unknown-…` and says what the machine is. */
  readonly profile: HardwareProfile | null;
}

function invalid(source: string, where: string, what: string): LimbeckError {
  return new LimbeckError("invalid_config", `${source}: ${where}: ${what}`, {
    cure: "Correct the hardware profiles file.",
    fields: { path: source, field: where },
  });
}

/** Profiles from YAML text. Error: `invalid_config` with the place; unknown keys are refused. */
export function parseProfiles(text: string, source: string): HardwareProfile[] {
  let document: unknown;
  try {
    document = parse(text);
  } catch (cause) {
    throw invalid(source, "(file)", `expected YAML, ${(cause as Error).message}`);
  }
  const parsed = fileSchema.safeParse(document);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalid(source, issue?.path.join(".") || "(root)", issue?.message ?? "not hardware profiles");
  }
  return Object.entries(parsed.data.profiles).map(([key, { matches, speed_targets, offline_batches }]) => {
    if (key.startsWith("unknown")) {
      throw invalid(source, `profiles.${key}`, 'expected a key that does not begin with "unknown"');
    }
    return {
      key,
      socPattern: compile(matches.soc_regex, source, `profiles.${key}.matches.soc_regex`),
      minRamGib: matches.min_ram_gb,
      speedTargets: speed_targets ?? null,
      batchCandidates: [...new Set(offline_batches ?? defaultBatchCandidates)].sort((a, b) => a - b),
    };
  });
}

function compile(pattern: string, source: string, where: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (cause) {
    throw invalid(source, where, (cause as Error).message);
  }
}

/** Profiles from a file. Errors: `file_not_found`, `invalid_config`. */
export function loadProfiles(file: string): HardwareProfile[] {
  return parseProfiles(readText(file), file);
}

/** GiB, rounded: firmware keeps a little of what was bought. */
export function ramGib(machine: Pick<Machine, "memory_bytes">): number {
  return Math.round(machine.memory_bytes / 2 ** 30);
}

/**
 * The most specific profile that fits: the one whose expression matches most of the chip's name, then the one that
 * asks for most memory. Never a default: what fits nothing is `unknown-<arch>-<cpu>-<cores>c-<GiB>g`, or `unknown`
 * where not even the CPU has a name.
 *
 * Error: `invalid_config` where two profiles fit equally well.
 */
export function matchProfile(
  machine: Pick<Machine, "soc" | "arch" | "cores" | "memory_bytes">,
  profiles: readonly HardwareProfile[],
): ProfileMatch {
  if (machine.soc === unknownSoc) return { key: "unknown", profile: null };
  const soc = machine.soc;
  const gib = ramGib(machine);
  const fitting = profiles
    .map((profile) => ({ profile, matched: profile.socPattern.exec(soc)?.[0].length ?? -1 }))
    .filter(({ profile, matched }) => matched >= 0 && gib >= profile.minRamGib)
    .sort((a, b) => b.matched - a.matched || b.profile.minRamGib - a.profile.minRamGib);
  const [best, next] = fitting;
  if (best === undefined) {
    return { key: `unknown-${slug(machine.arch)}-${slug(soc)}-${machine.cores}c-${gib}g`, profile: null };
  }
  if (next && next.matched === best.matched && next.profile.minRamGib === best.profile.minRamGib) {
    throw new LimbeckError(
      "invalid_config",
      `hardware profiles: expected one most specific match for "${soc}" with ${gib} GiB, got ${best.profile.key} and ${next.profile.key}`,
      { cure: "Make one of the two expressions or memory sizes different.", fields: { soc, gib } },
    );
  }
  return { key: best.profile.key, profile: best.profile };
}

function slug(text: string): string {
  return (
    text
      .toLowerCase()
      .replace(/\((r|tm|c)\)/g, "")
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "") || "cpu"
  );
}

/** One figure against its band. */
export interface TargetCheck {
  readonly metric: string;
  readonly value: number | null;
  readonly band: readonly [number, number];
  readonly standing: "below" | "within" | "above" | "not_measured";
}

/** Holds measured percentiles against a profile's bands: for information, it decides nothing. */
export function checkSpeedTargets(
  targets: SpeedTargets,
  measured: {
    readonly [metric in keyof SpeedTargets]?: { readonly p50?: number | null; readonly p95?: number | null };
  },
): TargetCheck[] {
  return (["ttft_ms", "tps", "ttfa_tokens"] as const).flatMap((metric) =>
    (["p50", "p95"] as const).flatMap((p) => {
      const range = targets[metric]?.[p];
      if (range === undefined) return [];
      const value = measured[metric]?.[p] ?? null;
      return [{ metric: `${metric}.${p}`, value, band: range, standing: standingOf(value, range) }];
    }),
  );
}

function standingOf(value: number | null, [low, high]: readonly [number, number]): TargetCheck["standing"] {
  if (value === null) return "not_measured";
  if (value < low) return "below";
  return value > high ? "above" : "within";
}
