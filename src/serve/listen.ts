import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { LimbeckError } from "../base/errors.ts";
import { stringifyJson } from "../base/json.ts";
import type { ServeApp } from "./app.ts";
import { isLoopback } from "./host-check.ts";
import { errorResponse, refuseField, wireError } from "./wire-error.ts";

export interface ListenOptions {
  /** Default 127.0.0.1: only this machine. */
  readonly host?: string;
  /** Default 8080; 0 takes one that is free. */
  readonly port?: number;
  /** Most connections at once (default 1024); more are closed as they come. */
  readonly maxConnections?: number;
}

/** A server that listens. */
export interface Listening {
  /** Where it is reached, as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** As the app's `stop`, then closes every connection. New requests are answered with 503 until then. */
  close(graceMs: number): Promise<void>;
}

const headersTimeoutMs = 10_000;
const bodyTimeoutMs = 30_000;
/** A connection on which nothing moves is closed this long after the deadline of any request on it. */
const idleAfterDeadlineMs = 5_000;
/** Whole answers that are still being written when the server stops have this long; slower readers are cut. */
const lastBytesMs = 500;

/** Puts an app on a port. Error: `address_unavailable`. */
export async function listen(app: ServeApp, options: ListenOptions = {}): Promise<Listening> {
  const { host = "127.0.0.1", port = 8080, maxConnections = 1024 } = options;
  let isLocal = false;
  const listener = getRequestListener(
    (request, { outgoing }) => app.fetch(request, { cut: () => outgoing.destroy(), isLoopback: isLocal }),
    {
      overrideGlobalObjects: false,
      // What never became a request: a target or a host that is no URL.
      errorHandler: (cause) => errorResponse(malformed((cause as Error).message), ""),
    },
  );
  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: bodyTimeoutMs,
      connectionsCheckingInterval: 1000,
      requireHostHeader: false, // the listener refuses it, in OpenAI's form
    },
    (incoming, outgoing) => void listener(incoming, outgoing),
  );
  server.maxConnections = maxConnections;
  server.timeout = app.deadlineMs + idleAfterDeadlineMs;
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) socket.destroy();
    else socket.end(rawError(malformed(error.message)));
  });
  await bind(server, host, port);
  const { address, family, port: bound } = server.address() as AddressInfo;
  isLocal = isLoopback(address);
  const shown = family === "IPv6" ? `[${address}]` : address;
  const close = async (graceMs: number): Promise<void> => {
    await app.stop(graceMs);
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    // A connection becomes idle when its answer is written: it is not waited for beyond that.
    const closeIdle = setInterval(() => server.closeIdleConnections(), 10);
    const cut = setTimeout(() => server.closeAllConnections(), lastBytesMs);
    await closed;
    clearInterval(closeIdle);
    clearTimeout(cut);
  };
  let closing: Promise<void> | undefined;
  return {
    url: `http://${shown}:${bound}`,
    port: bound,
    close: (graceMs) => {
      closing ??= close(graceMs);
      return closing;
    },
  };
}

function malformed(reason: string): LimbeckError {
  return refuseField("request", `expected HTTP, ${reason}`);
}

/** A whole HTTP answer as text: where the parser gave up, there is no response object. */
function rawError(error: LimbeckError): string {
  const body = stringifyJson(wireError(error, ""));
  return [
    `HTTP/1.1 ${error.httpStatus} Bad Request`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    "",
    body,
  ].join("\r\n");
}

function unavailable(host: string, port: number, cause: NodeJS.ErrnoException): LimbeckError {
  const isTaken = cause.code === "EADDRINUSE";
  const reason = isTaken ? "expected a free port, got one in use" : cause.message;
  return new LimbeckError("address_unavailable", `listen on ${host}:${port}: ${reason}`, {
    cure: isTaken
      ? "Stop the program that listens there, or choose another port; 0 takes one that is free."
      : "Choose an address of this machine and a port that this user may open.",
    fields: { host, port, errno: cause.code ?? "" },
    cause,
  });
}

async function bind(server: Server, host: string, port: number): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (cause) {
    throw unavailable(host, port, cause as NodeJS.ErrnoException);
  }
}
