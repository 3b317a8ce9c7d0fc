import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { LimbeckError } from "../../base/errors.ts";
import type { Sound, Voice } from "../types.ts";
import { openCommandVoice, splitWords } from "./command.ts";
import { makeVoice } from "./make-voice.ts";
import { withPhraseCache } from "./phrase-cache.ts";
import { pieces, readable } from "./readable.ts";
import { parseSayVoices } from "./say.ts";
import { openSherpaVoice } from "./sherpa.ts";
import { readSherpaFolder } from "./sherpa-folder.ts";
import { embeddedVoiceFor, listVoices, openVoice } from "./voices.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-voice-"));
after(() => fs.rmSync(folder, { recursive: true }));
const never = new AbortController().signal;
const codeIs =
  (code: string, words = /./) =>
  (error: unknown): boolean =>
    error instanceof LimbeckError && error.code === code && words.test(`${error.message} ${error.cure}`);

test("text is brought to the letters that an engine reads", () => {
  const cases: readonly (readonly [string, "ascii" | "latin1", string, string])[] = [
    ["naïve café", "ascii", "en", "naive cafe"],
    ["naïve café", "latin1", "fr", "naïve café"],
    ["Łódź, Straße, Ærø", "ascii", "en", "Lodz, Strasse, Aero"],
    ["“It’s” — done…", "ascii", "en", '"It\'s", done...'],
    ["file 你好.txt", "ascii", "en", "file a foreign word.txt"],
    ["el archivo 你好", "latin1", "es-ES", "el archivo una palabra extranjera"],
    ["ok 🎉\u200D\0\u202E fine", "ascii", "en", "ok fine"],
    ["ｆｕｌｌ width ²", "ascii", "en", "full width 2"],
    ["¿Qué? 5 €", "latin1", "es-ES", "¿Qué? 5 €"],
    ["...", "ascii", "en", ""],
    ["你好 3", "ascii", "en", "a foreign word 3"],
  ];
  for (const [text, alphabet, language, expected] of cases)
    assert.equal(readable(text, alphabet, language), expected);
  assert.throws(() => readable("你好 世界", "ascii", "en"), codeIs("voice_failed", /another script/));
});

test("long text is cut where a speaker would pause, and nothing is lost", () => {
  assert.deepEqual(pieces("One two. Three four, five six. Seven", 20), [
    "One two.",
    "Three four,",
    "five six. Seven",
  ]);
  assert.deepEqual(pieces("one two, three", 10), ["one two,", "three"]);
  assert.deepEqual(pieces("abcdefgh", 3), ["abc", "def", "gh"]);
  const letters = (text: string): string => text.replace(/\s/g, "");
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), fc.integer({ min: 5, max: 40 }), (text, most) => {
      const cut = pieces(text, most);
      assert.equal(letters(cut.join("")), letters(text));
      for (const piece of cut) assert.ok(piece.length > 0 && piece.length <= most + 1, piece);
    }),
  );
});

test("words of a command are split with quotes, and nothing of a shell is in them", () => {
  assert.deepEqual(splitWords(`espeak-ng  --stdout -v 'en us' "a b"c d\\ e ""`), [
    "espeak-ng",
    "--stdout",
    "-v",
    "en us",
    "a bc",
    "d e",
    "",
  ]);
  assert.deepEqual(splitWords("say $HOME `id` ; rm *"), ["say", "$HOME", "`id`", ";", "rm", "*"]);
  assert.deepEqual(splitWords(" "), []);
  assert.throws(() => splitWords("a 'b"), codeIs("usage"));
});

/** A program of Node that makes half a second of tone from what it was given. */
function program(name: string, body: string): readonly string[] {
  const file = path.join(folder, name);
  fs.writeFileSync(
    file,
    `const text = require("node:fs").readFileSync(0, "utf8");
const pcm = Buffer.alloc(16000);
for (let i = 0; i < 8000; i++) pcm.writeInt16LE(Math.round(9000 * Math.sin(i / 10)), 2 * i);
${body}`,
  );
  return [process.execPath, file];
}

