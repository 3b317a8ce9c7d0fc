import assert from "node:assert/strict";
import * as path from "node:path";
import { before, describe, test } from "node:test";
import { openSink } from "#limbeck/speech/play/sinks.js";
import { resample } from "#limbeck/speech/sound/resample.js";
import { stretch } from "#limbeck/speech/sound/stretch.js";
import type { Sound } from "#limbeck/speech/types.js";
import { openVoice } from "#limbeck/speech/voice/voices.js";
import { runPython, temporaryFolder } from "./python.ts";

/**
 * Whether words can be understood, by an independent listener: PocketSphinx with the open dictation model that comes with it. It is an
 * old recogniser and it knows American English only, so the limits are loose and other languages are not judged.
 */
const sentences = [
  "The tests pass now, but two of them are slow.",
  "I found the problem in the parser.",
  "She opened the door and walked into the garden.",
  "The build failed because a file was missing.",
  "Please give me permission to delete the old folder.",
  "There are seven people waiting outside the house.",
  "The new version will be ready next week.",
  "He wrote a letter to his brother last night.",
  "I will read the report and fix the errors.",
  "The train leaves the station at nine in the morning.",
  "We need more time to finish the work.",
  "The weather is cold and the roads are wet.",
  "All of the changes were saved to the disk.",
  "The doctor said that the child was healthy.",
  "You can stop the program at any time.",
  "The price of oil rose again this year.",
  "I removed three lines from the main function.",
  "They bought a small house near the river.",
  "The server is running and the page looks right.",
  "Nothing was lost when the power went out.",
];

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[a-z']+/g) ?? [];

/** Words to change, leave out or put in to come from one text to the other. */
function wordEdits(from: readonly string[], to: readonly string[]): number {
  let row = to.map((_, j) => j + 1);
  for (const [i, word] of from.entries()) {
    let diagonal = i;
    let left = i + 1;
    row = row.map((above, j) => {
      left = Math.min(above + 1, left + 1, diagonal + (word === to[j] ? 0 : 1));
      diagonal = above;
      return left;
    });
  }
  return row.at(-1) ?? from.length;
}

const folder = temporaryFolder();

/** Part of the words that are misunderstood, over all sentences, after each sound went through `change`. */
async function wordErrorRate(
  name: string,
  sounds: readonly Sound[],
  change: (sound: Sound) => Sound,
): Promise<number> {
  const files: string[] = [];
  for (const [i, sound] of sounds.entries()) {
    const file = path.join(folder, `${name}-${i}.wav`);
    const sink = await openSink({ out: file, sampleRateHz: 16000 });
    sink.play(change(sound));
    await sink.close();
    files.push(file);
  }
  const heard = JSON.parse(runPython("test/oracle/transcribe.py", files)) as string[];
  let edits = 0;
  let words = 0;
  for (const [i, text] of heard.entries()) {
    edits += wordEdits(wordsOf(sentences[i]!), wordsOf(text));
    words += wordsOf(sentences[i]!).length;
  }
  return edits / words;
}

describe("the embedded English voice is understood", () => {
  let sounds: Sound[] = [];
  before(async () => {
    const voice = await openVoice({ language: "en" });
    sounds = await Promise.all(
      sentences.map((text) => voice.speak(text, { rate: 1, signal: new AbortController().signal })),
    );
    await voice.close();
  });

  test("at its own speed", async (t) => {
    const rate = await wordErrorRate("plain", sounds, (sound) => sound);
    t.diagnostic(`word error rate ${(100 * rate).toFixed(1)} %`);
    assert.ok(rate < 0.15, `word error rate ${rate}`);
  });

  test("stretched to 0.8 and 1.25 of its speed by us, and through another sample rate", async (t) => {
    for (const [name, change] of [
      ["slow", (sound: Sound) => stretch(sound, 0.8)],
      ["fast", (sound: Sound) => stretch(sound, 1.25)],
      ["resampled", (sound: Sound) => resample(sound, 44100)],
    ] as const) {
      const rate = await wordErrorRate(name, sounds, change);
      t.diagnostic(`${name}: word error rate ${(100 * rate).toFixed(1)} %`);
      assert.ok(rate < 0.25, `${name}: word error rate ${rate}`);
    }
  });

  test("control: the same sounds backwards are not understood", async (t) => {
    const backwards = sounds.slice(0, 8);
    const rate = await wordErrorRate("reversed", backwards, (sound) => ({
      ...sound,
      samples: sound.samples.slice().reverse(),
    }));
    t.diagnostic(`word error rate ${(100 * rate).toFixed(1)} %`);
    assert.ok(rate > 0.8, `word error rate ${rate}`);
  });
});
