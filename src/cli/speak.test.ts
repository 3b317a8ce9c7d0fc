import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { packagePath } from "../flow/package-files.ts";
import { sendControl } from "../speech/control.ts";
import { readWav } from "../speech/sound/wav.ts";
import {
  type CallOptions,
  type Ended,
  errorCode,
  lastDocument,
  limbeck,
  mainFile,
} from "./spawn.test.support.ts";

let folder = "";
const inFolder = (name: string): string => path.join(folder, name);
const call = (words: readonly string[], options: Omit<CallOptions, "folder"> = {}): Promise<Ended> =>
  limbeck(["speak", ...words], { folder, ...options });

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-speak-cli-"));
});
/** Killed at the end, so that a test that fails leaves none behind. */
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  fs.rmSync(folder, { recursive: true });
});

const stream = fs.readFileSync(packagePath("examples", "agent-stream.jsonl"), "utf8");

interface Subtitle {
  readonly startMs: number;
  readonly endMs: number;
  readonly text: string;
}

function readSrt(name: string): Subtitle[] {
  const ms = (time: string): number => {
    const [h = 0, m = 0, s = 0, rest = 0] = time.split(/[:,]/).map(Number);
    return ((h * 60 + m) * 60 + s) * 1000 + rest;
  };
  const blocks = fs.readFileSync(inFolder(name), "utf8").trim().split("\n\n");
  return blocks.map((block) => {
    const [, times = "", ...text] = block.split("\n");
    const [start = "", end = ""] = times.split(" --> ");
    return { startMs: ms(start), endMs: ms(end), text: text.join("\n") };
  });
}

function readSound(name: string): {
  readonly ms: number;
  readonly samples: Float32Array;
  readonly rate: number;
} {
  const { samples, sampleRateHz } = readWav(fs.readFileSync(inFolder(name)), name);
  return { ms: (samples.length / sampleRateHz) * 1000, samples, rate: sampleRateHz };
}

const rms = (samples: Float32Array): number =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);

test("a recorded stream becomes a sound and its subtitles", async () => {
  const ended = await call(["--out", "a.wav", "--srt", "a.srt", "--json"], { input: stream });
  assert.equal(ended.status, 0, ended.stderr);
  const { ms, samples, rate } = readSound("a.wav");
  const subtitles = readSrt("a.srt");
  const texts = subtitles.map(({ text }) => text);
  assert.equal(texts[0], "I'll look at the parser first.");
  assert.deepEqual(
    texts.filter((text) => text === "Done."),
    ["Done."],
  );
  assert.doesNotMatch(texts.join(" "), /fn next_line|https?:|\/Users/);
  for (const [i, { startMs, endMs, text }] of subtitles.entries()) {
    // Every subtitle has its sound, and nothing but the subtitles has: each follows the one before.
    const piece = samples.subarray((startMs / 1000) * rate, (endMs / 1000) * rate);
    assert.ok(rms(piece) > 0.01, `“${text}” is silent`);
    assert.ok(Math.abs(startMs - (subtitles[i - 1]?.endMs ?? 0)) <= 1, `a gap before “${text}”`);
    const perCharacter = (endMs - startMs) / text.length;
    assert.ok(perCharacter > 30 && perCharacter < 200, `“${text}”: ${perCharacter} ms a character`);
  }
  assert.ok(Math.abs((subtitles.at(-1)?.endMs ?? 0) - ms) < 2, "the sound goes on after the last subtitle");
  assert.ok(samples.every((sample) => Math.abs(sample) < 0.99));
  const {
    said,
    failed,
    stages,
    gap,
    stream: report,
  } = lastDocument(ended) as {
    said: number;
    failed: number;
    stages: { voice: { count: number; p99: number } };
    gap: { max: number };
    stream: { format: string; bad_lines: number };
  };
  assert.deepEqual([said, failed, stages.voice.count], [subtitles.length, 0, subtitles.length]);
  assert.deepEqual([gap.max, report.format, report.bad_lines], [0, "claude", 0]);
  assert.match(ended.stderr, /speaking en with flite:\S+ \(MIT-Festival\), to a\.wav/);
});

test("--stats is a table on standard output; words that are given are spoken", async () => {
  const ended = await call(["--say", "It works. It works.", "--out", "b.wav", "--stats", "--quiet"]);
  assert.equal(ended.status, 0, ended.stderr);
  assert.match(ended.stdout, /^said 2 segments/);
  assert.match(ended.stdout, /voice +\d/);
  assert.match(ended.stdout, /phrases kept: 1 hits of 2/);
  assert.equal(ended.stderr, "");
});

