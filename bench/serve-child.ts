// node --expose-gc serve-child.js ARTEFACT: the server of the benchmark, in a process of its own; told what to do by messages.
import { openEngine } from "#limbeck/runtime/engine.js";
import { createServeApp } from "#limbeck/serve/app.js";
import { listen } from "#limbeck/serve/listen.js";
import { prefillChunk } from "./serve-client.ts";

/** What the server's process says of itself. */
export interface ServerMemory {
  readonly heapBytes: number;
  readonly rssBytes: number;
}

export type FromServer =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "memory"; readonly memory: ServerMemory };
export type ToServer = "memory" | "stop";

/** Requests that the server holds; above the number of clients, so that none is turned away. */
const maxQueue = 400;

function collectedMemory(): ServerMemory {
  (globalThis as { readonly gc?: () => void }).gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return { heapBytes: heapUsed, rssBytes: rss };
}

async function main(artefact: string): Promise<void> {
  const send = (message: FromServer): void => void process.send?.(message);
  const engine = await openEngine(artefact, { prefillChunk, promptCache: { ramBytes: 64 * 2 ** 20 } });
  const listening = await listen(createServeApp(engine, { model: "served", maxQueue }), { port: 0 });
  process.on("message", (order: ToServer) => {
    if (order === "memory") send({ kind: "memory", memory: collectedMemory() });
    else {
      void listening
        .close(1000)
        .then(() => engine.close())
        .then(() => process.disconnect());
    }
  });
  send({ kind: "listening", port: listening.port });
}

await main(process.argv[2] as string);
