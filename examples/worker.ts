// An engine beside an application's main loop, as in Electron: it lives in a worker, the loop keeps its pace, and an
// answer that nobody wants any more is cancelled.
import { openEngine } from "limbeck";

const [artefact = "my-artefact", prompt = "set a timer for 12 minutes"] = process.argv.slice(2);

const engine = await openEngine(artefact);

// The main loop: a tick every 5 ms. What a frame would feel is the longest wait for one.
let ticks = 0;
let longestMs = 0;
let lastAt = performance.now();
const loop = setInterval(() => {
  const now = performance.now();
  longestMs = Math.max(longestMs, now - lastAt);
  lastAt = now;
  ticks++;
}, 5);

const startedAt = performance.now();
for (let i = 0; i < 20; i++) await engine.chat([{ role: "user", content: prompt }], []);
const elapsedMs = performance.now() - startedAt;
console.log(
  `20 answers in ${elapsedMs.toFixed(0)} ms: ${ticks} ticks, the longest wait ${longestMs.toFixed(1)} ms`,
);

// The user types on: the answer under way is stopped at its third token, within one step, and the next one begins.
const cancel = new AbortController();
const stale = engine.stream([{ role: "user", content: prompt }], [], { signal: cancel.signal });
let tokens = 0;
for await (const _token of stale) if (++tokens === 3) cancel.abort();
console.log(`first: ${(await stale.result).finishReason} after ${tokens} tokens`);
const fresh = await engine.chat([{ role: "user", content: `${prompt}, please` }], []);
console.log(`second: ${fresh.finishReason}: ${fresh.text}`);

clearInterval(loop);
await engine.close();
