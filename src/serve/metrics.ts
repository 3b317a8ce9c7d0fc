import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { GenerateResult } from "../runtime/types.ts";
import type { Admission } from "./admission.ts";
import type { EngineHealth } from "./engine-health.ts";

/** What the server counts, in Prometheus' form. */
export interface ServeMetrics {
  /** One request that ended, with the HTTP status that it deserved, whatever had been sent before. */
  ended(route: string, status: number, seconds: number): void;
  /** One generation that ended, cancelled ones too. */
  generated(result: GenerateResult): void;
  /** The text that a Prometheus server reads, and its content type. */
  render(): Promise<{ readonly text: string; readonly contentType: string }>;
}

const fast = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(admission: Admission, health: EngineHealth): ServeMetrics {
  const registers = [new Registry()];
  const [register] = registers as [Registry];
  const requests = new Counter({
    name: "limbeck_requests_total",
    help: "Requests that ended, by path and HTTP status; 499: the client left.",
    labelNames: ["route", "status"],
    registers,
  });
  const latency = new Histogram({
    name: "limbeck_request_seconds",
    help: "From a request's arrival to its last byte.",
    labelNames: ["route"],
    buckets: [...fast, 30, 60, 120],
    registers,
  });
  const ttft = new Histogram({
    name: "limbeck_ttft_seconds",
    help: "From a request's turn to its first token.",
    buckets: fast,
    registers,
  });
  const tokens = new Counter({
    name: "limbeck_tokens_total",
    help: "Tokens, by kind: prompt (cached ones among them), cached, output.",
    labelNames: ["kind"],
    registers,
  });
  const cacheLookups = new Counter({
    name: "limbeck_prompt_cache_lookups_total",
    help: "Generations, by whether any of their prompt came from the prompt cache.",
    labelNames: ["result"],
    registers,
  });
  new Gauge({
    name: "limbeck_queue_length",
    help: "Requests that wait for the engine.",
    registers,
    collect() {
      this.set(admission.waiting);
    },
  });
  new Gauge({
    name: "limbeck_open_requests",
    help: "Requests that hold a place: running, waiting, or not yet read to the end.",
    registers,
    collect() {
      this.set(admission.open);
    },
  });

  new Counter({
    name: "limbeck_prompt_cache_faults_total",
    help: "Entries of the prompt cache on disk that were dropped or not written, by why; their prompts were read anew.",
    labelNames: ["kind"],
    registers,
    collect() {
      this.reset();
      for (const [kind, times] of Object.entries(health.cache?.disk?.faults ?? {})) this.inc({ kind }, times);
    },
  });
  new Gauge({
    name: "limbeck_prompt_cache_volatile_headers",
    help: "Texts of system prompts that change from request to request, so that what follows is read anew.",
    registers,
    collect() {
      this.set(health.cache?.volatileHeaders.length ?? 0);
    },
  });
  new Counter({
    name: "limbeck_speculation_tokens_total",
    help: "Drafted tokens, by result: proposed, and those of them that were accepted.",
    labelNames: ["result"],
    registers,
    collect() {
      this.reset();
      this.inc({ result: "proposed" }, health.speculation?.proposed ?? 0);
      this.inc({ result: "accepted" }, health.speculation?.accepted ?? 0);
    },
  });
  new Counter({
    name: "limbeck_speculation_target_runs_total",
    help: "Runs of the served model after the prefill, in generations that could draft.",
    registers,
    collect() {
      this.reset();
      this.inc(health.speculation?.targetRuns ?? 0);
    },
  });
  new Gauge({
    name: "limbeck_speculation_off",
    help: "1 where the latest generation drafted nothing: not asked for, refused by its check, or it does not pay.",
    registers,
    collect() {
      this.set(health.speculation?.isOff === false ? 0 : 1);
    },
  });

  return {
    ended: (route, status, seconds) => {
      requests.inc({ route, status });
      latency.observe({ route }, seconds);
    },
    generated: (result) => {
      const { promptTokens, cachedTokens, tokens: made, timing } = result;
      tokens.inc({ kind: "prompt" }, promptTokens);
      tokens.inc({ kind: "cached" }, cachedTokens ?? 0);
      tokens.inc({ kind: "output" }, made.length);
      if (cachedTokens !== undefined) cacheLookups.inc({ result: cachedTokens > 0 ? "hit" : "miss" });
      health.generated(result);
      if (made.length > 0) ttft.observe(timing.ttftMs / 1000);
    },
    render: async () => ({ text: await register.metrics(), contentType: register.contentType }),
  };
}