test("Ctrl-C leaves a whole file with what was heard, exit status 130", async () => {
  const ended = await call(
    ["--out", "c.wav", "--srt", "c.srt", "--pace", "real", "--follow", "c.jsonl", "--from-start"],
    {
      interrupt: {
        signal: "SIGINT",
        isDue: () => {
          if (!fs.existsSync(inFolder("c.jsonl"))) fs.writeFileSync(inFolder("c.jsonl"), stream);
          return fs.existsSync(inFolder("c.wav")) && fs.statSync(inFolder("c.wav")).size > 20_000;
        },
      },
    },
  );
  assert.equal(ended.status, 130, ended.stderr);
  assert.match(ended.stderr, /stopping/);
  assert.match(ended.stdout, /^said \d+ segment/);
  const { ms, samples } = readSound("c.wav");
  assert.ok(ms > 500 && rms(samples) > 0.01, `${ms} ms`);
  const [first] = readSrt("c.srt");
  assert.equal(first?.text, "I'll look at the parser first.");
  assert.ok(first.endMs <= ms + 50, `${first.endMs} of ${ms}`);
});

/** A speaker that goes on until it is stopped. */
function start(words: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [mainFile, "speak", ...words], { cwd: folder });
  children.push(child);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (piece) => {
    stdout += piece;
  });
  child.stderr.on("data", (piece) => {
    stderr += piece;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (status) => resolve({ status, stdout, stderr }));
  });
  return { child, ended };
}

