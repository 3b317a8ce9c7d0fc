import assert from "node:assert/strict";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import type { TranslationEngine } from "./engine.ts";
import { english, never, segment } from "./fakes.test.support.ts";
import { translateSegment } from "./guard.ts";
import { defaultLimits, limitEngine } from "./limits.ts";
import { openOpenAi } from "./openai.ts";

const apiKey = "sk-very-secret";

interface Request {
  readonly path: string | undefined;
  readonly authorization: string | undefined;
  readonly body: {
    readonly model: string;
    readonly temperature: number;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
  };
}
type Handler = (response: http.ServerResponse, request: Request, count: number) => void;

const servers: http.Server[] = [];
after(() => {
  for (const server of servers) server.closeAllConnections();
  for (const server of servers) server.close();
});

/** An endpoint on this machine that answers as told, and the engine that asks it. */
async function endpoint(
  handle: Handler,
): Promise<{ engine: TranslationEngine; requests: Request[]; origin: string }> {
  const requests: Request[] = [];
  const server = http.createServer((incoming, response) => {
    let text = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (chunk: string) => {
      text += chunk;
    });
    incoming.on("end", () => {
      const { url: path, headers } = incoming;
      requests.push({
        path,
        authorization: headers.authorization,
        body: JSON.parse(text) as Request["body"],
      });
      handle(response, requests.at(-1)!, requests.length);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const engine = openOpenAi({
    direction: english,
    baseUrl: `${origin}/v1/`,
    model: "tiny",
    apiKey,
    retryMs: 1,
  });
  return { engine, requests, origin };
}

const say = (response: http.ServerResponse, content: unknown, finish = "stop"): void => {
  response.setHeader("content-type", "application/json");
  response.end(
    JSON.stringify({ choices: [{ message: { role: "assistant", content }, finish_reason: finish }] }),
  );
};
const fail = (response: http.ServerResponse, status: number, headers: Record<string, string> = {}): void => {
  response.writeHead(status, headers);
  response.end(`{"error":"no, ${apiKey}"}`);
};

/** The message of the failure, which never holds the key. */
async function failureOf(handle: Handler, texts: readonly string[] = ["Done."]): Promise<string> {
  const { engine } = await endpoint(handle);
  const error = await engine.translate(texts, never).then(
    () => assert.fail("was translated"),
    (thrown: unknown) => thrown as Error & { code: string; cure?: string },
  );
  assert.equal(error.code, "translation_failed");
  assert.ok(
    !JSON.stringify([error.message, error.cure, `${error.stack}`, `${error.cause}`]).includes(apiKey),
  );
  return error.message.replace(/127\.0\.0\.1:\d+/, "HOST");
}

test("each text is one request, with the instructions and without heat", async () => {
  const { engine, requests } = await endpoint((response, { body }) =>
    say(
      response,
      body.messages[1]!.content === "Done." ? " Hecho.\n" : "<think>\nwell\n</think>\n\nEdité ⟦0⟧.",
    ),
  );
  assert.deepEqual(await engine.translate(["Done.", "I edited ⟦0⟧."], never), ["Hecho.", "Edité ⟦0⟧."]);
  assert.equal(requests.length, 2);
  const { path, authorization, body } = requests[0]!;
  assert.deepEqual(
    [path, authorization, body.model, body.temperature],
    ["/v1/chat/completions", `Bearer ${apiKey}`, "tiny", 0],
  );
  assert.deepEqual(
    body.messages.map(({ role }) => role),
    ["system", "user"],
  );
  assert.match(body.messages[0]!.content, /from English \(en\) to Spanish \(es\)/);
  assert.match(body.messages[0]!.content, /⟦0⟧/);
  assert.equal(body.messages[1]!.content, "Done.");
});

test("a guarded segment goes out without its verbatim parts", async () => {
  const { engine, requests } = await endpoint((response) => say(response, "Edité ⟦0⟧ en ⟦1⟧ minutos."));
  const { text, translated } = await translateSegment(
    engine,
    segment("I edited «secret.ts» in «3» minutes."),
    never,
  );
  assert.deepEqual([text, translated], ["Edité secret.ts en 3 minutos.", true]);
  assert.equal(requests[0]!.body.messages[1]!.content, "I edited ⟦0⟧ in ⟦1⟧ minutes.");
});

test("429, 5xx and broken connections are tried once more, and once only", async () => {
  for (const status of [429, 500, 503]) {
    const { engine, requests } = await endpoint((response, _, count) =>
      count === 1 ? fail(response, status, { "retry-after": "0" }) : say(response, "Hecho."),
    );
    assert.deepEqual(await engine.translate(["Done."], never), ["Hecho."]);
    assert.equal(requests.length, 2);
  }
  const { engine } = await endpoint((response, _, count) =>
    count === 1 ? response.destroy() : say(response, "Hecho."),
  );
  assert.deepEqual(await engine.translate(["Done."], never), ["Hecho."]);
  assert.equal(await failureOf((response) => fail(response, 503)), "openai:tiny: HOST answered 503, twice");
  assert.match(await failureOf((response) => response.destroy()), /^openai:tiny: HOST: .+, twice$/);
});

test("other answers are failures that say what came", async () => {
  let requests = 0;
  const counted =
    (status: number): Handler =>
    (response) => {
      requests++;
      fail(response, status, status === 302 ? { location: "http://127.0.0.1:1/" } : {});
    };
  for (const status of [302, 400, 401, 404]) {
    assert.equal(
      await failureOf(counted(status)),
      `openai:tiny: expected status 200 from HOST, got ${status}`,
    );
  }
  assert.equal(requests, 4);
  const body =
    (text: string): Handler =>
    (response) =>
      response.end(text);
  assert.match(await failureOf(body('{"choices":[{"mess')), /expected JSON, got 18 characters/);
  assert.match(await failureOf(body("")), /expected JSON, got 0 characters/);
  for (const text of [
    "null",
    "[]",
    "{}",
    '{"choices":[]}',
    '{"choices":[{}]}',
    '{"choices":[{"message":null}]}',
  ]) {
    assert.match(await failureOf(body(text)), /expected choices\[0\]\.message\.content, got none/, text);
  }
  assert.match(await failureOf((response) => say(response, null)), /message\.content, got none/);
  assert.match(await failureOf((response) => say(response, "Hec", "length")), /got its beginning/);
  assert.match(await failureOf(body("x".repeat((1 << 20) + 1))), /below 1048576 bytes/);
});

test("a stalled answer, a stalled body and one that never ends are over in time", async () => {
  const stalls: Record<string, Handler> = {
    answer: () => undefined,
    body: (response) => response.write('{"choices":[{"message":{"content":"Hec'),
    endless: (response) => {
      const timer = setInterval(() => response.write(" "), 2);
      response.on("close", () => clearInterval(timer));
    },
  };
  for (const [name, handle] of Object.entries(stalls)) {
    const { engine } = await endpoint(handle);
    const limited = limitEngine(engine, { ...defaultLimits, timeoutMs: 80 });
    await assert.rejects(
      limited.translate(["Done."], never),
      { code: "translation_failed", message: /in 80 ms/ },
      name,
    );
    assert.equal(limited.running, 0);
    const { text, language, translated } = await translateSegment(limited, segment("Done."), never);
    assert.deepEqual([text, language, translated], ["Done.", "en", false]);
  }
});

test("an interruption and a closing end what is under way", async () => {
  const { engine } = await endpoint(() => undefined);
  const stop = new AbortController();
  const call = engine.translate(["Done."], stop.signal);
  stop.abort();
  await assert.rejects(call, { code: "cancelled" });
  const other = engine.translate(["Done."], never);
  await engine.close();
  await assert.rejects(other, { code: "translation_failed", message: /closed/ });
});

test("text leaves this machine unless the address is a loopback one", () => {
  const open = (baseUrl: string) => openOpenAi({ direction: english, baseUrl, model: "m" });
  for (const host of ["127.0.0.1:8080", "localhost", "[::1]:1234", "127.8.0.1"]) {
    assert.equal(open(`http://${host}/v1`).isRemote, false, host);
  }
  for (const host of ["api.example.com", "localhost.example.com", "192.168.0.2", "127.0.0.1.example.com"]) {
    assert.equal(open(`https://${host}/v1`).isRemote, true, host);
  }
  for (const baseUrl of ["api.example.com", "ftp://x/v1", "", `http://user:${apiKey}@x/v1`]) {
    assert.throws(
      () => open(baseUrl),
      (error: Error) => !error.message.includes(apiKey) && /base URL/.test(error.message),
    );
  }
  for (const bad of ["a b", "line\nend", "schlüssel", ""]) {
    assert.throws(
      () => openOpenAi({ direction: english, baseUrl: "http://localhost/v1", model: "m", apiKey: bad }),
      {
        code: "usage",
        message: /printable ASCII/,
      },
    );
  }
});
