import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../../base/errors.ts";
import type { Segment } from "../types.ts";
import { createVirtualClock } from "../virtual-clock.test.support.ts";
import { createEngine, createFakeSink, segmentOf, soundOf } from "./fake-parts.test.support.ts";
import { createSchedule } from "./schedule.ts";
import type { Schedule, ScheduleEvent, ScheduleOptions } from "./schedule-types.ts";

interface Times {
  readonly voice?: number;
  readonly sounds?: number;
}

/** A schedule whose voice takes 50 ms for each sound of 1000 ms, on a clock that a test moves. */
function setUp({ voice: voiceMs = 50, sounds = 1000 }: Times = {}, options: Partial<ScheduleOptions> = {}) {
  const clock = createVirtualClock();
  const sink = createFakeSink(clock);
  const engine = createEngine(clock, () => voiceMs);
  const events: ScheduleEvent[] = [];
  const rates: number[] = [];
  const schedule: Schedule = createSchedule({
    clock,
    sink,
    language: "en",
    isLive: true,
    onEvent: (event) => events.push(event),
    voice: async ({ text }, { rate, signal }) => {
      const index = Number(text);
      rates.push(rate);
      await engine.call(index, signal);
      return soundOf(index, Math.round(sounds / rate));
    },
    ...options,
  });
  let index = 0;
  return {
    clock,
    sink,
    schedule,
    events,
    engine,
    rates,
    /** Pushes a segment whose text is its index; returns the index. */
    say: (part: Partial<Segment> = {}): number => {
      schedule.push(segmentOf({ index, text: `${index}`, atMs: clock.now(), ...part }));
      return index++;
    },
    order: () => sink.heard.map((heard) => heard.index),
    dropped: () =>
      events.flatMap((event) => (event.type === "dropped" ? [[event.segment.index, event.reason]] : [])),
  };
}

test("urgent news goes before everything that waits, voiced or not, and after what is being said", async () => {
  const { clock, schedule, say, order, sink } = setUp();
  for (let i = 0; i < 6; i++) say();
  clock.at(500, () => {
    assert.equal(schedule.figures().waiting, 5);
    say({ priority: "urgent" });
    say({ priority: "urgent" });
  });
  await clock.run();
  assert.deepEqual(order(), [0, 6, 7, 1, 2, 3, 4, 5]);
  assert.deepEqual(schedule.figures().gap?.max, 0);
  assert.equal(sink.heard.at(-1)?.endMs, 8050);
});

test("a sound is handed over shortly before the one before it ends, no sooner", async () => {
  const { clock, say, sink } = setUp();
  for (let i = 0; i < 3; i++) say();
  await clock.run();
  assert.deepEqual(sink.askedMs, [50, 930, 1930]);
});

test("urgent news cuts chatter off once it is voiced, and drops the chatter that waits", async () => {
  const { clock, say, order, sink, dropped } = setUp();
  say({ priority: "chatter" });
  say({ priority: "chatter" });
  say();
  clock.at(300, () => say({ priority: "urgent" }));
  await clock.run();
  assert.deepEqual(order(), [0, 3, 2]);
  // The chatter sounds on while the news is voiced: no needless silence.
  assert.equal(sink.heard[0]?.endMs, 350);
  assert.equal(sink.heard[1]?.startMs, 350);
  assert.deepEqual(dropped(), [
    [1, "urgent"],
    [0, "urgent"],
  ]);
});

test("agents take turns, each in its own order, and a talkative one starves nobody", async () => {
  const { clock, say, schedule, sink } = setUp({ voice: 10, sounds: 100 });
  const agents = new Map<number, string>();
  const speak = (agent: string): void => void agents.set(say({ agent }), agent);
  for (let i = 0; i < 40; i++) speak("loud");
  clock.at(150, () => {
    for (let i = 0; i < 4; i++) speak("shy");
    for (let i = 0; i < 2; i++) speak("third");
  });
  clock.at(400, () => {
    for (let i = 0; i < 20; i++) speak("loud");
  });
  await clock.run();
  const heard = sink.heard.map(({ index }) => agents.get(index ?? -1));
  const firstShy = heard.indexOf("shy");
  // One was playing, two were made ready, and a turn of three is at most that long.
  assert.ok(firstShy <= 6, heard.join(" "));
  const both = heard.slice(firstShy, firstShy + 12);
  assert.equal(both.filter((agent) => agent === "shy").length, 4, both.join(" "));
  assert.equal(both.filter((agent) => agent === "third").length, 2, both.join(" "));
  for (const agent of ["loud", "shy", "third"]) {
    const own = sink.heard.map(({ index }) => index ?? -1).filter((index) => agents.get(index) === agent);
    assert.deepEqual(
      own,
      [...own].sort((a, b) => a - b),
      agent,
    );
  }
  assert.equal(schedule.figures().said, 66);
});

