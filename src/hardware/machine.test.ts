import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCpuinfo, parseOsRelease, powerSourceOf } from "./linux-text.ts";
import { describeMachine, type MachineSources, systemSources } from "./machine.ts";
import {
  parseLowPowerMode,
  parsePmsetTherm,
  parsePowerSource,
  parseSwVers,
  parseSysctl,
} from "./macos-text.ts";

test("sysctl lines become names and values", () => {
  const facts = parseSysctl(
    "machdep.cpu.brand_string: Apple M3 Pro\nhw.model: Mac15,6\nhw.memsize: 38654705664\n",
  );
  assert.equal(facts.get("machdep.cpu.brand_string"), "Apple M3 Pro");
  assert.equal(facts.get("hw.model"), "Mac15,6");
  assert.equal(parseSysctl("sysctl: unknown oid").get("hw.model"), undefined);
});

test("sw_vers gives product, version and build", () => {
  assert.equal(
    parseSwVers("ProductName:\t\tmacOS\nProductVersion:\t\t15.6.1\nBuildVersion:\t\t24G90\n"),
    "macOS 15.6.1 (24G90)",
  );
  assert.equal(parseSwVers("ProductName: Mac OS X\nProductVersion: 10.15.7\n"), "Mac OS X 10.15.7");
  assert.equal(parseSwVers("command not found"), null);
});

test("pmset -g batt names the power source, and only those two", () => {
  assert.equal(parsePowerSource("Now drawing from 'AC Power'\n -InternalBattery-0\t100%; charged\n"), "ac");
  assert.equal(parsePowerSource("Now drawing from 'Battery Power'\n"), "battery");
  assert.equal(parsePowerSource("Now drawing from 'UPS Power'\n"), null);
  assert.equal(parsePowerSource(""), null);
});

test("pmset -g tells low-power mode under both of its names", () => {
  const settings = (line: string): string =>
    `System-wide power settings:\nCurrently in use:\n standby  1\n${line}\n sleep 1\n`;
  assert.equal(parseLowPowerMode(settings(" lowpowermode         1")), true);
  assert.equal(parseLowPowerMode(settings(" lowpowermode         0")), false);
  assert.equal(parseLowPowerMode(settings(" powermode            1")), true);
  assert.equal(parseLowPowerMode(settings(" powermode            2")), false);
  assert.equal(parseLowPowerMode(settings(" hibernatemode        3")), null);
});

test("pmset -g therm: limits, notes, and words that it does not know", () => {
  const limited = parsePmsetTherm(
    "CPU_Scheduler_Limit \t= 100\nCPU_Available_CPUs \t= 8\nCPU_Speed_Limit \t= 76\n",
  );
  assert.equal(limited?.is_throttled, true);
  assert.match(limited?.detail ?? "", /CPU_Speed_Limit = 76/);
  assert.equal(parsePmsetTherm("CPU_Scheduler_Limit = 100\nCPU_Speed_Limit = 100\n")?.is_throttled, false);
  const notes =
    "Note: No thermal warning level has been recorded\nNote: No performance warning level has been recorded\n" +
    "Note: No CPU power status has been recorded\n";
  assert.equal(parsePmsetTherm(notes)?.is_throttled, false);
  assert.equal(parsePmsetTherm("Thermal state: nominal"), null);
  assert.equal(parsePmsetTherm(""), null);
});

test("Linux files name the CPU and the distribution", () => {
  assert.equal(
    parseCpuinfo("processor\t: 0\nmodel name\t: AMD EPYC 7763  64-Core Processor\n"),
    "AMD EPYC 7763 64-Core Processor",
  );
  assert.equal(parseCpuinfo("processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n"), null);
  assert.equal(parseCpuinfo("Hardware\t: BCM2835\nModel\t\t: Raspberry Pi 4\n"), "BCM2835");
  assert.equal(
    parseOsRelease('NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'),
    "Debian GNU/Linux 12 (bookworm)",
  );
});

test("Linux power supplies: mains wins, a battery alone says nothing", () => {
  assert.equal(powerSourceOf([]), null);
  assert.equal(powerSourceOf([{ type: "Mains", online: "1\n" }]), "ac");
  assert.equal(
    powerSourceOf([
      { type: "Battery", online: null },
      { type: "Mains", online: "0" },
    ]),
    "battery",
  );
  assert.equal(powerSourceOf([{ type: "Battery", online: null }]), null);
});

const macSources = (outputs: Readonly<Record<string, string>>): MachineSources => ({
  platform: "darwin",
  arch: "arm64",
  osRelease: "Darwin 24.6.0",
  cpuModel: null,
  cores: 12,
  memoryBytes: 36 * 2 ** 30,
  loadAverage: [1, 2, 3],
  node: "v20.0.0",
  readText: () => null,
  list: () => [],
  run: (command, args) => outputs[[command, ...args].join(" ")] ?? null,
});

test("a Mac is described from its tools", () => {
  const machine = describeMachine(
    macSources({
      "sysctl machdep.cpu.brand_string hw.model":
        "machdep.cpu.brand_string: Apple M3 Pro\nhw.model: Mac15,6\n",
      sw_vers: "ProductName: macOS\nProductVersion: 15.6\nBuildVersion: 24G84\n",
      "pmset -g batt": "Now drawing from 'Battery Power'\n",
      "pmset -g": " lowpowermode 1\n",
      "pmset -g therm": "CPU_Speed_Limit = 90\n",
    }),
  );
  assert.equal(machine.soc, "Apple M3 Pro");
  assert.equal(machine.model, "Mac15,6");
  assert.equal(machine.os, "macOS 15.6 (24G84)");
  assert.equal(machine.power_source, "battery");
  assert.equal(machine.low_power_mode, true);
  assert.equal(machine.thermal?.is_throttled, true);
});

test("a Mac whose tools fail is unknown, not fine", () => {
  const machine = describeMachine(macSources({}));
  assert.equal(machine.soc, "unknown");
  assert.equal(machine.os, "Darwin 24.6.0");
  assert.deepEqual([machine.power_source, machine.low_power_mode, machine.thermal], [null, null, null]);
});

test("this machine describes itself", () => {
  const machine = describeMachine();
  assert.ok(machine.cores >= 1 && machine.memory_bytes > 2 ** 28);
  assert.equal(machine.node, process.version);
  assert.equal(systemSources().run("no-such-command-of-ours", []), null);
});
