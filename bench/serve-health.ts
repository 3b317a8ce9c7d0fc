// node serve-health.js PORT: asks /health every 20 ms from a process of its own and, when told to stop, says how long each took.
import * as http from "node:http";

/** Milliseconds of each answer; null for one that was no 200. */
export type HealthTimes = readonly (number | null)[];

const everyMs = 20;

function askHealth(port: number, agent: http.Agent): Promise<number | null> {
  const start = performance.now();
  return new Promise((resolve) => {
    const request = http.get({ host: "127.0.0.1", port, path: "/health", agent }, (response) => {
      response.resume().on("end", () => {
        resolve(response.statusCode === 200 ? performance.now() - start : null);
      });
    });
    request.on("error", () => resolve(null));
  });
}

async function main(port: number): Promise<void> {
  const agent = new http.Agent({ keepAlive: true });
  const times: (number | null)[] = [];
  let isStopped = false;
  process.once("message", () => {
    isStopped = true;
  });
  // Asked on time, also while an earlier answer is late: a slow answer must not hide those that would follow it.
  const asked: Promise<unknown>[] = [];
  while (!isStopped) {
    asked.push(askHealth(port, agent).then((ms) => times.push(ms)));
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  await Promise.all(asked);
  process.send?.(times satisfies HealthTimes);
  agent.destroy();
  process.disconnect();
}

await main(Number(process.argv[2]));