test("a command may give bare samples, takes its rate as a word, and never meets a shell", async () => {
  const seen = path.join(folder, "seen");
  const argv = program(
    "raw.cjs",
    `require("node:fs").writeFileSync(process.argv[2], JSON.stringify([text, process.argv.slice(3)])); process.stdout.write(pcm);`,
  );
  const voice = await openCommandVoice({
    argv: [...argv, seen, "speed={rate}", "$(touch x); `id`"],
    language: "nl",
    pcmSampleRateHz: 16000,
  });
  const text = `"; touch ${path.join(folder, "injected")}; $(touch x) '`;
  const sound = await voice.speak(text, { rate: 1.5, signal: never });
  assert.equal(sound.sampleRateHz, 16000);
  // Its own control made no difference, and nothing of ours stretched it.
  assert.ok(Math.abs(sound.samples.length - 8000) < 100, `${sound.samples.length}`);
  assert.deepEqual(JSON.parse(fs.readFileSync(seen, "utf8")), [text, ["speed=1.5", "$(touch x); `id`"]]);
  assert.ok(!fs.existsSync(path.join(folder, "injected")));
  assert.deepEqual(voice.languages, ["nl"]);
});

test("a command that fails, gives no sound, or never ends is an error that says so", async () => {
  const failing: readonly (readonly [string, string, RegExp])[] = [
    ["status.cjs", `console.error("no such voice"); process.exit(7);`, /status 0, got 7: no such voice/],
    ["garbage.cjs", `process.stdout.write("usage: tts TEXT");`, /WAVE file.*got 15 bytes of something else/],
    ["nothing.cjs", "", /got nothing/],
    ["forever.cjs", "setInterval(() => 0, 1000);", /an end within 1500 ms/],
    ["killed.cjs", `process.kill(process.pid, "SIGTERM"); setInterval(() => 0, 1000);`, /got SIGTERM/],
  ];
  await Promise.all(
    failing.map(([name, body, words]) =>
      assert.rejects(
        openCommandVoice({
          argv: program(name, body),
          language: "en",
          timeoutMs: name === "forever.cjs" ? 1500 : 20_000,
        }),
        codeIs("voice_failed", words),
      ),
    ),
  );
  await assert.rejects(
    openVoice({ voice: "command:no-such-program-here", language: "en" }),
    codeIs("voice_failed", /PATH/),
  );
  await assert.rejects(openVoice({ voice: "command:", language: "en" }), codeIs("usage"));
});

test("a cancelled command is ended with what it started", async () => {
  const pidFile = path.join(folder, "pid");
  const argv = program(
    "slow.cjs",
    `if (text === "one") process.stdout.write(pcm);
else {
  const child = require("node:child_process").spawn("sleep", ["60"]);
  require("node:fs").writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
}`,
  );
  const voice = await openCommandVoice({ argv, language: "en", pcmSampleRateHz: 16000 });
  const abort = new AbortController();
  const rejected = assert.rejects(
    voice.speak("wait", { rate: 1, signal: abort.signal }),
    codeIs("cancelled"),
  );
  while (!fs.existsSync(pidFile) || fs.readFileSync(pidFile, "utf8") === "") await wait(5);
  abort.abort();
  await rejected;
  await voice.close();
  const pid = Number(fs.readFileSync(pidFile, "utf8"));
  const isAlive = (): boolean => {
    try {
      // A zombie that nobody has waited for is dead too.
      return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
    } catch {
      return false;
    }
  };
  for (let i = 0; i < 200 && isAlive(); i++) await wait(10);
  assert.ok(!isAlive(), "its child lives on");
});

test("voices of macOS are read with names of any form", () => {
  const listing = [
    "Alex                en_US    # Most people recognize me by my voice.",
    "Eddy (English (UK)) en_GB    # Hello! My name is Eddy.",
    "Tingting            zh_CN    # 你好！",
    "Bad line",
    "",
  ].join("\n");
  assert.deepEqual(parseSayVoices(listing), [
    { name: "Alex", language: "en-US" },
    { name: "Eddy (English (UK))", language: "en-GB" },
    { name: "Tingting", language: "zh-CN" },
  ]);
});

function modelFolder(name: string, files: Readonly<Record<string, string>>): string {
  const made = path.join(folder, name);
  for (const [file, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(made, file)), { recursive: true });
    fs.writeFileSync(path.join(made, file), text);
  }
  return made;
}

