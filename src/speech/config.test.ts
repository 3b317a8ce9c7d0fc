import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { parse } from "yaml";
import { packagePath } from "../flow/package-files.ts";
import { loadSpeechConfig, parseSpeechConfig } from "./config.ts";
import { configKeys } from "./config-keys.ts";
import { speechModes } from "./settings.ts";

const machine = { soc: "Apple M4 Max", memoryBytes: 137.4e9 };
let folder = "";
before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-speech-config-"));
});
after(() => fs.rmSync(folder, { recursive: true }));

function fileOf(text: string): string {
  const file = path.join(folder, "config.yaml");
  fs.writeFileSync(file, text);
  return file;
}

test("the modes differ in what is said when, how far ahead it works, and what it waits for", () => {
  const [fast, balanced, quality] = speechModes.map((mode) => loadSpeechConfig({ mode, machine }).settings);
  assert.ok(fast && balanced && quality);
  assert.deepEqual(
    [fast, balanced, quality].map(({ narration, voice, limits, translation }) => [
      narration.maxSegmentLength,
      voice.rate,
      limits.lookAhead,
      limits.chatterMaxAgeMs,
      translation.timeoutMs,
    ]),
    [
      [120, 1.15, 2, 4000, 1500],
      [240, 1, 2, 10_000, 5000],
      [400, 1, 4, 20_000, 15_000],
    ],
  );
  assert.deepEqual(loadSpeechConfig({ machine }).settings, balanced);
});

test("the file of the M4 Max loads: what acts acts, what cannot says why", () => {
  const file = packagePath("configs", "speech", "m4_max.yaml");
  const { mode, settings, warnings } = loadSpeechConfig({ file, machine });
  assert.equal(mode, "quality");
  assert.equal(settings.limits.lookAhead, 4);
  assert.equal(settings.limits.concurrency, 2);
  assert.equal(settings.translation.model, "facebook/nllb-200-3.3B");
  assert.equal(settings.audio.sampleRateHz, 24_000);
  assert.deepEqual(
    warnings.map((warning) => warning.split(":")[0]),
    [
      "hardware.gpu_cores",
      "hardware.neural_engine",
      "translation.device",
      "translation.dtype",
      "translation.use_neural_engine",
      "translation.batch_size",
      "tts.model",
      "tts.device",
      "tts.use_neural_engine",
      "performance.enable_compilation",
      "performance.memory_fraction",
    ],
  );
  for (const warning of warnings) assert.match(warning, /^[a-z_.]+: .{20,}/);
});

test("on another machine the file says so", () => {
  const file = packagePath("configs", "speech", "m4_max.yaml");
  const { warnings } = loadSpeechConfig({ file, machine: { soc: "Some CPU", memoryBytes: 16e9 } });
  assert.match(warnings[0] ?? "", /^hardware\.chip: the file is for M4 Max, this machine is Some CPU/);
  assert.match(warnings.join("\n"), /hardware\.memory_gb: the file is for 128 GB, this machine has 16/);
});

test("a file overrides the mode, and --mode overrides tts.quality", () => {
  const file = fileOf("tts: { rate: 1.5, quality: high }\nqueue: { look_ahead: 7 }\n");
  const own = loadSpeechConfig({ file, machine });
  assert.deepEqual([own.mode, own.settings.voice.rate, own.settings.limits.lookAhead], ["quality", 1.5, 7]);
  const fast = loadSpeechConfig({ mode: "fast", file, machine });
  assert.deepEqual([fast.mode, fast.settings.voice.rate], ["fast", 1.5]);
  assert.deepEqual(fast.warnings, ["tts.quality: no effect, --mode fast was given"]);
});

