import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import * as os from "node:os";
import { parseCpuinfo, parseOsRelease, powerSourceOf } from "./linux-text.ts";
import {
  type PowerSource,
  parseLowPowerMode,
  parsePmsetTherm,
  parsePowerSource,
  parseSwVers,
  parseSysctl,
  type ThermalState,
} from "./macos-text.ts";

/** `soc` where the CPU has no name. */
export const unknownSoc = "unknown";

/** The machine as reports print it. Null is "not known", never "none". */
export interface Machine {
  /** The chip's own name ("Apple M3 Pro", "AMD EPYC 7763 64-Core Processor"), or "unknown". */
  readonly soc: string;
  /** The maker's model ("Mac15,6"). */
  readonly model: string | null;
  readonly arch: string;
  /** Cores that this process may use. */
  readonly cores: number;
  readonly memory_bytes: number;
  readonly os: string;
  readonly node: string;
  /** Over 1, 5 and 15 minutes. */
  readonly load_average: readonly number[] | null;
  readonly power_source: PowerSource | null;
  readonly low_power_mode: boolean | null;
  readonly thermal: ThermalState | null;
}

/** Where facts come from; tests give their own. Null: not there, or it failed. */
export interface MachineSources {
  readonly platform: string;
  readonly arch: string;
  readonly osRelease: string;
  readonly cpuModel: string | null;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly loadAverage: readonly number[];
  readonly node: string;
  readonly readText: (file: string) => string | null;
  readonly list: (folder: string) => readonly string[];
  readonly run: (command: string, args: readonly string[]) => string | null;
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    // A fact that this system does not offer: the report says null.
    return null;
  }
}

/** This machine. Commands are waited for, 2 s each at most. */
export function systemSources(): MachineSources {
  return {
    platform: os.platform(),
    arch: os.arch(),
    osRelease: `${os.type()} ${os.release()}`,
    cpuModel: os.cpus()[0]?.model ?? null,
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    loadAverage: os.loadavg(),
    node: process.version,
    readText: (file) => orNull(() => readFileSync(file, "utf8")),
    list: (folder) => orNull(() => readdirSync(folder)) ?? [],
    run: (command, args) =>
      orNull(() =>
        execFileSync(command, [...args], {
          encoding: "utf8",
          timeout: 2000,
          stdio: ["ignore", "pipe", "ignore"],
        }),
      ),
  };
}

type PlatformFacts = Pick<Machine, "soc" | "model" | "os" | "power_source" | "low_power_mode" | "thermal">;

/** A CPU name that says something; QEMU, some ARM kernels and sandboxes give "unknown" or nothing. */
function usableName(name: string | null | undefined): string {
  const trimmed = name?.trim() ?? "";
  return trimmed === "" || /^unknown$/i.test(trimmed) ? unknownSoc : trimmed;
}

function describeMac({ run, cpuModel, osRelease }: MachineSources): PlatformFacts {
  const facts = parseSysctl(run("sysctl", ["machdep.cpu.brand_string", "hw.model"]) ?? "");
  return {
    soc: usableName(facts.get("machdep.cpu.brand_string") ?? cpuModel),
    model: facts.get("hw.model") ?? null,
    os: parseSwVers(run("sw_vers", []) ?? "") ?? osRelease,
    power_source: parsePowerSource(run("pmset", ["-g", "batt"]) ?? ""),
    low_power_mode: parseLowPowerMode(run("pmset", ["-g"]) ?? ""),
    thermal: parsePmsetTherm(run("pmset", ["-g", "therm"]) ?? ""),
  };
}

function describeLinux({ readText, list, cpuModel, osRelease }: MachineSources): PlatformFacts {
  const supplies = list("/sys/class/power_supply").map((name) => ({
    type: readText(`/sys/class/power_supply/${name}/type`)?.trim() ?? "",
    online: readText(`/sys/class/power_supply/${name}/online`),
  }));
  const distribution = parseOsRelease(readText("/etc/os-release") ?? "");
  return {
    soc: usableName(parseCpuinfo(readText("/proc/cpuinfo") ?? "") ?? cpuModel),
    model: readText("/sys/class/dmi/id/product_name")?.trim() || null,
    os: distribution === null ? osRelease : `${distribution}, ${osRelease}`,
    power_source: powerSourceOf(supplies),
    low_power_mode: null,
    thermal: null,
  };
}

/** The machine that this runs on, as far as it tells. */
export function describeMachine(sources: MachineSources = systemSources()): Machine {
  const { platform, arch, cores, memoryBytes, node, loadAverage, cpuModel, osRelease } = sources;
  const facts: PlatformFacts =
    platform === "darwin"
      ? describeMac(sources)
      : platform === "linux"
        ? describeLinux(sources)
        : {
            soc: usableName(cpuModel),
            model: null,
            os: osRelease,
            power_source: null,
            low_power_mode: null,
            thermal: null,
          };
  return {
    soc: facts.soc,
    model: facts.model,
    arch,
    cores,
    memory_bytes: memoryBytes,
    os: facts.os,
    node,
    // Windows has no load average and answers zeros.
    load_average: platform === "win32" ? null : loadAverage,
    power_source: facts.power_source,
    low_power_mode: facts.low_power_mode,
    thermal: facts.thermal,
  };
}