test("folders of sherpa-onnx's models are told apart, with their language and licence", () => {
  const piper = modelFolder("some-voice", {
    "es.onnx": "",
    "es.onnx.json": JSON.stringify({ language: { code: "es_MX" } }),
    "tokens.txt": "",
    "espeak-ng-data/phontab": "",
    MODEL_CARD: "* License: CC0",
  });
  assert.deepEqual(readSherpaFolder(piper), {
    config: {
      vits: {
        model: path.join(piper, "es.onnx"),
        tokens: path.join(piper, "tokens.txt"),
        dataDir: path.join(piper, "espeak-ng-data"),
        lexicon: "",
      },
    },
    languages: ["es-MX"],
    licence: { name: "CC0-1.0", isCommercial: true },
  });
  const kokoro = modelFolder("kokoro-multi-lang-v1_0", {
    "model.onnx": "",
    "model.int8.onnx": "",
    "tokens.txt": "",
    "voices.bin": "",
    "lexicon-us-en.txt": "",
    "lexicon-zh.txt": "",
    LICENSE: "Apache License\nVersion 2.0, January 2004",
  });
  const read = readSherpaFolder(kokoro);
  assert.deepEqual(read.languages, ["en", "zh"]);
  assert.equal(read.licence.name, "Apache-2.0");
  const { kokoro: config } = read.config as { kokoro: Record<string, string> };
  assert.equal(config["model"], path.join(kokoro, "model.onnx"));
  assert.equal(
    config["lexicon"],
    ["lexicon-us-en.txt", "lexicon-zh.txt"].map((name) => path.join(kokoro, name)).join(","),
  );
  const described = JSON.stringify({ espeak: { voice: "de" } });
  const plain = readSherpaFolder(
    modelFolder("unnamed", { "a.onnx": "", "a.onnx.json": described, "tokens.txt": "" }),
  );
  assert.deepEqual(plain.languages, ["de"]);
  assert.deepEqual(plain.licence, { name: "not stated in the folder", isCommercial: false });
  for (const [name, files, words] of [
    ["vits-piper-en_US-empty", { "tokens.txt": "" }, /a model/],
    ["vits-piper-en_US-less", { "a.onnx": "" }, /tokens\.txt/],
    ["nameless", { "a.onnx": "", "tokens.txt": "" }, /a language/],
  ] as const) {
    assert.throws(
      () => readSherpaFolder(modelFolder(name, files as Record<string, string>)),
      codeIs("voice_failed", words),
    );
  }
});

test("without its package sherpa-onnx is an error that names it", async (t) => {
  try {
    import.meta.resolve("sherpa-onnx-node");
    t.skip("sherpa-onnx-node is installed here");
  } catch {
    const model = modelFolder("vits-piper-en_US-some", { "a.onnx": "", "tokens.txt": "" });
    await assert.rejects(
      openSherpaVoice({ folder: model, speaker: 0 }),
      codeIs("missing_dependency", /npm install sherpa-onnx-node/),
    );
  }
});

test("the voice fits the language, or there is none", async () => {
  assert.equal(embeddedVoiceFor("en"), "flite:rms");
  assert.equal(embeddedVoiceFor("en-GB"), "flite:rms");
  assert.equal(embeddedVoiceFor("es-MX"), "pico:es-ES");
  assert.equal(embeddedVoiceFor("ja"), undefined);
  await assert.rejects(openVoice({ language: "ja" }), codeIs("voice_failed", /"ja"/));
  await assert.rejects(
    openVoice({ language: "es", voice: "flite:kal16" }),
    codeIs("voice_failed", /speaks en-US/),
  );
  for (const voice of ["flite:nobody", "pico:ja", "other:x", "toString:x"]) {
    await assert.rejects(openVoice({ language: "en", voice }), codeIs("usage"));
  }
});

test("voices are listed with what they speak and whether they are there", async () => {
  const voices = await listVoices();
  const named = (name: string) => voices.find((voice) => voice.name === name)!;
  assert.deepEqual(named("pico:fr-FR"), {
    name: "pico:fr-FR",
    engine: "pico",
    languages: ["fr-FR"],
    licence: { name: "Apache-2.0", isCommercial: true },
    isAvailable: true,
  });
  assert.ok(named("flite:rms").isAvailable && named("command:PROGRAM").isAvailable);
  for (const { isAvailable, reason } of voices) assert.equal(isAvailable, reason === undefined);
  if (process.platform !== "darwin") assert.match(named("say:NAME").reason!, /PATH/);
});