test("an interrupt is silence at once: what plays, waits and is being voiced is gone, what comes later is said", async () => {
  const { clock, schedule, say, order, sink, dropped } = setUp({ voice: 200 });
  for (let i = 0; i < 8; i++) say();
  clock.at(700, () => {
    assert.equal(schedule.interrupt(), 8);
    say();
  });
  await clock.run();
  assert.deepEqual(order(), [0, 8]);
  assert.equal(sink.heard[0]?.endMs, 700);
  // Its voice was not busy with what was dropped.
  assert.equal(sink.heard[1]?.startMs, 900);
  assert.deepEqual(
    dropped().map(([, reason]) => reason),
    Array.from({ length: 8 }, () => "interrupted"),
  );
  assert.equal(schedule.figures().waiting, 0);
});

test("skip leaves out the rest of one segment, and the next one follows at once", async () => {
  const { clock, schedule, say, order, sink, dropped } = setUp();
  assert.equal(schedule.skip(), false);
  for (let i = 0; i < 3; i++) say();
  clock.at(400, () => assert.equal(schedule.skip(), true));
  // The next one had been handed over by then.
  clock.at(1350, () => assert.equal(schedule.skip(), true));
  await clock.run();
  assert.deepEqual(
    sink.heard.map(({ startMs, endMs }) => [startMs, endMs]),
    [
      [50, 400],
      [400, 1350],
      [1350, 2350],
    ],
  );
  assert.deepEqual(order(), [0, 1, 2]);
  assert.deepEqual(dropped(), [
    [0, "skipped"],
    [1, "skipped"],
  ]);
});

test("repeat says the current segment from its start, or the last one again", async () => {
  const { clock, schedule, say, sink, order } = setUp();
  assert.equal(schedule.repeat(), false);
  say();
  say();
  clock.at(450, () => schedule.repeat());
  clock.at(5000, () => schedule.repeat());
  await clock.run();
  assert.deepEqual(order(), [0, 0, 1, 1]);
  assert.deepEqual(
    sink.heard.map(({ startMs, endMs }) => [startMs, endMs]),
    [
      [50, 450],
      [450, 1450],
      [1450, 2450],
      [5000, 6000],
    ],
  );
  assert.equal(schedule.figures().said, 2);
});

test("a pause keeps the rest of the sentence, whatever is pressed meanwhile", async () => {
  const { clock, schedule, say, sink } = setUp();
  say();
  say();
  clock.at(350, () => {
    schedule.pause();
    schedule.pause();
  });
  clock.at(4000, () => schedule.resume());
  await clock.run();
  assert.deepEqual(
    sink.heard.map(({ index, startMs, endMs }) => [index, startMs, endMs]),
    [
      [0, 50, 350],
      [null, 4000, 4700],
      [1, 4700, 5700],
    ],
  );
  assert.equal(schedule.figures().spokenMs, 2000);
  assert.equal(schedule.figures().said, 2);
});

test("a repeat ends a pause and says the paused sentence once", async () => {
  const { clock, schedule, say, order } = setUp();
  say();
  say();
  clock.at(350, () => schedule.pause());
  clock.at(900, () => schedule.repeat());
  await clock.run();
  assert.deepEqual(order(), [0, 0, 1]);
});

test("another rate is heard from the next sentence on, also where that was voiced already", async () => {
  const { clock, schedule, say, sink, rates } = setUp();
  for (let i = 0; i < 3; i++) say();
  clock.at(500, () => {
    schedule.rate = 2;
  });
  await clock.run();
  assert.deepEqual(
    sink.heard.map(({ startMs, endMs }) => endMs - startMs),
    [1000, 500, 500],
  );
  assert.deepEqual(rates, [1, 1, 1, 2, 2]);
});

test("another volume is heard within the sentence", async () => {
  const { clock, schedule, say, sink } = setUp();
  say();
  clock.at(500, () => {
    schedule.volume = 0.5;
  });
  await clock.run();
  assert.deepEqual(
    sink.heard.map(({ startMs, endMs, peak }) => [startMs, endMs, peak]),
    [
      [50, 500, 0.5],
      [500, 1050, 0.25],
    ],
  );
});

