import { LimbeckError } from "../../base/errors.ts";
import { isCancelled } from "../cancelled.ts";
import type { Segment } from "../types.ts";
import { createSamples, type DropReason, dropReasons } from "./figures.ts";
import { firstPiece } from "./first-piece.ts";
import { durationMs, isBegun, isChatter, isUrgent, type Job, restOf } from "./job.ts";
import { createLanes } from "./lanes.ts";
import { createPlayer } from "./player.ts";
import { defaultLimits, type Schedule, type ScheduleLimits, type ScheduleOptions } from "./schedule-types.ts";

const silentSegment = "the voice made no sound of it";

function asError(error: unknown): LimbeckError {
  if (error instanceof LimbeckError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new LimbeckError("internal", `speech: ${message}`, { cause: error });
}

/**
 * Translates, voices and plays segments with every stage at work at once. Each engine does one call at a time, in the
 * order of speech; while one segment plays, `lookAhead` more are made ready. So for engines of any speed each segment
 * starts as early as its order, its engines and the look-ahead allow.
 *
 * The order of speech: urgent segments first; agents take turns; the segments of an agent keep their order.
 */
export function createSchedule(options: ScheduleOptions): Schedule {
  const { clock, translate, isLive } = options;
  const lanes = createLanes(options.turnSegments ?? 3);
  const pushedAt = new WeakMap<Segment, { readonly pushedMs: number; readonly isAlone: boolean }>();
  /** Admitted and not yet the player's, in the order of speech. */
  let line: Job[] = [];
  let last: Job | undefined;
  let limits: ScheduleLimits = { ...defaultLimits, ...options.limits };
  let rate = options.rate ?? 1;
  let isPaused = false;
  let isClosed = false;
  let isTranslating = false;
  let isVoicing = false;
  let mayStall = true;
  let fault: LimbeckError | undefined;
  /** When the sound that plays will have ended, if nothing cuts it. */
  let expectedEndMs: number | undefined;

  const samples = {
    translate: createSamples(),
    voice: createSamples(),
    response: createSamples(),
    lag: createSamples(),
    gap: createSamples(),
  };
  const dropped = Object.fromEntries(dropReasons.map((reason) => [reason, 0])) as Record<DropReason, number>;
  const said = new WeakSet<Segment>();
  const gone = new WeakSet<Segment>();
  let saidCount = 0;
  let failedCount = 0;
  let untranslatedCount = 0;
  let firstSoundAtMs: number | undefined;
  let spokenMs = 0;

  let waiters: { readonly isDue: () => boolean; readonly settle: () => void }[] = [];
  const waitUntil = (isDue: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (): void => (fault === undefined ? resolve() : reject(fault));
      if (isDue() || fault !== undefined) settle();
      else waiters.push({ isDue, settle });
    });
  const notify = (): void => {
    const due = waiters.filter(({ isDue }) => fault !== undefined || isDue());
    if (due.length === 0) return;
    waiters = waiters.filter((waiter) => !due.includes(waiter));
    for (const { settle } of due) settle();
  };

  const drop = (segment: Segment, reason: DropReason): void => {
    // Both pieces of a segment are one.
    if (gone.has(segment)) return;
    gone.add(segment);
    dropped[reason]++;
    options.onEvent?.({ type: "dropped", segment, reason });
  };
  const dropJobs = (isDropped: (job: Job) => boolean, reason: DropReason): void => {
    const jobs = line.filter(isDropped);
    line = line.filter((job) => !jobs.includes(job));
    for (const job of jobs) {
      job.abort.abort();
      drop(job.segment, reason);
    }
  };

  const player = createPlayer({
    sink: options.sink,
    clock,
    handOverMs: options.handOverMs ?? 120,
    onStarted: (job, startMs) => {
      const { atMs } = job.segment;
      if (expectedEndMs !== undefined && job.pushedMs <= expectedEndMs) {
        samples.gap.add(Math.max(0, startMs - expectedEndMs));
      }
      expectedEndMs = startMs + durationMs(restOf(job));
      if (!job.isHeard) {
        // A record's time is that of its samples: there the first of them is written now.
        const soundMs = isLive ? startMs : clock.now();
        samples.lag.add(soundMs - atMs);
        if (job.isAlone) samples.response.add(soundMs - atMs);
        firstSoundAtMs ??= soundMs;
      }
      job.isHeard = true;
    },
    onHeard: (job, heard) => {
      spokenMs += heard.endMs - heard.startMs;
      last = job;
      if (job.wording !== undefined) {
        options.onEvent?.({ type: "heard", segment: job.segment, wording: job.wording, heard });
      }
      if (heard.isCut) {
        expectedEndMs = undefined;
      } else if (job.rest === undefined && !said.has(job.segment)) {
        said.add(job.segment);
        saidCount++;
      }
    },
    wake: () => advance(),
    onFault: (error) => {
      fault ??= asError(error);
      notify();
    },
  });
  player.volume = options.volume ?? 1;

  /** Takes back what the sink has, cut where it is. */
  const withdraw = (): readonly Job[] => {
    expectedEndMs = undefined;
    return player.withdraw();
  };
  const isEmpty = (): boolean => lanes.size === 0 && line.length === 0 && player.jobs.length === 0;

  const admit = (segment: Segment): void => {
    const job: Job = {
      segment,
      ...(pushedAt.get(segment) ?? { pushedMs: clock.now(), isAlone: false }),
      abort: new AbortController(),
      state: "waiting",
      offset: 0,
      isHeard: false,
    };
    if (translate === undefined) {
      job.wording = { text: segment.text, language: options.language, isTranslated: false };
      job.state = "worded";
    }
    // A sentence that was begun is ended first, whatever comes.
    const begun = line[0] !== undefined && isBegun(line[0]) && !isChatter(line[0]) ? 1 : 0;
    const place = isUrgent(job) ? Math.max(begun, line.findLastIndex(isUrgent) + 1) : line.length;
    line.splice(place, 0, job);
  };

  const fillLine = (): void => {
    if (isLive) {
      const isStale = ({ atMs }: Segment): boolean => clock.now() - atMs > limits.chatterMaxAgeMs;
      for (const segment of lanes.dropChatter(isStale)) drop(segment, "stale");
      dropJobs((job) => isChatter(job) && !job.isHeard && isStale(job.segment), "stale");
    }
    const most = limits.lookAhead + 1;
    while (line.filter(isUrgent).length < most) {
      const segment = lanes.takeUrgent();
      if (segment === undefined) break;
      admit(segment);
    }
    while (line.length + player.jobs.length < most) {
      const segment = lanes.takeOther();
      if (segment === undefined) break;
      admit(segment);
    }
    if (lanes.size <= limits.maxSegments / 2) mayStall = true;
  };

  const fail = (job: Job, error: unknown): void => {
    if (job.abort.signal.aborted) return;
    line = line.filter((other) => other !== job);
    failedCount++;
    options.onEvent?.({ type: "failed", segment: job.segment, error: asError(error) });
  };

  const runTranslate = async (job: Job): Promise<void> => {
    isTranslating = true;
    job.state = "translating";
    const startMs = clock.now();
    try {
      const wording = await translate?.(job.segment, job.abort.signal);
      if (job.abort.signal.aborted || wording === undefined) return;
      job.wording = wording;
      job.state = "worded";
      samples.translate.add(clock.now() - startMs);
      if (wording.reason !== undefined) {
        untranslatedCount++;
        options.onEvent?.({ type: "untranslated", segment: job.segment, reason: wording.reason });
      }
    } catch (error) {
      fail(job, error);
    } finally {
      isTranslating = false;
      advance();
    }
  };

  /** What comes into silence need not be voiced whole before it is heard: its rest becomes a job of its own. */
  const splitFirst = (job: Job): void => {
    const { wording, first } = job;
    const most = options.firstPieceLength ?? 0;
    const isWaitedFor = isLive && job.isAlone && line[0] === job && player.jobs.length === 0;
    if (most === 0 || !isWaitedFor || wording === undefined || first !== undefined) return;
    const pieces = firstPiece(wording.text, wording.language, most);
    if (pieces === undefined) return;
    const rest: Job = {
      ...job,
      wording: { ...wording, text: pieces[1] },
      isAlone: false,
      isHeard: true,
      first: job,
    };
    job.wording = { ...wording, text: pieces[0] };
    job.rest = rest;
    line.splice(1, 0, rest);
  };

  const runVoice = async (job: Job): Promise<void> => {
    splitFirst(job);
    isVoicing = true;
    job.state = "voicing";
    const startMs = clock.now();
    const usedRate = rate;
    try {
      if (job.wording === undefined) return;
      const sound = await options.voice(job.wording, { rate: usedRate, signal: job.abort.signal });
      if (job.abort.signal.aborted) return;
      if (sound.samples.length === 0) throw new LimbeckError("voice_failed", silentSegment);
      job.sound = sound;
      job.wording = sound.wording ?? job.wording;
      job.state = usedRate === rate ? "voiced" : "worded";
      samples.voice.add(clock.now() - startMs);
    } catch (error) {
      fail(job, error);
    } finally {
      isVoicing = false;
      advance();
    }
  };

  /** Gives each free engine the first job in the order of speech that needs it. */
  const work = (): void => {
    for (const job of line) {
      if (Number(isTranslating) + Number(isVoicing) >= limits.concurrency) return;
      if (job.state === "waiting" && !isTranslating) void runTranslate(job);
      else if (job.state === "worded" && !isVoicing) void runVoice(job);
    }
  };

  const feedPlayer = (): void => {
    while (!isPaused) {
      const head = line[0];
      if (head?.state !== "voiced") return;
      const heard = player.jobs[0];
      if (isLive && isUrgent(head) && heard !== undefined && isChatter(heard)) {
        const cut = withdraw();
        for (const job of cut.filter(isChatter)) drop(job.segment, "urgent");
        line.splice(line.findLastIndex(isUrgent) + 1, 0, ...cut.filter((job) => !isChatter(job)));
      }
      if (!player.isOpen()) return;
      line.shift();
      player.play(head);
    }
  };

  const advance = (): void => {
    if (isClosed || fault !== undefined) return;
    feedPlayer();
    fillLine();
    work();
    notify();
  };

  const isFull = (): boolean => lanes.size >= limits.maxSegments;
  const dropForRoom = (): void => {
    const victim = lanes.dropOne();
    if (victim !== undefined) drop(victim, "full");
  };

  return {
    push: (segment) => {
      if (isClosed) throw new LimbeckError("internal", "speech: a segment came after the end");
      if (isChatter({ segment } as Job) && !limits.isChatterSaid) {
        drop(segment, "hot");
        return;
      }
      pushedAt.set(segment, { pushedMs: clock.now(), isAlone: isEmpty() });
      if (isLive && segment.priority === "urgent") {
        for (const chatter of lanes.dropChatter(() => true)) drop(chatter, "urgent");
        dropJobs((job) => isChatter(job), "urgent");
      }
      // Whoever does not wait for `room` cannot fill the memory either.
      if (lanes.size >= 2 * limits.maxSegments) dropForRoom();
      lanes.push(segment);
      advance();
    },
    room: async () => {
      if (!isFull()) return waitUntil(() => true);
      if (!isLive) return waitUntil(() => !isFull() || isClosed);
      if (mayStall) {
        const alarm = new AbortController();
        const roomy = waitUntil(() => !isFull() || isClosed).finally(() => alarm.abort());
        const late = clock.sleep(limits.maxStallMs, alarm.signal).catch((error: unknown) => {
          if (!isCancelled(error)) throw error;
        });
        await Promise.race([roomy, late]);
      }
      while (isFull() && !isClosed) {
        // The speaker is hopelessly behind: whoever writes is not held up again until half of it was said.
        mayStall = false;
        dropForRoom();
      }
      notify();
    },
    idle: () => waitUntil(() => isEmpty() || isClosed),
    interrupt: () => {
      const all = new Set([...withdraw(), ...line].map(({ segment }) => segment));
      for (const job of line) job.abort.abort();
      line = [];
      for (const segment of lanes.clear()) all.add(segment);
      for (const segment of all) drop(segment, "interrupted");
      isPaused = false;
      advance();
      return all.size;
    },
    skip: () => {
      const [heard, ...others] = withdraw();
      line.unshift(...others);
      const skipped = heard ?? line.shift();
      if (skipped !== undefined) {
        skipped.abort.abort();
        line = line.filter(({ segment }) => segment !== skipped.segment);
        drop(skipped.segment, "skipped");
      }
      advance();
      return skipped !== undefined;
    },
    repeat: () => {
      const [heard, ...others] = withdraw();
      // A paused sentence is the last that was heard, and stands in the line.
      const again = heard ?? last;
      const pieces = again === undefined ? [] : [again.first ?? again, again.rest ?? again];
      line = [...others, ...line].filter((job) => !pieces.includes(job));
      for (const job of new Set(pieces)) {
        job.offset = 0;
        if (job.sound !== undefined) job.state = "voiced";
      }
      line.unshift(...new Set(pieces));
      isPaused = false;
      advance();
      return again !== undefined;
    },
    pause: () => {
      if (isPaused) return;
      isPaused = true;
      line.unshift(...withdraw());
    },
    resume: () => {
      isPaused = false;
      advance();
    },
    get isPaused() {
      return isPaused;
    },
    get rate() {
      return rate;
    },
    set rate(value) {
      if (value === rate) return;
      rate = value;
      for (const job of line) if (job.state === "voiced" && job.offset === 0) job.state = "worded";
      advance();
    },
    get volume() {
      return player.volume;
    },
    set volume(value) {
      if (value === player.volume) return;
      player.volume = value;
      if (player.jobs.length > 0) line.unshift(...withdraw());
      advance();
    },
    get limits() {
      return limits;
    },
    set limits(value) {
      limits = value;
      advance();
    },
    get current() {
      return player.jobs[0]?.segment;
    },
    figures: () => ({
      said: saidCount,
      failed: failedCount,
      untranslated: untranslatedCount,
      dropped: { ...dropped },
      waiting: lanes.size + line.length,
      translate: samples.translate.summary(),
      voice: samples.voice.summary(),
      response: samples.response.summary(),
      lag: samples.lag.summary(),
      gap: samples.gap.summary(),
      firstSoundAtMs: firstSoundAtMs ?? null,
      spokenMs,
    }),
    close: () => {
      isClosed = true;
      withdraw();
      for (const job of line) job.abort.abort();
      line = [];
      lanes.clear();
      notify();
    },
  };
}
