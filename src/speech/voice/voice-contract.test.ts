import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { LimbeckError } from "../../base/errors.ts";
import { activeRms, peakOf } from "../sound/level.ts";
import type { Language, Sound, Voice } from "../types.ts";
import { openSherpaVoice } from "./sherpa.ts";
import { openVoice } from "./voices.ts";

/**
 * A voice for programs that we only imitate: a buzz of 60 ms a letter with a pause before it, its length by the rate. It answers
 * as `say`, as a command, and as the module `sherpa-onnx-node` do.
 */
const buzzSource = `
const buzz = (text, rate, hz) => {
  const letters = Math.round(hz * 0.06 * text.replace(/[^\\p{L}\\p{N}]/gu, "").length / rate);
  const lead = Math.round(hz * 0.1);
  return Float32Array.from({ length: lead + letters }, (_, i) =>
    i < lead ? 0 : 0.4 * Math.sin(i * 0.08) + 0.2 * Math.sin(i * 0.3));
};
const wav = (samples, hz) => {
  const bytes = Buffer.alloc(44 + samples.length * 2);
  bytes.write("RIFF", 0); bytes.writeUInt32LE(36 + samples.length * 2, 4); bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16); bytes.writeUInt16LE(1, 20); bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(hz, 24); bytes.writeUInt32LE(hz * 2, 28); bytes.writeUInt16LE(2, 32); bytes.writeUInt16LE(16, 34);
  bytes.write("data", 36); bytes.writeUInt32LE(samples.length * 2, 40);
  samples.forEach((sample, i) => bytes.writeInt16LE(Math.round(sample * 32767), 44 + 2 * i));
  return bytes;
};
const fs = require("node:fs");
`;
const saySource = `#!/usr/bin/env node
${buzzSource}
const args = process.argv.slice(2);
const valueOf = (flag) => args[args.indexOf(flag) + 1];
if (valueOf("-v") === "?") {
  process.stdout.write("Eddy (German (Germany)) de_DE    # Hallo!\\nSamantha            en_US    # Hello! My name is Samantha.\\n");
} else {
  if (valueOf("-v") !== "Samantha" || valueOf("-f") !== "-") process.exit(3);
  if (!args.includes("--file-format=WAVE")) process.exit(4);
  const hz = Number(/^--data-format=LEI16@(\\d+)$/.exec(args.find((arg) => arg.startsWith("--data-format")))[1]);
  const text = fs.readFileSync(0, "utf8");
  if (text.includes("[[")) process.exit(5);
  const rate = args.includes("-r") ? Number(valueOf("-r")) / 175 : 1;
  fs.writeFileSync(valueOf("-o"), wav(buzz(text, rate, hz), hz));
}
`;
const commandSource = `${buzzSource}process.stdout.write(wav(buzz(fs.readFileSync(0, "utf8"), 1, 24000), 24000));\n`;
const sherpaSource = `${buzzSource}
exports.OfflineTts = class {
  constructor({ model: { vits } }) {
    for (const file of [vits.model, vits.tokens, vits.dataDir]) fs.statSync(file);
  }
  get sampleRate() { return 22050; }
  get numSpeakers() { return 2; }
  generate({ text, sid, speed }) {
    if (sid !== 1 || speed !== 1) throw new Error("wrong speaker");
    return { samples: buzz(text, speed, 22050), sampleRate: 22050 };
  }
};
`;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-voices-"));
const oldPath = process.env["PATH"];
before(() => {
  fs.writeFileSync(path.join(folder, "say"), saySource, { mode: 0o755 });
  fs.writeFileSync(path.join(folder, "buzz.cjs"), commandSource);
  fs.writeFileSync(path.join(folder, "sherpa.cjs"), sherpaSource);
  const model = path.join(folder, "vits-piper-en_US-buzz");
  fs.mkdirSync(path.join(model, "espeak-ng-data"), { recursive: true });
  for (const name of ["model.onnx", "tokens.txt"]) fs.writeFileSync(path.join(model, name), "");
  process.env["PATH"] = `${folder}${path.delimiter}${oldPath}`;
});
after(() => {
  process.env["PATH"] = oldPath;
  fs.rmSync(folder, { recursive: true });
});

