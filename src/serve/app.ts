import { type Context, Hono } from "hono";
import { LimbeckError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import { canonicalJson } from "../base/json.ts";
import { monotonicMs } from "../measure/clock.ts";
import { loadTokenizer } from "../tokenizer/tokenizer.ts";
import { createAdmission } from "./admission.ts";
import { createKeyCheck } from "./api-key.ts";
import { chatEndpoint, completionEndpoint, type EndpointContext, type ServedEngine } from "./endpoints.ts";
import { createEngineHealth } from "./engine-health.ts";
import { createEngineWatch } from "./engine-watch.ts";
import { checkHost } from "./host-check.ts";
import { createMetrics } from "./metrics.ts";
import type { ServeOptions } from "./options.ts";
import { createRequestLog, type RequestRecord } from "./request-log.ts";
import { createScopes, serverStopping } from "./request-scope.ts";
import { asServeError, errorResponse } from "./wire-error.ts";

/** The connection that a request came over. */
export interface Connection {
  /** Ends it at once. */
  readonly cut: () => void;
  /** Whether the server can only be reached from this machine. */
  readonly isLoopback?: boolean;
}

/** A server as a function from request to response; `listen` puts it on a port. */
export interface ServeApp {
  /** The name under which the model is served. */
  readonly model: string;
  readonly deadlineMs: number;
  /** Answers one request; every error is a response of OpenAI's form. */
  fetch(request: Request, connection?: Connection): Promise<Response>;
  /**
   * Takes no new request, gives open ones `graceMs` to end, cancels the others; resolves when none is open. The engine
   * stays open: it is its owner's.
   */
  stop(graceMs: number): Promise<void>;
}

interface Environment {
  Bindings: Partial<Connection>;
  Variables: { record: RequestRecord };
}

/** Every path, and the methods that it has. */
const routes: Readonly<Record<string, string>> = {
  "/v1/chat/completions": "POST",
  "/v1/completions": "POST",
  "/v1/models": "GET, HEAD",
  "/v1/models/:model{.+}": "GET, HEAD",
  "/health": "GET, HEAD",
  "/metrics": "GET, HEAD",
};

/** An OpenAI-compatible app over an open engine, which is asked one thing at a time. */
export function createServeApp(engine: ServedEngine, options: ServeOptions = {}): ServeApp {
  const { apiKey, deadlineMs = 120_000 } = options;
  const { artefactDir, fingerprints } = engine.info;
  const model = options.model ?? engine.name;
  const admission = createAdmission(options.maxQueue ?? 64, monotonicMs);
  const scopes = createScopes(deadlineMs);
  const health = createEngineHealth(engine.promptCacheStats, options.onWarning);
  void health.refresh();
  const metrics = createMetrics(admission, health);
  const watch = createEngineWatch(options.stuckAfterMs ?? 30_000, ({ message }) =>
    options.onWarning?.(`${message}; requests and /health are answered with 503`),
  );
  const openRecord = createRequestLog(metrics, health, options);
  const context: EndpointContext = {
    engine,
    limits: { model, maxTokens: options.maxTokens ?? null },
    maxBodyBytes: options.maxBodyBytes ?? 2 ** 20,
    systemFingerprint: `fp_${sha256(canonicalJson(fingerprints)).slice(0, 10)}`,
    tokenText: options.tokenText ?? loadTokenizer(artefactDir).tokenText,
    admission,
    scopes,
    watch,
  };
  const card = {
    id: model,
    object: "model",
    created: Math.floor(Date.now() / 1000),
    owned_by: "limbeck",
  };

  const app = new Hono<Environment>();
  app.use(async (c, next) => {
    const { method, path } = c.req;
    const record = openRecord(method, path, Object.hasOwn(routes, path) ? path : "other");
    c.set("record", record);
    await next();
    c.res.headers.set("x-request-id", record.requestId);
    if (!record.isAdmitted) record.end(c.res.status, c.error === undefined ? null : asServeError(c.error));
  });
  if (apiKey === undefined) {
    app.use(async (c, next) => {
      if (c.env?.isLoopback === true) checkHost(c.req.header("host") ?? "");
      await next();
    });
  } else {
    const checkKey = createKeyCheck(apiKey);
    app.use(async (c, next) => {
      if (c.req.path !== "/health") checkKey(c.req.header("authorization") ?? null);
      await next();
    });
  }

  const ask = (endpoint: typeof chatEndpoint) => (c: Context<Environment>) =>
    endpoint(context, c.req.raw, c.get("record"), c.env?.cut);
  app.post("/v1/chat/completions", ask(chatEndpoint));
  app.post("/v1/completions", ask(completionEndpoint));
  app.get("/v1/models", (c) => c.json({ object: "list", data: [card] }));
  app.get("/v1/models/:model{.+}", (c) => {
    const asked = c.req.param("model");
    if (asked === model) return c.json(card);
    throw new LimbeckError("model_not_found", `model: expected ${model}, got ${asked.slice(0, 80)}`, {
      cure: "GET /v1/models lists what is served.",
      fields: { param: "model" },
    });
  });
  app.get("/health", (c) => {
    if (scopes.isStopping) throw serverStopping();
    watch.check();
    return c.json({
      status: "ok",
      model,
      queue_length: admission.waiting,
      open_requests: admission.open,
    });
  });
  app.get("/metrics", async (c) => {
    const { text, contentType } = await metrics.render();
    return c.body(text, 200, { "content-type": contentType });
  });
  for (const [path, allow] of Object.entries(routes)) {
    app.all(path, (c) => {
      throw new LimbeckError("method_not_allowed", `${c.req.path}: expected ${allow}, got ${c.req.method}`, {
        cure: "Use the method that this path has.",
        fields: { allow },
      });
    });
  }
  app.all("*", (c) => {
    throw new LimbeckError(
      "not_found",
      `path: expected one that is served, got ${c.req.path.slice(0, 200)}`,
      {
        cure: `Served are ${Object.keys(routes)
          .filter((path) => !path.includes(":"))
          .join(", ")}.`,
      },
    );
  });
  app.onError((thrown, c) => errorResponse(asServeError(thrown), c.get("record").requestId));

  return {
    model,
    deadlineMs,
    fetch: async (request, connection) => app.fetch(request, connection ?? {}),
    stop: (graceMs) => scopes.stop(graceMs),
  };
}
