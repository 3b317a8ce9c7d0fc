import assert from "node:assert/strict";
import { once } from "node:events";
import * as http from "node:http";
import * as net from "node:net";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { createServeApp } from "./app.ts";
import { type Listening, listen } from "./listen.ts";
import type { AccessEntry, ServeOptions } from "./options.ts";
import {
  type Script,
  type ScriptedEngine,
  scriptedEngine,
  tokenText,
  until,
} from "./scripted-engine.test.support.ts";

interface World {
  readonly engine: ScriptedEngine;
  readonly listening: Listening;
  readonly log: readonly AccessEntry[];
}

async function withServer(
  script: Script,
  options: ServeOptions,
  action: (world: World) => Promise<void>,
): Promise<void> {
  const engine = scriptedEngine(script);
  const log: AccessEntry[] = [];
  const app = createServeApp(engine, { tokenText, onAccess: (entry) => log.push(entry), ...options });
  const listening = await listen(app, { port: 0 });
  try {
    await action({ engine, listening, log });
  } finally {
    await listening.close(0);
  }
}

const hello = { model: "scripted", messages: [{ role: "user", content: "hello" }] };
const ask = (url: string, body: object, signal?: AbortSignal): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });

/** Says words until its request is cancelled. */
const endless: Script = async function* ({ options: { signal } }) {
  while (signal?.aborted !== true) {
    yield "word ";
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
};

test("closing the connection cancels what runs and what waits", async () => {
  await withServer(endless, {}, async ({ engine, listening, log }) => {
    const leaving = new AbortController();
    const asked = [0, 1].map(() => ask(listening.url, hello, leaving.signal));
    await until(() => engine.running === 1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    leaving.abort();
    await Promise.allSettled(asked);
    await until(() => log.length === 2 && engine.running === 0);
    assert.deepEqual([engine.asked.length, log.map(({ status }) => status)], [1, [499, 499]]);
  });
});

test("closing the connection within a stream cancels it", async () => {
  await withServer(endless, {}, async ({ engine, listening, log }) => {
    const leaving = new AbortController();
    const response = await ask(listening.url, { ...hello, stream: true }, leaving.signal);
    await response.body!.getReader().read();
    leaving.abort();
    await until(() => log.length === 1 && engine.running === 0);
    assert.equal(log[0]?.status, 499);
  });
});

test("who reads nothing is cut after the deadline, and others are served meanwhile", async () => {
  // 40,000 tokens are some megabytes of events: more than sockets take in on both sides.
  const long: Script = ({ messages }) =>
    messages[0]?.content === "hello" ? ["hi"] : Array.from({ length: 40_000 }, () => "word ");
  await withServer(long, { deadlineMs: 700 }, async ({ listening, log }) => {
    const body = JSON.stringify({ ...hello, stream: true, messages: [{ role: "user", content: "long" }] });
    const socket = net.connect(listening.port, "127.0.0.1");
    socket.on("error", () => undefined); // the cut
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal((await ask(listening.url, hello)).status, 200);
    assert.equal(log.length, 1);
    await until(() => log.length === 2, 4000);
    assert.deepEqual([log[1]?.status, log[1]?.error_code], [504, "deadline_exceeded"]);
    socket.resume();
    await once(socket, "close");
  });
});

test("a request on the same connection follows one that went wrong", async () => {
  await withServer(
    () => ["hi"],
    {},
    async ({ listening }) => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const send = (body: string): Promise<number | undefined> =>
        new Promise((resolve, reject) => {
          const headers = { "content-type": "application/json" };
          const request = http.request(`${listening.url}/v1/chat/completions`, {
            method: "POST",
            agent,
            headers,
          });
          request.on("response", (response) =>
            response.resume().on("end", () => resolve(response.statusCode)),
          );
          request.on("error", reject).end(body);
        });
      assert.deepEqual([await send("{"), await send(JSON.stringify(hello))], [400, 200]);
      agent.destroy();
    },
  );
});

test("closing waits for open answers, refuses new requests, then lets go of the port", async () => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const script: Script = async function* () {
    yield "a";
    await released;
  };
  await withServer(script, {}, async ({ engine, listening }) => {
    const open = ask(listening.url, hello);
    await until(() => engine.running === 1);
    const closed = listening.close(3000);
    const refused = await fetch(`${listening.url}/health`);
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
    await refused.text();
    release();
    const answer = await open;
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /"content":"a"/);
    await Promise.all([closed, listening.close(0)]);
    await assert.rejects(fetch(`${listening.url}/health`));
  });
});

/** The status of `/health` asked under a name. */
function healthAs(host: string, { port }: Listening): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: "127.0.0.1", port, path: "/health", headers: { host } }, async (response) => {
        let body = "";
        for await (const part of response) body += part;
        resolve({ status: response.statusCode ?? 0, body });
      })
      .on("error", reject);
  });
}

test("on loopback a foreign name is refused, so that no web page gets in, unless a key is asked for", async () => {
  const script: Script = () => ["hi"];
  await withServer(script, {}, async ({ listening, log }) => {
    for (const host of ["localhost", "localhost:1", "127.0.0.1:80", "[::1]:9", "[::1]", "LOCALHOST"]) {
      assert.equal((await healthAs(host, listening)).status, 200, host);
    }
    for (const host of ["evil.com", "evil.com:80", "localhost.evil.com", "127.0.0.1.evil.com", "10.0.0.1"]) {
      const { status, body } = await healthAs(host, listening);
      assert.equal(status, 403, host);
      const { error } = JSON.parse(body) as { error: { code: string; message: string } };
      assert.equal(error.code, "access_denied");
      assert.match(error.message, /localhost.*API key/);
    }
    assert.equal(log.at(-1)?.status, 403);
  });
  await withServer(script, { apiKey: "sesame" }, async ({ listening }) => {
    assert.equal((await healthAs("evil.com", listening)).status, 200);
  });
});

test("an address that cannot be had is named", async () => {
  await withServer(
    () => [],
    {},
    async ({ listening }) => {
      const app = createServeApp(
        scriptedEngine(() => []),
        { tokenText },
      );
      const isUnavailable = (error: unknown): boolean =>
        error instanceof LimbeckError && error.code === "address_unavailable" && error.cure !== undefined;
      await assert.rejects(listen(app, { port: listening.port }), isUnavailable);
      await assert.rejects(listen(app, { port: 99_999 }), isUnavailable);
      await assert.rejects(listen(app, { host: "192.0.2.1", port: 0 }), isUnavailable);
    },
  );
});