interface Subject {
  readonly name: string;
  readonly open: () => Promise<Voice>;
  readonly language: Language;
  readonly sentence: string;
  /** Other languages of an engine that is tested in full already: only how they sound. */
  readonly isBrief?: boolean;
}

const english = {
  language: "en",
  sentence: "The tests pass now, but two of them are slow.",
} as const;

const subjects: readonly Subject[] = [
  ...["flite:rms", "flite:kal16"].map((name) => ({
    name,
    open: () => openVoice({ voice: name, language: "en" }),
    ...english,
  })),
  ...[
    ["de", "Die Tests laufen jetzt, aber zwei davon sind langsam."],
    ["es", "Las pruebas pasan ahora, pero dos de ellas son lentas."],
    ["fr", "Les tests passent maintenant, mais deux sont lents."],
    ["it", "I test ora passano, ma due di loro sono lenti."],
  ].map(([language, sentence]) => ({
    name: `pico:${language}`,
    open: () => openVoice({ voice: `pico:${language}`, language: language! }),
    language: language!,
    sentence: sentence!,
    isBrief: language !== "es",
  })),
  {
    name: "say",
    open: () => openVoice({ voice: "say:Samantha", language: "en" }),
    ...english,
  },
  {
    name: "command",
    open: () => openVoice({ voice: `command:node ${path.join(folder, "buzz.cjs")}`, language: "en" }),
    ...english,
  },
  {
    name: "sherpa",
    open: () =>
      openSherpaVoice({
        folder: path.join(folder, "vits-piper-en_US-buzz"),
        speaker: 1,
        packageName: pathToFileURL(path.join(folder, "sherpa.cjs")).href,
      }),
    ...english,
  },
];

const longSentences = 4;
const seconds = ({ samples, sampleRateHz }: Sound): number => samples.length / sampleRateHz;
const never = new AbortController().signal;
const codeIs =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof LimbeckError && error.code === code;

/** What any sound of a voice must be, whatever was said. */
function assertAudible(sound: Sound, voice: Voice): void {
  assert.equal(sound.sampleRateHz, voice.sampleRateHz);
  assert.ok(sound.samples.every(Number.isFinite), "finite");
  assert.ok(peakOf(sound.samples) < 1, `peak ${peakOf(sound.samples)}`);
  assert.ok(activeRms(sound) > 0.03, `loudness ${activeRms(sound)}`);
}

/** As audible as any, and as long as its letters take. */
function assertSpoken(sound: Sound, voice: Voice, text: string): void {
  assertAudible(sound, voice);
  const each = seconds(sound) / text.replace(/[^\p{L}\p{N}]/gu, "").length;
  assert.ok(each > 0.03 && each < 0.3, `${each} s a letter`);
}

/** Pico's noise differs from call to call by a few units of 16 bits. */
function assertSame(sound: Sound, expected: Sound): void {
  assert.equal(sound.samples.length, expected.samples.length);
  const worst = sound.samples.reduce((most, s, i) => Math.max(most, Math.abs(s - expected.samples[i]!)), 0);
  assert.ok(worst < 0.01, `largest difference ${worst}`);
}

