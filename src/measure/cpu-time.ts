import { readFileSync } from "node:fs";
import * as os from "node:os";

/** CPU time of the whole machine since boot, in milliseconds over all cores. */
export interface MachineCpuTime {
  readonly busyMs: number;
  readonly totalMs: number;
  /** Time that a hypervisor gave to other machines; null where the system does not say. */
  readonly stealMs: number | null;
}

/** Linux counts in ticks of 1/100 s wherever user space can see them. */
const msPerTick = 10;

/** The first line of /proc/stat: user nice system idle iowait irq softirq steal; guest time is inside user and nice. */
export function parseProcStat(text: string): MachineCpuTime | null {
  const fields = /^cpu\s+(.+)$/m.exec(text)?.[1]?.trim().split(/\s+/).map(Number);
  if (fields === undefined || fields.length < 8 || fields.some(Number.isNaN)) return null;
  const [user = 0, nice = 0, system = 0, idle = 0, ioWait = 0, irq = 0, softIrq = 0, steal = 0] = fields;
  const busy = user + nice + system + irq + softIrq;
  return {
    busyMs: busy * msPerTick,
    totalMs: (busy + steal + idle + ioWait) * msPerTick,
    stealMs: steal * msPerTick,
  };
}

/** CPU time from what Node reports of each core: everywhere, but without steal. */
export function sumCoreTimes(
  cores: readonly { readonly times: os.CpuInfo["times"] }[],
): MachineCpuTime | null {
  if (cores.length === 0) return null;
  let busyMs = 0;
  let totalMs = 0;
  for (const { times } of cores) {
    const busy = times.user + times.nice + times.sys + times.irq;
    busyMs += busy;
    totalMs += busy + times.idle;
  }
  return { busyMs, totalMs, stealMs: null };
}

/** The machine's CPU time now; null where the system hides it. */
export function readMachineCpuTime(): MachineCpuTime | null {
  if (os.platform() === "linux") {
    try {
      return parseProcStat(readFileSync("/proc/stat", "utf8"));
    } catch {
      // A sandbox may hide /proc: Node's own figures are next.
    }
  }
  return sumCoreTimes(os.cpus());
}

/** CPU time of this process, all its threads. */
export function readOwnCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