test("unknown keys are errors with the nearest name", () => {
  const cases: readonly (readonly [yaml: string, message: RegExp, cure: RegExp])[] = [
    ["tts: { raet: 2 }", /unknown key tts\.raet/, /tts\.rate\?/],
    ["translaton: { model: x }", /unknown key translaton/, /translation\?/],
    ["queue: { lookahead: 2 }", /unknown key queue\.lookahead/, /queue\.look_ahead\?/],
    ["tts: { constructor: 2 }", /unknown key tts\.constructor/, /Did you mean/],
    ["tts: { rate: 9 }", /tts\.rate: .*got 9/, /Correct/],
    ["tts: { rate: fast }", /tts\.rate: .*got "fast"/, /Correct/],
    ["translation: { engine: google }", /translation\.engine: .*got "google"/, /Correct/],
    ["tts: 3", /tts: expected keys, got 3/, /./],
    ["- a", /expected sections/, /./],
    ["tts: {", /expected YAML/, /syntax/],
  ];
  for (const [yaml, message, cure] of cases) {
    assert.throws(
      () => parseSpeechConfig(yaml, "my.yaml"),
      (error: { code: string; message: string; cure: string }) => {
        assert.equal(error.code, "invalid_config");
        assert.match(error.message, /^my\.yaml: /);
        assert.match(error.message, message);
        assert.match(error.cure, cure);
        return true;
      },
    );
  }
  assert.equal(parseSpeechConfig("", "empty.yaml").size, 0);
});

/** A value that differs from every default. */
const examples: Readonly<Record<string, unknown>> = {
  "translation.engine": "openai",
  "translation.to": "de",
  "translation.model": "folder",
  "translation.base_url": "http://127.0.0.1:9/v1",
  "translation.timeout_ms": 77,
  "translation.dtype": "float16",
  "tts.voice": "flite:slt",
  "tts.model": "flite:kal",
  "tts.rate": 1.7,
  "tts.sample_rate": 8000,
  "tts.first_piece_length": 9,
  "performance.use_async_streams": false,
  "performance.cache_models": false,
  "speech.language": "fr",
  "narration.max_segment_length": 77,
  "narration.tool_calls": "skip",
  "narration.burst_window_ms": 77,
  "narration.idle_flush_ms": 77,
  "audio.volume": 0.3,
  "audio.device": "some",
  "queue.look_ahead": 9,
  "queue.max_segments": 9,
  "queue.max_stall_ms": 9,
  "queue.chatter_max_age_ms": 9,
  "queue.turn_segments": 9,
  "cache.budget_mb": 9,
  "thermal.enabled": false,
};

test("every key that acts changes a setting; every other one is warned of", () => {
  const { settings: before } = loadSpeechConfig({ machine });
  const checked = ["hardware.chip", "hardware.memory_gb", "tts.quality"];
  for (const [name, key] of Object.entries(configKeys)) {
    if (checked.includes(name)) continue;
    const value =
      examples[name] ?? [true, 1, "mps"].find((candidate) => key.schema.safeParse(candidate).success) ?? null;
    const [section = "", field = ""] = name.split(".");
    const file = fileOf(JSON.stringify({ [section]: { [field]: value } }));
    const { settings, warnings } = loadSpeechConfig({ file, machine });
    if (key.apply === undefined) {
      assert.deepEqual(settings, before, name);
      assert.deepEqual(warnings, [`${name}: no effect, ${key.about}`]);
    } else assert.notDeepEqual(settings, before, `${name}: ${JSON.stringify(value)} changed nothing`);
  }
});

test("the file of the M4 Max has the seed's keys and values, all of them", () => {
  const seed = parse(fs.readFileSync(packagePath("configs", "speech", "m4_max.yaml"), "utf8")) as Record<
    string,
    object
  >;
  const keys = Object.entries(seed).map(
    ([section, values]) => `${section}: ${Object.keys(values).join(" ")}`,
  );
  assert.deepEqual(keys, [
    "hardware: chip gpu_cores memory_gb neural_engine",
    "translation: model device dtype use_neural_engine batch_size",
    "tts: model device quality use_neural_engine sample_rate",
    "performance: enable_compilation use_async_streams memory_fraction cache_models",
  ]);
});

test("docs/speech.md has every key as it is", () => {
  const page = fs.readFileSync(packagePath("docs", "speech.md"), "utf8");
  const rows = page.split("\n").filter((line) => /^\| `[a-z]+\.[a-z_]+` \|/.test(line));
  const expected = Object.entries(configKeys).map(
    ([name, { about, apply }]) => `| \`${name}\` | ${apply === undefined ? "no" : "yes"} | ${about} |`,
  );
  assert.deepEqual(rows, expected);
});
