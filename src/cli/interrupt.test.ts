import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { listenForInterrupt } from "./interrupt.ts";

test("the first signal aborts, the second exits at once, afterwards nobody listens", () => {
  const source = new EventEmitter();
  const seen: string[] = [];
  const interrupt = listenForInterrupt(
    source as unknown as NodeJS.Process,
    (signal) => seen.push(signal),
    () => seen.push("exit"),
  );
  assert.equal(interrupt.signal.aborted, false);
  source.emit("SIGINT", "SIGINT");
  assert.equal(interrupt.signal.aborted, true);
  source.emit("SIGTERM", "SIGTERM");
  assert.deepEqual(seen, ["SIGINT", "exit"]);
  interrupt.release();
  assert.equal(source.listenerCount("SIGINT") + source.listenerCount("SIGTERM"), 0);
});
