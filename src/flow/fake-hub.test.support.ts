import { createHash } from "node:crypto";
import * as http from "node:http";
import type * as net from "node:net";
import { sha256 } from "../base/files.ts";

export interface FakeHub {
  readonly url: string;
  /** What was asked, in order. */
  readonly asked: {
    readonly method: string;
    readonly path: string;
    readonly headers: http.IncomingHttpHeaders;
  }[];
  /** Decides about a request before the hub does; true: it has answered. */
  rule: (request: http.IncomingMessage, response: http.ServerResponse) => boolean;
  /** Bytes sent instead of a file's own. */
  readonly replaced: Map<string, Buffer>;
  close(): Promise<void>;
}

export const commit = "0123456789abcdef0123456789abcdef01234567";

/** Answers as a hub refuses: the reason in its own header. */
export function refuse(response: http.ServerResponse, status: number, reason = ""): true {
  response.writeHead(status, reason === "" ? {} : { "x-error-code": reason });
  response.end("no");
  return true;
}

const gitBlob = (bytes: Buffer): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

/** A server on this machine that answers as a hub with one model; files from 1 kB up are large ones there. */
export async function startFakeHub(repo: string, files: Readonly<Record<string, Buffer>>): Promise<FakeHub> {
  const list = Object.entries(files).map(([path, bytes]) => ({
    type: "file",
    path,
    size: bytes.length,
    oid: gitBlob(bytes),
    ...(bytes.length < 1000 ? {} : { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } }),
  }));
  const json = (response: http.ServerResponse, value: unknown): void => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };
  const sendFile = (request: http.IncomingMessage, response: http.ServerResponse, bytes: Buffer): void => {
    const start = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const from = Number(start ?? 0);
    response.writeHead(start === undefined ? 200 : 206, {
      "content-length": bytes.length - from,
      ...(start === undefined
        ? {}
        : { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    });
    response.end(bytes.subarray(from));
  };
  const server = http.createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? "").split("?")[0] ?? "");
    hub.asked.push({ method: request.method ?? "", path, headers: request.headers });
    if (hub.rule(request, response)) return;
    const resolve = `/${repo}/resolve/${commit}/`;
    const name = path.startsWith(resolve) ? path.slice(resolve.length) : "";
    const bytes = hub.replaced.get(name) ?? files[name];
    if (bytes !== undefined) sendFile(request, response, bytes);
    else if (path === `/api/models/${repo}/revision/main`)
      json(response, { _id: "1", id: repo, sha: commit });
    else if (path === `/api/models/${repo}/tree/${commit}`) json(response, list);
    else if (path.startsWith(`/api/models/${repo}/revision/`)) refuse(response, 404, "RevisionNotFound");
    else if (name !== "") refuse(response, 404, "EntryNotFound");
    else refuse(response, 401, "RepoNotFound");
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as net.AddressInfo;
  const hub: FakeHub = {
    url: `http://127.0.0.1:${port}`,
    asked: [],
    rule: () => false,
    replaced: new Map(),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return hub;
}
