import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { packagePath } from "../flow/package-files.ts";
import type { Machine } from "./machine.ts";
import { checkSpeedTargets, loadProfiles, matchProfile, parseProfiles } from "./profiles.ts";

const profiles = loadProfiles(packagePath("configs", "hardware_profiles.yaml"));

const machine = (soc: string, gib: number, more: Partial<Machine> = {}) => ({
  soc,
  arch: "arm64",
  cores: 10,
  memory_bytes: gib * 2 ** 30,
  ...more,
});
const keyOf = (soc: string, gib: number, more: Partial<Machine> = {}): string =>
  matchProfile(machine(soc, gib, more), profiles).key;

test("every shipped profile is reached by the machine that it names", () => {
  assert.ok(profiles.length > 40);
  for (const { key, minRamGib, socPattern } of profiles) {
    const soc = socPattern.source.replace(/[\^$]/g, "");
    assert.equal(keyOf(soc, minRamGib), key);
    assert.equal(key, `${soc.replace("Apple ", "").toLowerCase().replace(" ", "-")}-${minRamGib}g`);
  }
});

test("machines that once fell silently to m1-max-64g have their own key", () => {
  const expected: [string, number, string][] = [
    ["Apple M1", 16, "m1-16g"],
    ["Apple M2", 24, "m2-24g"],
    ["Apple M3", 8, "m3-8g"],
    ["Apple M4", 32, "m4-32g"],
    ["Apple M1 Pro", 16, "m1-pro-16g"],
    ["Apple M1 Max", 32, "m1-max-32g"],
    ["Apple M2 Max", 32, "m2-max-32g"],
    ["Apple M3 Ultra", 512, "m3-ultra-512g"],
    ["Apple M4 Max", 36, "m4-max-36g"],
    ["Apple M5", 16, "m5-16g"],
  ];
  for (const [soc, gib, key] of expected) assert.equal(keyOf(soc, gib), key);
});

test("more memory chooses the larger profile, not the first in the file", () => {
  assert.equal(keyOf("Apple M3 Max", 48), "m3-max-48g");
  assert.equal(keyOf("Apple M3 Max", 96), "m3-max-96g");
  assert.equal(keyOf("Apple M3 Max", 400), "m3-max-128g");
  const reversed = [...profiles].reverse();
  assert.equal(matchProfile(machine("Apple M3 Max", 96), reversed).key, "m3-max-96g");
});

test("memory that firmware keeps does not change the key", () => {
  assert.equal(keyOf("Apple M1 Max", 63.9), "m1-max-64g");
});

test("what no profile names is unknown and says what it is", () => {
  assert.equal(
    keyOf("AMD EPYC 7763 64-Core Processor", 7.8, { arch: "x64", cores: 2 }),
    "unknown-x64-amd-epyc-7763-64-core-processor-2c-8g",
  );
  assert.equal(
    keyOf("Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz", 16, { arch: "x64", cores: 12 }),
    "unknown-x64-intel-core-i7-9750h-cpu-2-60ghz-12c-16g",
  );
  for (const soc of ["Apple M6", "Apple M1 (Virtual)", "Apple M11 Max", "Apple M4 Extreme", "arm"]) {
    const match = matchProfile(machine(soc, 64), profiles);
    assert.equal(match.profile, null, soc);
    assert.match(match.key, /^unknown-arm64-.+-10c-64g$/);
  }
  assert.equal(keyOf("Apple M1 Max", 8), "unknown-arm64-apple-m1-max-10c-8g");
});

test("a CPU without a name is plainly unknown", () => {
  assert.equal(keyOf("unknown", 64), "unknown");
});

test("the expression that matches more of the name wins over one with more memory", () => {
  const own = parseProfiles(
    `schema_version: 1
profiles:
  any-apple: { matches: { soc_regex: "^Apple M", min_ram_gb: 32 } }
  my-studio: { matches: { soc_regex: "^Apple M2 Ultra", min_ram_gb: 8 } }
`,
    "own.yaml",
  );
  assert.equal(matchProfile(machine("Apple M2 Ultra", 64), own).key, "my-studio");
  assert.equal(matchProfile(machine("Apple M3", 64), own).key, "any-apple");
});

const isInvalid = (words: RegExp) => (error: unknown) =>
  error instanceof LimbeckError && error.code === "invalid_config" && words.test(error.message);

test("two profiles that fit equally well are an error that names both", () => {
  const own = parseProfiles(
    `schema_version: 1
profiles:
  a: { matches: { soc_regex: "^Apple M2", min_ram_gb: 8 } }
  b: { matches: { soc_regex: "Apple M2", min_ram_gb: 8 } }
`,
    "own.yaml",
  );
  assert.throws(() => matchProfile(machine("Apple M2", 8), own), isInvalid(/a and b/));
});

test("a bad file is refused with the place", () => {
  const file = (profile: string): string => `schema_version: 1\nprofiles:\n  a: ${profile}\n`;
  const bad: [string, RegExp][] = [
    ["profiles: [", /expected YAML/],
    ["schema_version: 2\nprofiles: {}", /schema_version/],
    [file("{ matches: { soc_regex: '(', min_ram_gb: 8 } }"), /profiles\.a\.matches\.soc_regex/],
    [file("{ matches: { soc_regex: x, min_ram_gb: '8' } }"), /profiles\.a\.matches\.min_ram_gb/],
    [file("{ matches: { soc_regex: x, min_ram_gb: 8 }, kv_policy: fp16 }"), /profiles\.a: .*kv_policy/],
    [
      file("{ matches: { soc_regex: x, min_ram_gb: 8 }, speed_targets: { tps: { p50: [9, 2] } } }"),
      /tps\.p50/,
    ],
    [file("{ matches: { soc_regex: x, min_ram_gb: 8 } }").replace("a:", "unknown-a:"), /unknown/],
  ];
  for (const [text, words] of bad)
    assert.throws(() => parseProfiles(text, "own.yaml"), isInvalid(words), text);
});

test("targets say where a figure stands, and that a missing one was not measured", () => {
  const targets = profiles.find(({ key }) => key === "m1-max-64g")?.speedTargets;
  assert.ok(targets);
  const checks = checkSpeedTargets(targets, { ttft_ms: { p50: 250, p95: 700 }, tps: { p50: 36, p95: null } });
  assert.deepEqual(
    checks.map(({ metric, standing }) => [metric, standing]),
    [
      ["ttft_ms.p50", "below"],
      ["ttft_ms.p95", "within"],
      ["tps.p50", "above"],
      ["tps.p95", "not_measured"],
      ["ttfa_tokens.p95", "not_measured"],
    ],
  );
});
