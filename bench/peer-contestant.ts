import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { LimbeckError } from "#limbeck/base/errors.js";
import { parseJson } from "#limbeck/base/json.js";
import { readMachineCpuTime, readOwnCpuMs } from "#limbeck/measure/cpu-time.js";
import { pause } from "./benchmark.ts";

/** One generation of one system. */
export interface Sample {
  readonly ttft_ms: number;
  readonly decode_ms_per_token: number;
  /** Share of the machine's CPU time that went to anybody else meanwhile; null where the system does not say. */
  readonly others: number | null;
}

/** A system in a process of its own. */
export interface Contestant {
  readonly name: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly samples: Sample[];
  generate(): Promise<Sample>;
  /** Ends the process; returns the peak of its memory in MB. */
  finish(): Promise<number>;
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** Starts a script of `bench/peers`. Error: `backend_failed` where it ends without an answer. */
export async function startContestant(
  name: string,
  script: string,
  args: readonly string[],
): Promise<Contestant> {
  const child: Child = spawn(process.execPath, [script, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  // A child that died is told by the missing answer; writing to it must not throw as well.
  child.stdin.on("error", () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<Readonly<Record<string, unknown>>> => {
    const { value, done } = await lines.next();
    if (!done) return parseJson(value, script) as Readonly<Record<string, unknown>>;
    throw new LimbeckError("backend_failed", `${name}: expected an answer, got the end of its process`, {
      cure: "What it wrote stands above. Run npm install --ignore-scripts in bench/peers again.",
    });
  };
  const facts = await answer();
  return {
    name,
    facts,
    samples: [],
    generate: async () => {
      const before = readMachineCpuTime();
      const ownBefore = readOwnCpuMs();
      child.stdin.write("go\n");
      const { times_ms, cpu_ms } = await answer();
      const after = readMachineCpuTime();
      const ours = (cpu_ms as number) + readOwnCpuMs() - ownBefore;
      const times = times_ms as readonly number[];
      const [first, last] = [times[0] as number, times.at(-1) as number];
      return {
        ttft_ms: first,
        decode_ms_per_token: (last - first) / (times.length - 1),
        others:
          before && after
            ? Math.max(0, after.busyMs - before.busyMs - ours) / (after.totalMs - before.totalMs)
            : null,
      };
    },
    finish: async () => {
      child.stdin.end();
      const { peak_rss_mb } = await answer();
      await new Promise((resolve) => child.once("close", resolve));
      return peak_rss_mb as number;
    },
  };
}

/** Above this share of others a sample is called disturbed. */
export const mostOthers = 0.08;

/** Generates until others were idle beside it, `tries` times at most; returns the least disturbed sample. */
export async function generateQuietly(contestant: Contestant, tries: number): Promise<Sample> {
  let best = await contestant.generate();
  for (let i = 1; i < tries && best.others !== null && best.others > mostOthers; i++) {
    await pause(300);
    const next = await contestant.generate();
    if (next.others !== null && next.others < best.others) best = next;
  }
  return best;
}