test("chatter that has waited too long is old news: dropped and counted, live only", async () => {
  for (const isLive of [true, false]) {
    const { clock, schedule, say, dropped } = setUp({}, { isLive, limits: { chatterMaxAgeMs: 3000 } });
    for (let i = 0; i < 5; i++) say();
    const chatter = say({ priority: "chatter" });
    await clock.run();
    assert.deepEqual(dropped(), isLive ? [[chatter, "stale"]] : []);
    assert.equal(schedule.figures().dropped.stale, isLive ? 1 : 0);
  }
});

test("a writer waits while too much waits, is never held for long, and then chatter goes first", async () => {
  const { clock, schedule, say, dropped } = setUp({}, { limits: { maxSegments: 4, maxStallMs: 1500 } });
  for (let i = 0; i < 6; i++) say();
  say({ priority: "chatter" });
  assert.equal(schedule.figures().waiting, 7);
  const waits: number[] = [];
  const write = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      const since = clock.now();
      await schedule.room();
      waits.push(clock.now() - since);
      say();
      say();
    }
  };
  await Promise.all([write(), clock.run()]);
  // The first sentence ends at 1050; the second wait finds nothing said in time, and the third is not held up again.
  assert.deepEqual(waits, [1050, 1500, 0]);
  assert.deepEqual(
    dropped().map(([, reason]) => reason),
    Array.from({ length: dropped().length }, () => "full"),
  );
  assert.equal(dropped()[0]?.[0], 6);
});

test("a record waits as long as it takes and loses nothing", async () => {
  const { clock, schedule, say } = setUp({}, { isLive: false, limits: { maxSegments: 2 } });
  const write = async (): Promise<void> => {
    for (let i = 0; i < 30; i++) {
      await schedule.room();
      say({ priority: i % 3 === 0 ? "chatter" : "normal" });
    }
    await schedule.idle();
  };
  await Promise.all([write(), clock.run()]);
  assert.equal(schedule.figures().said, 30);
});

test("whoever writes without waiting cannot fill the memory", () => {
  const { schedule, say } = setUp({}, { limits: { maxSegments: 10 } });
  for (let i = 0; i < 200; i++) say();
  assert.ok(schedule.figures().waiting <= 20 + 3, `${schedule.figures().waiting} wait`);
  assert.equal(schedule.figures().dropped.full, 200 - schedule.figures().waiting);
});

test("a voice that fails leaves out one segment, says so, and goes on", async () => {
  const { clock, schedule, say, order, events } = setUp(
    {},
    {
      voice: async ({ text }) => {
        if (text === "1") throw new LimbeckError("voice_failed", "no");
        return soundOf(Number(text), text === "2" ? 0 : 100);
      },
    },
  );
  for (let i = 0; i < 4; i++) say();
  await clock.run();
  await schedule.idle();
  assert.deepEqual(order(), [0, 3]);
  const failed = events.flatMap((event) =>
    event.type === "failed" ? [[event.segment.index, event.error.code]] : [],
  );
  assert.deepEqual(failed, [
    [1, "voice_failed"],
    [2, "voice_failed"],
  ]);
  assert.equal(schedule.figures().failed, 2);
});

test("a sink that fails ends the waiting with its error", async () => {
  const { clock, schedule, say, sink } = setUp();
  sink.play = () => {
    const gone = Promise.reject(new LimbeckError("disk_full", "no room"));
    gone.catch(() => undefined);
    return { started: new Promise(() => undefined), ended: gone };
  };
  say();
  const ending = assert.rejects(schedule.idle(), { code: "disk_full" });
  await clock.run();
  await ending;
  await assert.rejects(schedule.room(), { code: "disk_full" });
});

test("with one call at a time the engines do not overlap, and the order stands", async () => {
  const clock = createVirtualClock();
  const sink = createFakeSink(clock);
  let running = 0;
  let most = 0;
  const engine = async (): Promise<void> => {
    running++;
    most = Math.max(most, running);
    await clock.sleep(100);
    running--;
  };
  const schedule = createSchedule({
    clock,
    sink,
    language: "en",
    isLive: true,
    limits: { concurrency: 1 },
    translate: async ({ text }) => {
      await engine();
      return { text, language: "es", isTranslated: true };
    },
    voice: async ({ text }) => {
      await engine();
      return soundOf(Number(text), 300);
    },
  });
  for (let i = 0; i < 5; i++) schedule.push(segmentOf({ index: i, text: `${i}` }));
  await clock.run();
  assert.equal(most, 1);
  assert.deepEqual(
    sink.heard.map(({ index }) => index),
    [0, 1, 2, 3, 4],
  );
  // The first is voiced before the second is translated: whoever listens waits for one segment, not for two.
  assert.equal(sink.heard[0]?.startMs, 200);
});

