import { LimbeckError } from "../base/errors.ts";

/** How long one request may go on: until its client leaves, its deadline comes, or the server stops. */
export interface RequestScope {
  /** Aborted with a `LimbeckError` that says why. */
  readonly signal: AbortSignal;
  cancel(why: LimbeckError): void;
  /** The request has ended: stops the clock and listens to nobody any more. */
  close(): void;
}

/** The open requests of a server, and its end. */
export interface RequestScopes {
  readonly isStopping: boolean;
  /** Begins a request. Error: `shutting_down`. */
  open(client: AbortSignal): RequestScope;
  /** Refuses new requests, cancels open ones after `graceMs`; resolves when all are closed. Asked again: the same. */
  stop(graceMs: number): Promise<void>;
}

/** The client has gone: nobody reads what becomes of the request. */
export function clientGone(cause?: unknown): LimbeckError {
  return new LimbeckError(
    "cancelled",
    "request: the client closed the connection before the answer was whole",
    {
      cause,
    },
  );
}

export function serverStopping(): LimbeckError {
  return new LimbeckError("shutting_down", "server: expected to be running, is stopping", {
    cure: "Ask again when it is back.",
    fields: { retry_after_seconds: 1 },
  });
}

function deadlinePassed(deadlineMs: number): LimbeckError {
  return new LimbeckError(
    "deadline_exceeded",
    `request: expected its end within ${deadlineMs / 1000} s, is not done`,
    {
      cure: "Ask for fewer tokens, or try again when fewer requests wait.",
    },
  );
}

/** `promise`, or the signal's reason where `promise` has not settled `patienceMs` after it. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal, patienceMs = 0): Promise<T> {
  let onAbort = (): void => undefined;
  let timer: NodeJS.Timeout | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      if (patienceMs === 0) reject(signal.reason);
      else timer = setTimeout(() => reject(signal.reason), patienceMs);
    };
  });
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    clearTimeout(timer);
  }
}

/** Scopes that end `deadlineMs` after they were opened. */
export function createScopes(deadlineMs: number): RequestScopes {
  const openScopes = new Set<RequestScope>();
  let isStopping = false;
  let onIdle: (() => void) | undefined;
  let stopped: Promise<void> | undefined;

  const open = (client: AbortSignal): RequestScope => {
    if (isStopping) throw serverStopping();
    const controller = new AbortController();
    const leave = (): void => controller.abort(clientGone());
    const timer = setTimeout(() => controller.abort(deadlinePassed(deadlineMs)), deadlineMs);
    const scope: RequestScope = {
      signal: controller.signal,
      cancel: (why) => controller.abort(why),
      close: () => {
        clearTimeout(timer);
        client.removeEventListener("abort", leave);
        openScopes.delete(scope);
        if (openScopes.size === 0) onIdle?.();
      },
    };
    openScopes.add(scope);
    if (client.aborted) leave();
    else client.addEventListener("abort", leave, { once: true });
    return scope;
  };

  const stop = async (graceMs: number): Promise<void> => {
    isStopping = true;
    if (openScopes.size === 0) return;
    const timer = setTimeout(() => {
      for (const scope of openScopes) scope.cancel(serverStopping());
    }, graceMs);
    await new Promise<void>((resolve) => {
      onIdle = resolve;
    });
    clearTimeout(timer);
  };

  return {
    get isStopping() {
      return isStopping;
    },
    open,
    stop: (graceMs) => {
      stopped ??= stop(graceMs);
      return stopped;
    },
  };
}
