import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../base/random.ts";
import type { Segment } from "../types.ts";
import { createVirtualClock } from "../virtual-clock.test.support.ts";
import { createEngine, createFakeSink, segmentOf, soundOf } from "./fake-parts.test.support.ts";
import { createSchedule } from "./schedule.ts";

/** Times of one segment in milliseconds: when it comes, what each engine takes, how long it sounds. */
interface Work {
  readonly comes: number;
  readonly translate: number;
  readonly voice: number;
  readonly sounds: number;
}

/** What the schedule makes of it: when each sound starts. */
async function starts(work: readonly Work[], lookAhead: number, handOverMs = 0): Promise<number[]> {
  const clock = createVirtualClock();
  const sink = createFakeSink(clock);
  const translator = createEngine(clock, (i) => work[i]!.translate);
  const voice = createEngine(clock, (i) => work[i]!.voice);
  const indexOf = new Map<string, number>();
  const schedule = createSchedule({
    clock,
    sink,
    language: "en",
    isLive: true,
    handOverMs,
    limits: { lookAhead },
    translate: async ({ text, index }, signal) => {
      await translator.call(index, signal);
      return { text, language: "es", isTranslated: true };
    },
    voice: async ({ text }, { signal }) => {
      const index = indexOf.get(text)!;
      await voice.call(index, signal);
      return soundOf(index, work[index]!.sounds);
    },
  });
  for (const [index, { comes }] of work.entries()) {
    const segment: Segment = segmentOf({ index, text: `s${index}`, atMs: comes });
    indexOf.set(segment.text, index);
    clock.at(comes, () => schedule.push(segment));
  }
  await clock.run();
  await schedule.idle();
  assert.deepEqual(
    sink.heard.map(({ index }) => index),
    work.map((_, i) => i),
    "the order of speech",
  );
  assert.ok(translator.most <= 1 && voice.most <= 1, "an engine had two calls at once");
  assert.equal(schedule.figures().said, work.length);
  return sink.heard.map(({ startMs }) => startMs);
}

/**
 * The longest path through what must precede what: a segment's own steps in turn, each engine one at a time, and no
 * segment begun while `lookAhead` others wait beside the one that plays.
 */
function criticalPath(work: readonly Work[], lookAhead: number): number[] {
  const n = work.length;
  // Nodes 3i, 3i+1, 3i+2: start of translate, voice, play of segment i.
  const edges: [from: number, to: number, ms: number][] = [];
  for (let i = 0; i < n; i++) {
    const { translate, voice, sounds } = work[i]!;
    edges.push([3 * i, 3 * i + 1, translate], [3 * i + 1, 3 * i + 2, voice]);
    for (const [step, ms] of [translate, voice, sounds].entries()) {
      if (i + 1 < n) edges.push([3 * i + step, 3 * (i + 1) + step, ms]);
    }
    const blocked = i + lookAhead + 1;
    if (blocked < n) edges.push([3 * i + 2, 3 * blocked, sounds]);
  }
  const at = Array.from({ length: 3 * n }, (_, node) => (node % 3 === 0 ? work[node / 3]!.comes : 0));
  // Bellman-Ford: as many rounds as the longest path may have edges.
  for (let round = 0; round < 3 * n; round++) {
    for (const [from, to, ms] of edges) at[to] = Math.max(at[to]!, at[from]! + ms);
  }
  return at.filter((_, node) => node % 3 === 2);
}

/** Tries every way to start or to wait at every millisecond: the least time at which all is said. */
function bruteForceEnd(work: readonly Work[], lookAhead: number): number {
  const n = work.length;
  let frontier = new Set([JSON.stringify([0, 0, 0, 0, 0, 0])]);
  for (let now = 0; now < 1000; now++) {
    const next = new Set<string>();
    for (const key of frontier) {
      // How many segments each stage has started, and when each stage will be free.
      const [t, v, p, tFree, vFree, pFree] = JSON.parse(key) as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      if (p === n && pFree <= now) return now;
      const isFree = [tFree, vFree, pFree].map((free) => free <= now);
      const ended = isFree[2] ? p : p - 1;
      const mayTranslate = isFree[0] && t < n && work[t]!.comes <= now && t - ended <= lookAhead;
      const translated = isFree[0] ? t : t - 1;
      const voiced = isFree[1] ? v : v - 1;
      for (const doT of mayTranslate ? [true, false] : [false]) {
        for (const doV of isFree[1] && v < translated ? [true, false] : [false]) {
          for (const doP of isFree[2] && p < voiced ? [true, false] : [false]) {
            next.add(
              JSON.stringify([
                doT ? t + 1 : t,
                doV ? v + 1 : v,
                doP ? p + 1 : p,
                doT ? now + work[t]!.translate : tFree,
                doV ? now + work[v]!.voice : vFree,
                doP ? now + work[p]!.sounds : pFree,
              ]),
            );
          }
        }
      }
    }
    frontier = next;
  }
  return Number.NaN;
}

test("each sound starts when the critical path allows: 400 random streams", async () => {
  const random = createRandom(4);
  for (let run = 0; run < 400; run++) {
    let comes = 0;
    const lookAhead = 1 + random.integer(4);
    const work = Array.from({ length: 1 + random.integer(14) }, () => {
      comes += random.integer(3) * random.integer(200);
      return {
        comes,
        translate: 1 + random.integer(300),
        voice: 1 + random.integer(200),
        sounds: 1 + random.integer(400),
      };
    });
    const context = `run ${run}, look-ahead ${lookAhead}: ${JSON.stringify(work)}`;
    assert.deepEqual(await starts(work, lookAhead), criticalPath(work, lookAhead), context);
    // Handing over early changes what can still be withdrawn, and no time.
    assert.deepEqual(await starts(work, lookAhead, 120), criticalPath(work, lookAhead), context);
  }
});

test("no schedule is sooner done: 60 small streams against every schedule there is", async () => {
  const random = createRandom(5);
  for (let run = 0; run < 60; run++) {
    const lookAhead = 1 + random.integer(2);
    const work = Array.from({ length: 2 + random.integer(3) }, () => ({
      comes: random.integer(3),
      translate: 1 + random.integer(4),
      voice: 1 + random.integer(3),
      sounds: 1 + random.integer(4),
    })).sort((a, b) => a.comes - b.comes);
    const begun = await starts(work, lookAhead);
    const end = begun.at(-1)! + work.at(-1)!.sounds;
    assert.equal(end, bruteForceEnd(work, lookAhead), `run ${run}: ${JSON.stringify({ lookAhead, work })}`);
  }
});

test("no gaps where engines are faster than speech, whatever the look-ahead", async () => {
  const work = Array.from({ length: 12 }, (_, i) => ({
    comes: 0,
    translate: 80 + ((i * 37) % 60),
    voice: 40 + ((i * 23) % 50),
    sounds: 250 + ((i * 91) % 900),
  }));
  for (const lookAhead of [1, 2, 4]) {
    const begun = await starts(work, lookAhead);
    const gaps = begun.slice(1).map((start, i) => start - (begun[i]! + work[i]!.sounds));
    assert.deepEqual(
      gaps,
      gaps.map(() => 0),
    );
  }
});
