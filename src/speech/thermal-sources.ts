import { execFile } from "node:child_process";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import { type ThermalLevel, type ThermalSource, thermalLevels } from "./thermal.ts";

/** Text of a file, names in a folder, output of a command; null where there is none. */
export interface ThermalReaders {
  readText(file: string): Promise<string | null>;
  list(folder: string): Promise<readonly string[]>;
  run(command: string, args: readonly string[]): Promise<string | null>;
}

const orNull = <T>(promise: Promise<T>): Promise<T | null> => promise.catch(() => null);

/** This machine. A command is given two seconds; nothing here blocks the event loop, which feeds the loudspeaker. */
export const systemReaders: ThermalReaders = {
  readText: (file) => orNull(fs.readFile(file, "utf8")),
  list: async (folder) => (await orNull(fs.readdir(folder))) ?? [],
  run: (command, args) =>
    new Promise((resolve) => {
      execFile(command, [...args], { timeout: 2000, encoding: "utf8" }, (error, stdout) =>
        resolve(error === null ? stdout : null),
      );
    }),
};

const pressureName = "com.apple.system.thermalpressurelevel";

/** The states of macOS' notification, as OSThermalNotification.h numbers them. */
const pressureLevels: readonly ThermalLevel[] = ["nominal", "fair", "serious", "critical", "critical"];

/** `notifyutil -g com.apple.system.thermalpressurelevel` → "com.apple.system.thermalpressurelevel 1". */
export function parseThermalPressure(text: string): ThermalLevel | null {
  const state = new RegExp(`^${pressureName.replaceAll(".", "\\.")} (\\d+)\\s*$`, "m").exec(text)?.[1];
  return state === undefined ? null : (pressureLevels[Number(state)] ?? null);
}

/** macOS: the thermal pressure that the system notifies of; no rights needed. */
export function macThermalSource(readers: ThermalReaders = systemReaders): ThermalSource {
  return {
    name: `notifyutil -g ${pressureName}`,
    read: async () => parseThermalPressure((await readers.run("notifyutil", ["-g", pressureName])) ?? ""),
  };
}

/** A zone of /sys/class/thermal: its temperature and where the kernel acts, in thousandths of a degree Celsius. */
export interface ThermalZone {
  readonly temperature: number;
  readonly trips: readonly { readonly type: string; readonly temperature: number }[];
}

/**
 * The kernel slows the machine at a `passive` trip and switches it off at a `critical` one: within 5 degrees below the
 * first is fair, from it on serious; within 5 degrees below a hot or critical trip is critical. Null: no trip is known.
 */
export function levelOfZone({ temperature, trips }: ThermalZone): ThermalLevel | null {
  const margin = 5_000;
  const lowest = (...types: string[]): number =>
    Math.min(...trips.filter(({ type }) => types.includes(type)).map((trip) => trip.temperature));
  const end = lowest("hot", "critical");
  // A zone without a passive trip is slowed by its firmware; ten degrees below the end is where that is to be expected.
  const slow = Math.min(lowest("passive"), end - 10_000);
  if (!Number.isFinite(slow)) return null;
  if (temperature >= end - margin) return "critical";
  if (temperature >= slow) return "serious";
  return temperature >= slow - margin ? "fair" : "nominal";
}

async function readZone(folder: string, readers: ThermalReaders): Promise<ThermalZone | null> {
  const number = async (name: string): Promise<number | null> => {
    const text = (await readers.readText(`${folder}/${name}`))?.trim() ?? "";
    return /^-?\d+$/.test(text) ? Number(text) : null;
  };
  const temperature = await number("temp");
  if (temperature === null) return null;
  const trips: { type: string; temperature: number }[] = [];
  for (const name of await readers.list(folder)) {
    const trip = /^(trip_point_\d+)_type$/.exec(name)?.[1];
    if (trip === undefined) continue;
    const at = await number(`${trip}_temp`);
    const type = (await readers.readText(`${folder}/${name}`))?.trim();
    // Trips that are switched off stand at or below zero.
    if (at !== null && at > 0 && type !== undefined) trips.push({ type, temperature: at });
  }
  return { temperature, trips };
}

const zonesFolder = "/sys/class/thermal";

/** Linux: the hottest zone, held against its own trips. */
export function linuxThermalSource(readers: ThermalReaders = systemReaders): ThermalSource {
  return {
    name: zonesFolder,
    read: async () => {
      let hottest: ThermalLevel | null = null;
      for (const name of await readers.list(zonesFolder)) {
        if (!name.startsWith("thermal_zone")) continue;
        const zone = await readZone(`${zonesFolder}/${name}`, readers);
        const level = zone === null ? null : levelOfZone(zone);
        if (
          level !== null &&
          (hottest === null || thermalLevels.indexOf(level) > thermalLevels.indexOf(hottest))
        )
          hottest = level;
      }
      return hottest;
    },
  };
}

/** The source of this platform; undefined where none is known. */
export function systemThermalSource(platform: NodeJS.Platform = os.platform()): ThermalSource | undefined {
  if (platform === "darwin") return macThermalSource();
  return platform === "linux" ? linuxThermalSource() : undefined;
}