async function until(isDone: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await isDone())) {
    assert.ok(Date.now() < end, `waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("a file is followed through a rotation, and commands at the socket are obeyed", async () => {
  const file = inFolder("agent.log");
  fs.writeFileSync(file, "Old words that nobody wants.\n");
  const socket = inFolder("s.sock");
  const { child, ended } = start([
    "--follow",
    file,
    "--format",
    "plain",
    "--out",
    "d.wav",
    "--control",
    socket,
    "--json",
  ]);
  const said = async (): Promise<number> =>
    (JSON.parse(await sendControl(socket, "status")) as { status: { said: number } }).status.said;
  await until(() => fs.existsSync(socket), "the socket");
  assert.equal(fs.statSync(socket).mode & 0o777, 0o600);
  fs.appendFileSync(file, "First line is here.\n\n");
  await until(async () => (await said()) === 1, "the first line");
  fs.renameSync(file, `${file}.1`);
  fs.writeFileSync(file, "Second line is here.\n\n");
  await until(async () => (await said()) === 2, "the second line");
  const sent = await limbeck(["speak", "--control", socket, "--send", "slower"], { folder });
  assert.equal(sent.status, 0, sent.stderr);
  const { ok, status } = JSON.parse(sent.stdout) as { ok: boolean; status: { rate: number } };
  assert.deepEqual([ok, status.rate < 1], [true, true]);
  child.kill("SIGINT");
  const { status: exit, stdout, stderr } = await ended;
  assert.equal(exit, 130, stderr);
  assert.equal((JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { said: number }).said, 2);
  assert.ok(!fs.existsSync(socket));
});

test("a file that is not there yet is waited for, and that is said", async () => {
  const file = inFolder("later.log");
  const socket = inFolder("later.sock");
  const { child, ended } = start(["--follow", file, "--out", "later.wav", "--control", socket]);
  await until(() => fs.existsSync(socket), "the socket");
  // Once the socket answers, what it waits for was said: both are done in one go.
  await sendControl(socket, "status");
  child.kill("SIGINT");
  const { status, stderr } = await ended;
  assert.equal(status, 130, stderr);
  assert.ok(stderr.includes(`waiting for ${file}`), stderr);
});

test("a command's words are spoken, its errors shown, its exit status passed on", async () => {
  const script = 'console.log("All is well."); console.error(process.argv.at(-1)); process.exit(7)';
  const ended = await call([
    "--out",
    "e.wav",
    "--srt",
    "e.srt",
    "--",
    process.execPath,
    "-e",
    script,
    "--",
    "--json",
  ]);
  assert.equal(ended.status, 7, ended.stderr);
  assert.match(ended.stderr, /^--json$/m);
  assert.deepEqual(
    readSrt("e.srt").map(({ text }) => text),
    ["All is well."],
  );
  // A flag after the dashes is the command's.
  assert.match(ended.stdout, /^said 1 segment, \d\.\d s\n$/);
});

test("SIGUSR2 silences, and what comes later is spoken", async () => {
  const { child, ended } = start(["--out", "f.wav", "--srt", "f.srt", "--pace", "real", "--format", "plain"]);
  child.stdin?.write(
    "These are words that nobody will hear to their end, since they are too many. Nor this.\n\n",
  );
  await until(
    () => fs.existsSync(inFolder("f.wav")) && fs.statSync(inFolder("f.wav")).size > 10_000,
    "sound",
  );
  child.kill("SIGUSR2");
  await new Promise((resolve) => setTimeout(resolve, 100));
  child.stdin?.end("Hello.\n\n");
  const { status, stdout, stderr } = await ended;
  assert.equal(status, 0, stderr);
  assert.match(stdout, /said 1 segment, .*left out [23] interrupted/);
  assert.equal(readSrt("f.srt").at(-1)?.text, "Hello.");
});

test("a machine without a loudspeaker: what to do is said, and the stream is left alone", async () => {
  const script = "require('node:fs').writeFileSync('ran', '')";
  const ended = await call([
    "--device",
    "no such loudspeaker",
    "--json",
    "--",
    process.execPath,
    "-e",
    script,
  ]);
  assert.equal(ended.status, 3, ended.stderr);
  assert.match(ended.stderr, /--out FILE\.wav/);
  assert.ok(["audio_unavailable", "missing_dependency"].includes(String(errorCode(ended))));
  assert.ok(!fs.existsSync(inFolder("ran")), "the command ran although nothing could be said");
});

test("doctor --speech says a sentence where it can, and what is missing where it cannot", async () => {
  interface Report {
    readonly is_ready: boolean;
    readonly spoken_ms: number | null;
    readonly checks: readonly { name: string; isWorking: boolean; cure: string | null }[];
  }
  const good = await limbeck(["doctor", "--speech", "--out", "test.wav", "--json"], { folder });
  assert.equal(good.status, 0, good.stderr);
  const { is_ready, spoken_ms, checks } = lastDocument(good) as unknown as Report;
  assert.deepEqual(
    [is_ready, checks.map(({ name, isWorking }) => [name, isWorking])],
    [true, ["voice", "sound", "sentence"].map((name) => [name, true])],
  );
  assert.ok(Math.abs(readSound("test.wav").ms - (spoken_ms ?? 0)) < 2);
  const bad = await limbeck(["doctor", "--speech", "--language", "ja", "--json"], { folder });
  assert.equal(bad.status, 3, bad.stdout);
  const [voice] = (lastDocument(bad) as unknown as Report).checks;
  assert.deepEqual([voice?.name, voice?.isWorking], ["voice", false]);
  assert.match(voice?.cure ?? "", /espeak-ng/);
});

test("voices are listed with their licences", async () => {
  const ended = await call(["--list-voices", "--json"]);
  assert.equal(ended.status, 0, ended.stderr);
  const { voices } = lastDocument(ended) as {
    voices: { name: string; licence: string; is_available: boolean }[];
  };
  const flite = voices.find(({ name }) => name.startsWith("flite:"));
  assert.deepEqual([flite?.licence, flite?.is_available], ["MIT-Festival", true]);
});

const refused: readonly (readonly [words: readonly string[], code: string, message: RegExp])[] = [
  [["--say", "a", "--follow", "b"], "usage", /expected one source, got say and follow/],
  [["hello", "world"], "usage", /expected a command after `--`, got hello/],
  [["--from-start"], "usage", /--from-start: expected --follow/],
  [["--translate", "apertium"], "usage", /expected a language to speak/],
  [["--send", "skip"], "usage", /expected --control/],
  [["--rate", "9"], "usage", /number from 0\.5 to 3/],
  [["--send", "skp", "--control", "x"], "usage", /Allowed choices/],
  [["--mode", "turbo"], "usage", /Allowed choices/],
  [["--out", "x.wav", "--voice", "flite:nobody", "--say", "a"], "usage", /expected rms/],
  [["--out", "x.wav", "--config", "no.yaml", "--say", "a"], "file_not_found", /no\.yaml/],
  [["--out", "x.wav", "--", "no-such-command-at-all"], "file_not_found", /no such command/],
  [["--send", "skip", "--control", "nobody.sock"], "unreachable", /no speaker answers/],
];

for (const [words, code, message] of refused) {
  test(`speak ${words.join(" ")}: ${code}`, async () => {
    const at = words.indexOf("--");
    const withJson = at < 0 ? [...words, "--json"] : words.toSpliced(at, 0, "--json");
    const ended = await call(withJson);
    assert.equal(errorCode(ended), code, ended.stdout);
    assert.match(ended.stderr, message);
    assert.ok(ended.status === 2 || ended.status === 3, `${ended.status}`);
  });
}
