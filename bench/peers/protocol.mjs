// What a measured process does: it makes itself ready, then answers each line of standard input with one line of JSON.
// "go": one generation, with its times. The end of the input: the peak of its memory.
import * as fs from "node:fs";
import { createInterface } from "node:readline";

/** Most resident memory so far, in MB (10⁶ bytes); on Linux the high-water mark of this address space alone. */
function peakRssMb() {
  if (process.platform === "linux") {
    const mark = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1];
    if (mark !== undefined) return (Number(mark) * 1024) / 1e6;
  }
  return (process.resourceUsage().maxRSS * 1024) / 1e6;
}

const say = (document) => process.stdout.write(`${JSON.stringify(document)}\n`);

/** `generate` makes one generation and returns the times of its tokens, in milliseconds since its start. With them goes the CPU time it took. */
export async function serve(facts, generate, close) {
  say(facts);
  for await (const line of createInterface({ input: process.stdin })) {
    if (line !== "go") throw new Error(`expected "go", got ${line}`);
    const before = process.cpuUsage();
    const times_ms = await generate();
    const { user, system } = process.cpuUsage(before);
    say({ times_ms, cpu_ms: (user + system) / 1000 });
  }
  say({ peak_rss_mb: peakRssMb() });
  await close();
}
