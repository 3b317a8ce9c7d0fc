import { pairedRatio } from "#limbeck/measure/compare.js";
import { median } from "#limbeck/measure/statistics.js";
import { note, pause } from "./benchmark.ts";

/** Something that is timed: does its work once and says how many milliseconds that took. */
export type Contestant = () => Promise<number>;

/** Milliseconds by contestant, one a round, in the order of the rounds. */
export type RoundTimes<Name extends string> = { readonly [N in Name]: readonly number[] };

export interface RoundOptions {
  readonly rounds: number;
  /** Between two turns: threads that still spin after a run must not take the next one's cores. */
  readonly pauseMs: number;
}

/** Times all contestants in every round, each round beginning with another one: what drifts, drifts for all. */
export async function runRounds<Name extends string>(
  contestants: { readonly [N in Name]: Contestant },
  { rounds, pauseMs }: RoundOptions,
): Promise<RoundTimes<Name>> {
  const names = Object.keys(contestants) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, []])) as unknown as { [N in Name]: number[] };
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length] as Name;
      await pause(pauseMs);
      times[name].push(await contestants[name]());
    }
    if ((round + 1) % 5 === 0 || round + 1 === rounds) {
      const so = names.map((name) => `${name} ${median(times[name]).toFixed(1)}`).join(", ");
      note(`round ${round + 1} of ${rounds}: median ms ${so}`);
    }
  }
  return times;
}

/** median(b) / median(a) with its 95 % interval over rounds. */
export function ratioOf(
  a: readonly number[],
  b: readonly number[],
): { ratio: number; interval: readonly [number, number] } {
  const { ratio, interval } = pairedRatio(
    a.map((ms, round) => [ms, b[round] as number]),
    1,
  );
  return { ratio: ratio as number, interval: interval as readonly [number, number] };
}
