import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { GenerateResult } from "../runtime/types.ts";
import type { Admission } from "./admission.ts";

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

export function createMetrics(admission: Admission): ServeMetrics {
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

  return {
    ended: (route, status, seconds) => {
      requests.inc({ route, status });
      latency.observe({ route }, seconds);
    },
    generated: ({ promptTokens, cachedTokens, tokens: made, timing }) => {
      tokens.inc({ kind: "prompt" }, promptTokens);
      tokens.inc({ kind: "cached" }, cachedTokens ?? 0);
      tokens.inc({ kind: "output" }, made.length);
      if (cachedTokens !== undefined) cacheLookups.inc({ result: cachedTokens > 0 ? "hit" : "miss" });
      if (made.length > 0) ttft.observe(timing.ttftMs / 1000);
    },
    render: async () => ({ text: await register.metrics(), contentType: register.contentType }),
  };
}