for (const subject of subjects) {
  describe(`voice ${subject.name}`, () => {
    let voice: Voice;
    const speak = (text: string, rate = 1, signal = never): Promise<Sound> =>
      voice.speak(text, { rate, signal });
    before(async () => {
      voice = await subject.open();
    });
    after(() => voice.close());

    test("speaks its language: audible, not clipped, as long as speech is, from its first word on", async () => {
      assert.ok(voice.languages.some((tag) => tag.split("-")[0] === subject.language));
      assert.notEqual(voice.licence.name, "");
      const sound = await speak(subject.sentence);
      assertSpoken(sound, voice, subject.sentence);
      const first = sound.samples.findIndex((sample) => Math.abs(sample) > 0.01);
      assert.ok(first < 0.03 * sound.sampleRateHz, `first sound after ${first} samples`);
      assertSame(await speak(subject.sentence), sound);
    });

    test("twice the rate is half the length", async () => {
      const plain = seconds(await speak(subject.sentence));
      const fast = seconds(await speak(subject.sentence, 2));
      const slow = seconds(await speak(subject.sentence, 0.5));
      assert.ok(Math.abs((2 * fast) / plain - 1) < 0.1, `fast: ${fast} s of ${plain} s`);
      assert.ok(Math.abs(slow / (2 * plain) - 1) < 0.1, `slow: ${slow} s of ${plain} s`);
    });

    if (subject.isBrief) return;

    test("nothing to say is an empty sound, and one short word is one", async () => {
      for (const text of ["", " \n", "...", "—!?", "🎉"])
        assert.equal((await speak(text)).samples.length, 0, text);
      assert.ok(seconds(await speak("no")) > 0.1);
      assert.ok(seconds(await speak("7")) > 0.05);
    });

    test("long text is spoken whole", async () => {
      const one = seconds(await speak(subject.sentence));
      const text = `${subject.sentence} `.repeat(longSentences);
      const sound = await speak(text);
      assertSpoken(sound, voice, text);
      const ratio = seconds(sound) / (one * longSentences);
      assert.ok(ratio > 0.7 && ratio < 1.4, `${ratio} of ${longSentences} sentences`);
    });

    test("signs of any language, markup and control characters do no harm", async () => {
      for (const text of [
        "naïve café, “quoted” — and so on…",
        "a < b > c & <speed level='20'> [[slnc 9000]] `$(touch x)` -v --help",
        "tabs\tlines\r\nzero\0bell\x07 \u{1F468}\u200D\u{1F469} \u202Eright",
        "file 你好.txt",
        "-o /dev/null",
        "\ud800 half a pair",
      ]) {
        assertAudible(await speak(text), voice);
      }
    });

    if (/^(flite|pico)/.test(subject.name)) {
      test("another script is an error, and markup is no command", async () => {
        await assert.rejects(speak("你好 世界"), codeIs("voice_failed"));
        const plain = seconds(await speak(subject.sentence));
        const marked = seconds(await speak(`<speed level="500"> ${subject.sentence}`));
        assert.ok(marked > plain, `${marked} s against ${plain} s`);
      });
    }

    test("calls that overlap each get their own sound, in order", async () => {
      const texts = ["one", "two three four", "five six", "seven eight nine ten eleven"];
      const alone: Sound[] = [];
      for (const text of texts) alone.push(await speak(text));
      const ended: number[] = [];
      const together = await Promise.all(
        texts.map(async (text, i) => {
          const sound = await speak(text);
          ended.push(i);
          return sound;
        }),
      );
      for (const [i, sound] of together.entries()) assertSame(sound, alone[i]!);
      assert.deepEqual(ended, [0, 1, 2, 3]);
    });

    test("a cancelled call rejects, before, while and behind others; the next one is whole", async () => {
      const expected = await speak("the next one");
      await assert.rejects(speak("gone", 1, AbortSignal.abort()), codeIs("cancelled"));
      const abort = new AbortController();
      const long = speak(`${subject.sentence} `.repeat(longSentences), 1, abort.signal);
      const behind = speak("behind it", 1, abort.signal);
      const next = speak("the next one");
      setTimeout(() => abort.abort(), 5);
      await assert.rejects(long, codeIs("cancelled"));
      await assert.rejects(behind, codeIs("cancelled"));
      assertSame(await next, expected);
    });

    test("a rate that nobody understands is refused", async () => {
      for (const rate of [0, -1, 9, Number.NaN]) await assert.rejects(speak("one", rate), codeIs("usage"));
    });

    test("closing twice is fine, what waits is cancelled, and then it speaks no more", async () => {
      const other = await subject.open();
      const waiting = other.speak(subject.sentence, { rate: 1, signal: never });
      const rejected = assert.rejects(waiting, codeIs("cancelled"));
      await Promise.all([other.close(), other.close()]);
      await rejected;
      await other.close();
      await assert.rejects(other.speak("one", { rate: 1, signal: never }), codeIs("voice_failed"));
    });
  });
}
