import { type ChildProcess, fork } from "node:child_process";
import * as http from "node:http";
import * as path from "node:path";
import { LimbeckError } from "#limbeck/base/errors.js";
import { createRandom, type Random } from "#limbeck/base/random.js";
import { generateToolbox } from "#limbeck/data/toolbox/generate.js";
import { percentile } from "#limbeck/measure/statistics.js";
import { exportArtefact } from "#limbeck/model/artefact.js";
import { openEngine } from "#limbeck/runtime/engine.js";
import { type Benchmark, lookAround, lookBack, note, pause, table } from "./benchmark.ts";
import { repositoryPath, withTemporaryFolder } from "./repository.ts";
import type { FromServer, ServerMemory, ToServer } from "./serve-child.ts";
import {
  type Behaviour,
  behaviours,
  type Case,
  makeRequest,
  maxTokens,
  type Outcome,
  prefillChunk,
} from "./serve-client.ts";
import type { HealthTimes } from "./serve-health.ts";

/** Requests of the embedded task, answered by the engine alone. */
async function answerAlone(artefact: string, count: number): Promise<readonly Case[]> {
  const { examples } = generateToolbox({ split: "test", seed: 9, examples: count });
  const engine = await openEngine(artefact, { prefillChunk });
  try {
    const cases: Case[] = [];
    for (const { messages, tools } of examples) {
      const { content, calls } = await engine.chat(messages, tools, { maxTokens });
      cases.push({ messages, tools, content, calls });
    }
    return cases;
  } finally {
    await engine.close();
  }
}

function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (status: number | null): void =>
      reject(new LimbeckError("internal", `serve: a process of the benchmark ended with status ${status}`));
    child.once("exit", onExit);
    child.once("message", (message) => {
      child.off("exit", onExit);
      resolve(message as T);
    });
  });
}

async function memoryOf(server: ChildProcess): Promise<ServerMemory> {
  const answer = nextMessage<FromServer>(server);
  server.send("memory" satisfies ToServer);
  const message = await answer;
  if (message.kind === "memory") return message.memory;
  throw new LimbeckError("internal", `serve: expected memory, got ${message.kind}`);
}

/** Of 20 requests: 2 leave, 1 reads slowly, 1 is malformed, 8 want a stream, 8 a whole answer. */
function chooseBehaviour(random: Random): Behaviour {
  const draw = random.next() * 20;
  if (draw < 2) return "leaving";
  if (draw < 3) return "slow";
  if (draw < 4) return "malformed";
  return draw < 12 ? "streamed" : "whole";
}

/** `clients` at once, each asking again as soon as it has its answer, for `seconds`. */
async function load(
  port: number,
  cases: readonly Case[],
  { clients, seconds, seed }: { readonly clients: number; readonly seconds: number; readonly seed: number },
): Promise<readonly Outcome[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients + 10 });
  const outcomes: Outcome[] = [];
  const end = performance.now() + seconds * 1000;
  const client = async (random: Random): Promise<void> => {
    while (performance.now() < end) {
      outcomes.push(await makeRequest(port, agent, chooseBehaviour(random), random.pick(cases), random));
    }
  };
  const random = createRandom(seed);
  await Promise.all(Array.from({ length: clients }, (_, i) => client(random.fork(`client ${i}`))));
  agent.destroy();
  return outcomes;
}

/** Requests that the server still holds although every client has gone. */
async function openRequests(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/health`);
  return ((await response.json()) as { readonly open_requests: number }).open_requests;
}

const warmUpSeconds = 5;

async function run(options: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> {
  const { clients = 1, seconds = 1, prompts = 1 } = options;
  const surroundings = await lookAround();
  return withTemporaryFolder(async (folder) => {
    const artefact = path.join(folder, "artefact");
    await exportArtefact(repositoryPath("assets", "teacher"), artefact, { format: "fp32" });
    const cases = await answerAlone(artefact, prompts);
    const here = import.meta.dirname;
    const server = fork(path.join(here, "serve-child.js"), [artefact], { execArgv: ["--expose-gc"] });
    const first = await nextMessage<FromServer>(server);
    if (first.kind !== "listening") throw new LimbeckError("internal", "serve: the server did not start");
    const { port } = first;
    try {
      // The first seconds fill the prompt cache and compile the code; what grows after them grows for ever.
      await load(port, cases, { clients, seconds: warmUpSeconds, seed: 1 });
      await pause(500);
      const before = await memoryOf(server);
      const prober = fork(path.join(here, "serve-health.js"), [String(port)]);
      const startedAt = performance.now();
      const outcomes = await load(port, cases, { clients, seconds, seed: 2 });
      const took = (performance.now() - startedAt) / 1000;
      const probed = nextMessage<HealthTimes>(prober);
      prober.send("stop");
      const health = await probed;
      await pause(2000);
      const leaked = await openRequests(port);
      const after = await memoryOf(server);
      const figures = summarise(outcomes, health, took);
      const mb = (field: keyof ServerMemory): number => (after[field] - before[field]) / 1e6;
      const document = {
        ...figures,
        leaked_requests: leaked,
        heap_growth_mb: mb("heapBytes"),
        rss_growth_mb: mb("rssBytes"),
        heap_mb: after.heapBytes / 1e6,
        clients,
        seconds: took,
      };
      note(table(Object.entries(document).map(([name, value]) => [name, JSON.stringify(value)])));
      return { ...document, ...(await lookBack(surroundings)) };
    } finally {
      server.send("stop" satisfies ToServer);
      await new Promise((resolve) => server.once("exit", resolve));
    }
  });
}

function summarise(
  outcomes: readonly Outcome[],
  health: HealthTimes,
  seconds: number,
): Readonly<Record<string, unknown>> {
  const count = (holds: (outcome: Outcome) => boolean): number => outcomes.filter(holds).length;
  const answered = health.filter((ms) => ms !== null);
  for (const { fault, behaviour, status, detail } of outcomes
    .filter((one) => one.fault !== null)
    .slice(0, 5)) {
    note(`${fault}: ${behaviour}, status ${status}: ${detail}`);
  }
  return {
    requests: outcomes.length,
    by_behaviour: Object.fromEntries(
      behaviours.map((name) => [name, count((one) => one.behaviour === name)]),
    ),
    wrong_answers: count((one) => one.fault === "wrong_answer"),
    no_answers: count((one) => one.fault === "no_answer"),
    undeclared_5xx: count((one) => one.fault === "undeclared_5xx"),
    turned_away: count((one) => one.status === 429),
    rps: outcomes.length / seconds,
    health_p99_ms: percentile(answered, 99),
    health_max_ms: Math.max(...answered),
    health_asked: health.length,
    health_failed: health.length - answered.length,
  };
}

/** The server under many clients, some of whom leave, read slowly or send nonsense. */
export const serveBenchmark: Benchmark = {
  summary: "the server under load: right answers, leaks, /health meanwhile",
  options: {
    clients: { value: 200, help: "clients at once" },
    seconds: { value: 60, help: "how long" },
    prompts: { value: 40, help: "prompts that differ" },
  },
  run,
};
