import type { Json } from "../base/json.ts";
import { callKey } from "./normalise.ts";
import type { JsonObject, ToolCall } from "./types.ts";

/** A tool result that was recorded for a call. */
export interface RecordedResult {
  readonly name: string;
  readonly arguments: JsonObject;
  readonly result: Json;
}

export interface FixtureStatistics {
  readonly hits: number;
  readonly misses: number;
  /** Calls that the live tool answered and that are now recorded. */
  readonly recorded: number;
  /** hits / (hits + misses); null before the first call. */
  readonly hitRate: number | null;
}

export interface BrokerAnswer {
  readonly result: Json;
  /** Whether it had been recorded before. */
  readonly hit: boolean;
}

/** Answers tool calls from recorded results, so that a run can be repeated offline. */
export interface FixtureBroker {
  /** The recorded result, or `{ok: false, error: "fixture_miss", …}`; each answer is counted. */
  answer(call: ToolCall): BrokerAnswer;
  statistics(): FixtureStatistics;
  /** Everything that is recorded, in order. */
  fixtures(): readonly RecordedResult[];
}

export interface FixtureRecorder {
  /** Like `FixtureBroker.answer`, but a miss asks the live tool and keeps what it says. Rejects with its error. */
  answer(call: ToolCall): Promise<BrokerAnswer>;
  statistics(): FixtureStatistics;
  fixtures(): readonly RecordedResult[];
}

class FixtureTable {
  readonly #results = new Map<string, RecordedResult>();
  #hits = 0;
  #misses = 0;
  #recorded = 0;

  constructor(fixtures: readonly RecordedResult[]) {
    // The first of two fixtures for one call wins: later ones would change what was measured.
    for (const fixture of fixtures) {
      const key = callKey(fixture);
      if (!this.#results.has(key)) this.#results.set(key, fixture);
    }
  }

  find(call: ToolCall): RecordedResult | undefined {
    const found = this.#results.get(callKey(call));
    if (found === undefined) this.#misses++;
    else this.#hits++;
    return found;
  }

  record(fixture: RecordedResult): void {
    this.#results.set(callKey(fixture), fixture);
    this.#recorded++;
  }

  statistics(): FixtureStatistics {
    const calls = this.#hits + this.#misses;
    const hitRate = calls === 0 ? null : this.#hits / calls;
    return { hits: this.#hits, misses: this.#misses, recorded: this.#recorded, hitRate };
  }

  all(): readonly RecordedResult[] {
    return [...this.#results.values()];
  }
}

/** Replays recorded results. Calls are the same when their names are and their arguments mean the same. */
export function createFixtureBroker(fixtures: readonly RecordedResult[]): FixtureBroker {
  const table = new FixtureTable(fixtures);
  return {
    answer(call) {
      const found = table.find(call);
      if (found !== undefined) return { result: found.result, hit: true };
      const miss = { ok: false, error: "fixture_miss", name: call.name, arguments: call.arguments };
      return { result: miss, hit: false };
    },
    statistics: () => table.statistics(),
    fixtures: () => table.all(),
  };
}

/** Replays what is recorded and records the rest through `live`. */
export function createFixtureRecorder(
  fixtures: readonly RecordedResult[],
  live: (call: ToolCall) => Json | Promise<Json>,
): FixtureRecorder {
  const table = new FixtureTable(fixtures);
  return {
    async answer(call) {
      const found = table.find(call);
      if (found !== undefined) return { result: found.result, hit: true };
      const result = await live(call);
      table.record({ name: call.name, arguments: call.arguments, result });
      return { result, hit: false };
    },
    statistics: () => table.statistics(),
    fixtures: () => table.all(),
  };
}