/** A voice that says so many samples as the text has letters, and counts its calls. */
function counting(): { readonly voice: Voice; readonly calls: string[] } {
  const calls: string[] = [];
  const voice: Voice = {
    name: "counting",
    licence: { name: "none", isCommercial: true },
    isRemote: false,
    languages: ["en"],
    sampleRateHz: 8000,
    async speak(text, { rate, signal }): Promise<Sound> {
      signal.throwIfAborted();
      calls.push(`${rate} ${text}`);
      if (text === "bad") throw new LimbeckError("voice_failed", "bad");
      return { samples: new Float32Array(text.length), sampleRateHz: 8000 };
    },
    async close() {
      calls.push("close");
    },
  };
  return { voice, calls };
}

test("a phrase is made once for each rate, and those used last are kept within the budget", async () => {
  const { voice, calls } = counting();
  const cached = withPhraseCache(voice, { budgetBytes: 4 * 10 });
  const speak = (text: string, rate = 1, signal = never): Promise<Sound> =>
    cached.speak(text, { rate, signal });
  const first = await speak("aaaa");
  assert.equal(await speak("aaaa"), first);
  await speak("aaaa", 2);
  assert.deepEqual([cached.hits, cached.misses, cached.bytes], [1, 2, 32]);
  // Used again, so "aaaa" at rate 2 is the one that goes.
  await speak("aaaa");
  await speak("bbbbbb");
  assert.equal(cached.bytes, 40);
  await speak("aaaa");
  await speak("aaaa", 2);
  assert.deepEqual(calls, ["1 aaaa", "2 aaaa", "1 bbbbbb", "2 aaaa"]);
  // Longer than the whole budget: made each time, and nothing goes for it.
  await speak("a long sentence");
  await speak("a long sentence");
  assert.deepEqual([cached.hits, cached.misses, cached.bytes], [3, 6, 32]);
  await assert.rejects(speak("bad"));
  await assert.rejects(speak("bad"), "errors are not kept");
  await assert.rejects(speak("aaaa", 1, AbortSignal.abort()));
  await cached.close();
  assert.equal(calls.at(-1), "close");
  assert.equal(calls.filter((call) => call === "1 bad").length, 2);
});

test("an engine's silence, and samples that are no numbers, are its failure", async () => {
  const made = (samples: Float32Array): Voice =>
    makeVoice({
      name: "odd",
      licence: { name: "none", isCommercial: true },
      isRemote: false,
      languages: ["en"],
      sampleRateHz: 8000,
      synthesise: async () => ({ samples, sampleRateHz: 8000 }),
      close: async () => undefined,
    });
  const speak = (samples: Float32Array): Promise<Sound> =>
    made(samples).speak("word", { rate: 1, signal: never });
  await assert.rejects(speak(new Float32Array(100)), codeIs("voice_failed", /silence/));
  await assert.rejects(speak(new Float32Array(0)), codeIs("voice_failed", /silence/));
  await assert.rejects(speak(Float32Array.of(0.5, Number.NaN)), codeIs("voice_failed", /finite/));
  assert.equal((await speak(Float32Array.of(0.5, -0.5))).samples.length, 2);
});

test("an engine gets one call at a time, in order; a cancelled one that waits never reaches it", async () => {
  const seen: string[] = [];
  const voice = makeVoice({
    name: "slow",
    licence: { name: "none", isCommercial: true },
    isRemote: false,
    languages: ["en"],
    sampleRateHz: 8000,
    async synthesise(text) {
      seen.push(`${text} begins`);
      await wait(5);
      seen.push(`${text} ends`);
      return { samples: new Float32Array(10).fill(0.5), sampleRateHz: 8000 };
    },
    close: async () => void seen.push("closed"),
  });
  const abort = new AbortController();
  const first = voice.speak("one", { rate: 1, signal: never });
  const second = assert.rejects(voice.speak("two", { rate: 1, signal: abort.signal }), codeIs("cancelled"));
  const third = voice.speak("three", { rate: 1, signal: never });
  abort.abort();
  await Promise.all([first, second, third]);
  await voice.close();
  assert.deepEqual(seen, ["one begins", "one ends", "three begins", "three ends", "closed"]);
});
