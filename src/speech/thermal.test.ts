import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "./schedule/schedule-types.ts";
import {
  createThermalPolicy,
  limitsAt,
  type ThermalLevel,
  type ThermalSource,
  thermalLevels,
  watchThermal,
} from "./thermal.ts";
import {
  levelOfZone,
  linuxThermalSource,
  macThermalSource,
  parseThermalPressure,
  type ThermalReaders,
} from "./thermal-sources.ts";
import { createVirtualClock } from "./virtual-clock.test.support.ts";

test("a hotter machine works less far ahead, then one engine at a time, then without chatter", () => {
  const limits = { ...defaultLimits, lookAhead: 4 };
  const eased = thermalLevels.map((level) => {
    const { lookAhead, concurrency, isChatterSaid } = limitsAt(level, limits);
    return [lookAhead, concurrency, isChatterSaid];
  });
  assert.deepEqual(eased, [
    [4, 2, true],
    [2, 2, true],
    [1, 1, true],
    [1, 1, false],
  ]);
  assert.equal(limitsAt("fair", { ...limits, lookAhead: 1 }).lookAhead, 1);
});

test("up at once, down one level at a time after a while, and no flutter at an edge", () => {
  const decide = createThermalPolicy(30);
  const readings: readonly (readonly [number, ThermalLevel | null, ThermalLevel])[] = [
    [0, "nominal", "nominal"],
    [10, "serious", "serious"],
    [15, "nominal", "serious"],
    [20, "serious", "serious"],
    [25, "nominal", "serious"],
    [50, null, "serious"],
    [54, "nominal", "serious"],
    [55, "nominal", "fair"],
    [60, "nominal", "fair"],
    [85, "nominal", "nominal"],
    [90, "fair", "fair"],
    [95, "critical", "critical"],
    [100, "serious", "critical"],
    [130, "serious", "serious"],
    [200, "serious", "serious"],
  ];
  for (const [nowMs, reading, expected] of readings)
    assert.equal(decide(reading, nowMs), expected, `${nowMs}`);
});

test("a source that flutters at an edge changes the level twice an hour, not at every reading", async () => {
  const clock = createVirtualClock();
  const changes: (readonly [number, ThermalLevel])[] = [];
  const source: ThermalSource = {
    name: "fake",
    // Flutters every reading for half an hour, then stays cool.
    read: async () => (clock.now() < 1_800_000 && (clock.now() / 5000) % 2 === 1 ? "fair" : "nominal"),
  };
  const stop = watchThermal({ source, clock, onChange: (level) => changes.push([clock.now(), level]) });
  await clock.run(3_600_000);
  assert.deepEqual(changes, [
    [5_000, "fair"],
    [1_830_000, "nominal"],
  ]);
  stop();
  await clock.run();
});

test("macOS says its thermal pressure as a number; other wording is not known", () => {
  const name = "com.apple.system.thermalpressurelevel";
  const levels = [0, 1, 2, 3, 4, 9].map((state) => parseThermalPressure(`${name} ${state}\n`));
  assert.deepEqual(levels, ["nominal", "fair", "serious", "critical", "critical", null]);
  assert.equal(parseThermalPressure("Note: nothing was recorded"), null);
});

test("a Mac without the command is of unknown heat", async () => {
  const asked: string[] = [];
  const readers: ThermalReaders = {
    readText: async () => null,
    list: async () => [],
    run: async (command, args) => {
      asked.push([command, ...args].join(" "));
      return null;
    },
  };
  assert.equal(await macThermalSource(readers).read(), null);
  assert.deepEqual(asked, ["notifyutil -g com.apple.system.thermalpressurelevel"]);
});

test("a zone is held against its own trips", () => {
  const trips = [
    { type: "passive", temperature: 80_000 },
    { type: "critical", temperature: 100_000 },
    { type: "active", temperature: 40_000 },
  ];
  const at = (temperature: number): ThermalLevel | null => levelOfZone({ temperature, trips });
  assert.deepEqual([60_000, 75_000, 80_000, 94_999, 95_000].map(at), [
    "nominal",
    "fair",
    "serious",
    "serious",
    "critical",
  ]);
  const bare = [{ type: "critical", temperature: 105_000 }];
  assert.equal(levelOfZone({ temperature: 94_000, trips: bare }), "fair");
  assert.equal(levelOfZone({ temperature: 60_000, trips: [] }), null);
});

test("Linux: the hottest zone counts, what cannot be read does not", async () => {
  const files: Readonly<Record<string, string>> = {
    "thermal_zone0/temp": "45000\n",
    "thermal_zone0/trip_point_0_temp": "90000\n",
    "thermal_zone0/trip_point_0_type": "passive\n",
    "thermal_zone1/temp": "86000\n",
    "thermal_zone1/trip_point_0_temp": "85000\n",
    "thermal_zone1/trip_point_0_type": "passive\n",
    "thermal_zone1/trip_point_1_temp": "0\n",
    "thermal_zone1/trip_point_1_type": "critical\n",
    "thermal_zone2/temp": "no data\n",
    "cooling_device0/type": "Processor\n",
  };
  const root = "/sys/class/thermal/";
  const readers: ThermalReaders = {
    readText: async (file) => files[file.slice(root.length)] ?? null,
    list: async (folder) => {
      const inside = `${folder}/`.slice(root.length);
      const names = Object.keys(files).filter((name) => name.startsWith(inside));
      return [...new Set(names.map((name) => name.slice(inside.length).split("/")[0] ?? ""))];
    },
    run: async () => null,
  };
  assert.equal(await linuxThermalSource(readers).read(), "serious");
  assert.equal(await linuxThermalSource({ ...readers, list: async () => [] }).read(), null);
});
