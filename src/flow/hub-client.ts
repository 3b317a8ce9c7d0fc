import { setTimeout as sleep } from "node:timers/promises";
import { LimbeckError } from "../base/errors.ts";
import {
  badDownload,
  connectionError,
  interruptedPull,
  networkCode,
  refusalError,
  stillFailing,
} from "./hub-errors.ts";

export interface HubOptions {
  /** Address of the hub. */
  readonly endpoint: string;
  /** Sent to the hub's own origin and to no other. */
  readonly token?: string;
  /** Most attempts in a row that bring nothing (default 5). */
  readonly attempts?: number;
  /** Pause after the first failed attempt, doubled after each further one (default 500). */
  readonly backoffMs?: number;
  /** Most time without any byte of an answer (default 30,000). */
  readonly stallMs?: number;
  readonly signal?: AbortSignal;
  /** An attempt failed and is made again after a pause. */
  readonly onRetry?: (why: string, pauseMs: number) => void;
}

export interface ReadHooks {
  /** Some of the answer has come: the connection is alive. */
  readonly onAlive: () => void;
  /** More has come than ever before: the attempts are counted anew. */
  readonly onProgress: () => void;
}

/** Reads one answer. What it throws is taken as a broken connection, unless it is a LimbeckError. */
export type ReadAnswer<T> = (response: Response, hooks: ReadHooks) => Promise<T>;

export interface Hub {
  readonly endpoint: URL;
  /**
   * Asks for `target`, relative to the hub, and reads the answer: of status 2xx, or 416. Where the hub is busy or the
   * connection breaks, also while reading, asks again with `init()` as it then is. Errors: `not_found`,
   * `access_denied`, `unreachable`, `bad_download`, `cancelled`, and any LimbeckError of `read`.
   */
  request<T>(target: string, init: () => RequestInit, read: ReadAnswer<T>): Promise<T>;
  /** `fetch` by these rules, for a library that takes one; the answer is in memory. */
  readonly fetch: typeof fetch;
}

const mostRedirects = 5;
const longestPauseMs = 30_000;
const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);

function parseEndpoint(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new LimbeckError("usage", `endpoint: expected an http or https address, got ${endpoint}`, {
    cure: "Write it as https://huggingface.co.",
  });
}

/** How long a busy hub asks to wait; null: it does not say. */
function retryAfterMs(response: Response): number | null {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return seconds >= 0 ? seconds * 1000 : null;
}

/** Aborts a connection on which nothing comes. */
class Watchdog {
  readonly #stop = new AbortController();
  readonly #stallMs: number;
  #timer: NodeJS.Timeout;

  constructor(stallMs: number) {
    this.#stallMs = stallMs;
    this.#timer = this.#start();
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  feed(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  release(): void {
    clearTimeout(this.#timer);
  }

  #start(): NodeJS.Timeout {
    return setTimeout(() => this.#stop.abort(new Error(`nothing for ${this.#stallMs} ms`)), this.#stallMs);
  }
}

/** A client of one hub. Error: `usage` for an endpoint that is no address. */
export function createHub(options: HubOptions): Hub {
  const { token, attempts = 5, backoffMs = 500, stallMs = 30_000, signal, onRetry } = options;
  const endpoint = parseEndpoint(options.endpoint);

  /** Follows redirects by hand: files lie in other companies' storage, and the token is not theirs to see. */
  const send = async (start: URL, init: RequestInit): Promise<{ response: Response; url: URL }> => {
    let url = start;
    for (let hop = 0; hop <= mostRedirects; hop++) {
      const headers = new Headers(init.headers);
      headers.delete("authorization");
      if (token !== undefined && url.origin === endpoint.origin)
        headers.set("authorization", `Bearer ${token}`);
      const response = await fetch(url, { ...init, headers, redirect: "manual" });
      const location = response.headers.get("location");
      if (!isRedirect(response.status) || location === null) return { response, url };
      await response.body?.cancel();
      url = new URL(location, url);
    }
    throw badDownload(start, `expected a file, got more than ${mostRedirects} redirects`);
  };

  const request: Hub["request"] = async (target, init, read) => {
    const start = new URL(target, endpoint);
    for (let failures = 0; ; ) {
      let why: string;
      let askedPauseMs: number | null = null;
      const watchdog = new Watchdog(stallMs);
      try {
        const stop = signal === undefined ? watchdog.signal : AbortSignal.any([watchdog.signal, signal]);
        const { response, url } = await send(start, { ...init(), signal: stop });
        watchdog.feed();
        if (response.ok || response.status === 416) {
          return await read(response, {
            onAlive: () => watchdog.feed(),
            onProgress: () => {
              failures = 0;
            },
          });
        }
        await response.body?.cancel();
        const refusal = refusalError(response, url, token !== undefined);
        if (refusal !== null) throw refusal;
        why = `status ${response.status}`;
        askedPauseMs = retryAfterMs(response);
      } catch (error) {
        if (error instanceof LimbeckError) throw error;
        if (signal?.aborted) throw interruptedPull(error);
        const failure = connectionError(error, start);
        if (failure !== null) throw failure;
        why = watchdog.signal.aborted
          ? (watchdog.signal.reason as Error).message
          : `a broken connection (${networkCode(error)})`;
      } finally {
        watchdog.release();
      }
      failures++;
      if (failures >= attempts) throw stillFailing(start, attempts, why);
      const pauseMs = Math.min(longestPauseMs, askedPauseMs ?? backoffMs * 2 ** (failures - 1));
      onRetry?.(why, pauseMs);
      await pause(pauseMs, signal);
    }
  };

  const hubFetch: typeof fetch = (input, init = {}) =>
    request(
      input instanceof Request ? input.url : String(input),
      () => init,
      async (response) => {
        const { status, headers } = response;
        return new Response(await response.arrayBuffer(), { status, headers });
      },
    );
  return { endpoint, request, fetch: hubFetch };
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (cause) {
    throw interruptedPull(cause);
  }
}
