import assert from "node:assert/strict";
import { test } from "node:test";
import { monotonicMs } from "./clock.ts";
import { type ConditionSample, judgeConditions, type MachineState, sampleConditions } from "./conditions.ts";
import { parseProcStat, readMachineCpuTime, readOwnCpuMs, sumCoreTimes } from "./cpu-time.ts";

const calm: MachineState = {
  power_source: "ac",
  low_power_mode: false,
  thermal: { is_throttled: false, detail: "no limit" },
};

/** A machine with two cores at second 0, and after 10 s with the given CPU seconds of others, of ours and stolen. */
function tenSeconds(
  { others = 0, own = 0, steal = 0 as number | null },
  states: readonly [MachineState, MachineState] = [calm, calm],
): [ConditionSample, ConditionSample] {
  const at = (seconds: number, state: MachineState): ConditionSample => ({
    atMs: seconds * 1000,
    cpu: {
      busyMs: 5000 + (seconds / 10) * 1000 * (others + own),
      totalMs: 9000 + 2000 * seconds,
      stealMs: steal === null ? null : (seconds / 10) * 1000 * steal,
    },
    ownCpuMs: 700 + (seconds / 10) * 1000 * own,
    loadAverage: 1,
    state,
  });
  return [at(0, states[0]), at(10, states[1])];
}

test("a calm machine is valid, however busy we are ourselves", () => {
  const conditions = judgeConditions(...tenSeconds({ own: 19 }));
  assert.deepEqual([conditions.warnings, conditions.invalid_for_gate], [[], []]);
  assert.equal(conditions.external_cpu_fraction, 0);
  assert.equal(conditions.duration_ms, 10_000);
});

test("other processes warn first, then make the run invalid", () => {
  const warned = judgeConditions(...tenSeconds({ others: 3, own: 10 }));
  assert.equal(warned.external_cpu_fraction, 0.15);
  assert.deepEqual([warned.warnings.length, warned.invalid_for_gate.length], [1, 0]);
  const busy = judgeConditions(...tenSeconds({ others: 8, own: 10 }));
  assert.match(busy.invalid_for_gate.join(), /other processes took 40 %/);
});

test("stolen time makes the run invalid, and is unknown where the system does not say", () => {
  assert.match(
    judgeConditions(...tenSeconds({ steal: 4 })).invalid_for_gate.join(),
    /virtual machines took 20 %/,
  );
  const unknown = judgeConditions(...tenSeconds({ steal: null }));
  assert.deepEqual([unknown.steal_fraction, unknown.invalid_for_gate], [null, []]);
});

test("heat before or after, low power and a changed source make the run invalid", () => {
  const hot: MachineState = { ...calm, thermal: { is_throttled: true, detail: "CPU_Speed_Limit = 70" } };
  assert.match(
    judgeConditions(...tenSeconds({}, [calm, hot])).invalid_for_gate.join(),
    /CPU_Speed_Limit = 70/,
  );
  assert.equal(judgeConditions(...tenSeconds({}, [hot, calm])).is_throttled, true);
  const saving: MachineState = { ...calm, low_power_mode: true };
  assert.match(judgeConditions(...tenSeconds({}, [saving, saving])).invalid_for_gate.join(), /low-power/);
  const unplugged: MachineState = { ...calm, power_source: "battery" };
  const changed = judgeConditions(...tenSeconds({}, [calm, unplugged]));
  assert.match(changed.invalid_for_gate.join(), /from ac to battery/);
  assert.match(changed.warnings.join(), /battery/);
});

test("what is not known is null and not fine", () => {
  const silent: MachineState = { power_source: null, low_power_mode: null, thermal: null };
  const conditions = judgeConditions(...tenSeconds({}, [calm, silent]));
  assert.equal(conditions.is_throttled, null);
  const [first, second] = tenSeconds({ others: 9 });
  const hidden = judgeConditions({ ...first, cpu: null }, second);
  assert.deepEqual([hidden.external_cpu_fraction, hidden.steal_fraction], [null, null]);
  const short = judgeConditions(first, { ...second, atMs: first.atMs + 500 });
  assert.equal(short.external_cpu_fraction, null);
});

test("/proc/stat: guest time is not counted twice, steal and waiting are not busy", () => {
  const text = "cpu  100 10 20 1000 50 3 7 30 60 5\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
  assert.deepEqual(parseProcStat(text), { busyMs: 1400, totalMs: 12_200, stealMs: 300 });
  assert.equal(parseProcStat("intr 5"), null);
  assert.equal(parseProcStat("cpu 1 2 3"), null);
});

test("core times are summed; no cores means not known", () => {
  const core = { times: { user: 5, nice: 1, sys: 2, idle: 90, irq: 2 } };
  assert.deepEqual(sumCoreTimes([core, core]), { busyMs: 20, totalMs: 200, stealMs: null });
  assert.equal(sumCoreTimes([]), null);
});

test("this machine's counters move forward with our own work", () => {
  const before = sampleConditions(calm);
  const until = monotonicMs() + 30;
  while (monotonicMs() < until) Math.sqrt(until);
  assert.ok(readOwnCpuMs() > before.ownCpuMs);
  assert.ok(sampleConditions(calm).atMs > before.atMs);
  const now = readMachineCpuTime();
  if (now && before.cpu) assert.ok(now.totalMs >= before.cpu.totalMs);
});
