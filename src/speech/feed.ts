import { isCancelled } from "./cancelled.ts";
import { createNarrator, type NarratorOptions } from "./narrator.ts";
import { createEventParser, type ParseReport, type StreamFormat } from "./parse/parser.ts";
import { createSamples, type Summary } from "./schedule/figures.ts";
import type { Schedule } from "./schedule/schedule-types.ts";
import type { AgentEvent, Segment, SpeechClock } from "./types.ts";

export interface FeedOptions {
  readonly clock: SpeechClock;
  readonly schedule: Schedule;
  readonly format: StreamFormat;
  readonly narrator: NarratorOptions;
  onFault(error: unknown): void;
}

/** Bytes of a stream in, segments into a schedule. */
export interface Feed {
  /** Resolves once there is room for more. Calls are taken one after another. */
  write(chunk: Uint8Array): Promise<void>;
  end(): Promise<void>;
  stop(): void;
  readonly firstByteMs: number | undefined;
  report(): ParseReport;
  figures(): { readonly parse: Summary | null; readonly narrate: Summary | null };
}

/** Parses, narrates and hands over event by event, so that a large piece of a stream waits for room inside it. */
export function createFeed({ clock, schedule, format, narrator: options, onFault }: FeedOptions): Feed {
  const parser = createEventParser({ format });
  const narrator = createNarrator(options);
  const parse = createSamples();
  const narrate = createSamples();
  const stopped = new AbortController();
  let firstByteMs: number | undefined;
  let alarm: AbortController | undefined;
  let turn: Promise<void> = Promise.resolve();

  /** What a narrator holds back while more may come is said once nothing does. */
  const setAlarm = (): void => {
    alarm?.abort();
    const dueMs = narrator.nextIdleAtMs;
    if (dueMs === undefined || stopped.signal.aborted) return;
    alarm = new AbortController();
    clock.sleep(Math.max(0, dueMs - clock.now()), alarm.signal).then(
      () => {
        const nowMs = clock.now();
        for (const segment of narrator.idle(nowMs)) schedule.push(segment);
        // What it still holds waits for more text.
        if ((narrator.nextIdleAtMs ?? nowMs) > nowMs) setAlarm();
      },
      (error: unknown) => (isCancelled(error) ? undefined : onFault(error)),
    );
  };

  const handOver = async (segments: readonly Segment[]): Promise<void> => {
    for (const segment of segments) {
      await schedule.room();
      if (stopped.signal.aborted) return;
      schedule.push(segment);
    }
  };
  const say = async (events: readonly AgentEvent[]): Promise<void> => {
    for (const event of events) {
      const startMs = clock.now();
      const segments = narrator.push(event, startMs);
      narrate.add(clock.now() - startMs);
      await handOver(segments);
      if (stopped.signal.aborted) return;
    }
  };
  const inTurn = (action: () => Promise<void>): Promise<void> => {
    const mine = turn.then(action);
    // A failure is its caller's; whoever comes after finds it out alone.
    turn = mine.catch(() => undefined);
    return mine;
  };

  return {
    write: (chunk) =>
      inTurn(async () => {
        if (stopped.signal.aborted) return;
        const startMs = clock.now();
        firstByteMs ??= startMs;
        const events = parser.push(chunk);
        if (events.length > 0) {
          const each = (clock.now() - startMs) / events.length;
          for (let i = 0; i < events.length; i++) parse.add(each);
        }
        await say(events);
        setAlarm();
      }),
    end: () =>
      inTurn(async () => {
        alarm?.abort();
        if (stopped.signal.aborted) return;
        await say(parser.end());
        await handOver(narrator.end(clock.now()));
      }),
    stop: () => {
      stopped.abort();
      alarm?.abort();
    },
    get firstByteMs() {
      return firstByteMs;
    },
    report: () => parser.report,
    figures: () => ({ parse: parse.summary(), narrate: narrate.summary() }),
  };
}