test("figures: response of what comes into silence, lag of all, gaps of what was there in time", async () => {
  const { clock, schedule, say } = setUp({ voice: 70, sounds: 500 });
  say();
  say();
  clock.at(3000, () => say());
  await clock.run();
  const { response, lag, gap, voice, firstSoundAtMs, spokenMs, said } = schedule.figures();
  assert.deepEqual([response?.count, response?.p95, response?.max], [2, 70, 70]);
  assert.deepEqual([lag?.count, lag?.max], [3, 570]);
  assert.deepEqual([gap?.count, gap?.max], [1, 0]);
  assert.deepEqual([voice?.p50, firstSoundAtMs, spokenMs, said], [70, 70, 1500, 3]);
});

test("a record's delays end when its samples are written, whatever its own time says", async () => {
  const { clock, schedule, say, sink } = setUp({ voice: 70 }, { isLive: false });
  sink.play = () => ({ started: Promise.resolve(123_456), ended: Promise.resolve("played" as const) });
  say();
  await clock.run();
  const { lag, firstSoundAtMs } = schedule.figures();
  assert.deepEqual([lag?.max, firstSoundAtMs], [70, 70]);
});

test("into silence a long segment begins before all of it is voiced, is one segment, and is one to skip and repeat", async () => {
  const long = "The parser now reads both line ends after a restart of the server.";
  const start = () => {
    const clock = createVirtualClock();
    const sink = createFakeSink(clock);
    const events: ScheduleEvent[] = [];
    const schedule = createSchedule({
      clock,
      sink,
      language: "en",
      isLive: true,
      firstPieceLength: 48,
      onEvent: (event) => events.push(event),
      // A millisecond and ten of sound for each character.
      voice: async ({ text }, { signal }) => {
        await clock.sleep(text.length, signal);
        return soundOf(1, text.length * 10);
      },
    });
    schedule.push(segmentOf({ index: 0, text: long }));
    schedule.push(segmentOf({ index: 1, text: long }));
    const heard = (): string[] =>
      events.flatMap((event) => (event.type === "heard" ? [event.wording.text] : []));
    return { clock, sink, schedule, heard };
  };
  const pieces = ["The parser now reads both line ends,", "after a restart of the server."];
  const plain = start();
  await plain.clock.run();
  // The second one did not come into silence: it is whole.
  assert.deepEqual(plain.heard(), [...pieces, long]);
  const { said, response, gap, lag } = plain.schedule.figures();
  assert.deepEqual([said, response?.count, response?.max, gap?.max, lag?.count], [2, 1, 36, 0, 2]);

  const skipped = start();
  skipped.clock.at(100, () => skipped.schedule.skip());
  await skipped.clock.run();
  assert.deepEqual(skipped.heard(), [pieces[0], long]);
  assert.deepEqual(skipped.schedule.figures().dropped.skipped, 1);

  const repeated = start();
  repeated.clock.at(500, () => repeated.schedule.repeat());
  await repeated.clock.run();
  assert.deepEqual(repeated.heard(), [...pieces, ...pieces, long]);
  assert.equal(repeated.schedule.figures().said, 2);

  const urgent = start();
  urgent.clock.at(100, () => {
    urgent.schedule.push(segmentOf({ index: 2, text: "Stop.", priority: "urgent" }));
  });
  await urgent.clock.run();
  // A sentence that was begun is ended first.
  assert.deepEqual(urgent.heard(), [...pieces, "Stop.", long]);

  const hushed = start();
  hushed.clock.at(100, () => assert.equal(hushed.schedule.interrupt(), 2));
  await hushed.clock.run();
  assert.equal(hushed.schedule.figures().dropped.interrupted, 2);
});

test("closing drops everything and ends all waiting", async () => {
  const { clock, schedule, say, order } = setUp();
  for (let i = 0; i < 3; i++) say();
  clock.at(100, () => schedule.close());
  const idle = schedule.idle();
  await clock.run();
  await idle;
  assert.deepEqual(order(), [0]);
  assert.throws(() => say(), { code: "internal" });
});
