// Serves an artefact in this process and asks it over HTTP, as any OpenAI client would.
import { createServeApp, listen, openEngine } from "limbeck/serve";

const [artefact = "my-artefact", prompt = "set a timer for 12 minutes"] = process.argv.slice(2);

const engine = await openEngine(artefact, { promptCache: { ramBytes: 64 * 2 ** 20 } });
const app = createServeApp(engine, { model: "mine", deadlineMs: 30_000 });
const server = await listen(app, { port: 0 });
console.log(`${server.url}/v1`);

const response = await fetch(`${server.url}/v1/chat/completions`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    model: "mine",
    stream: true,
    max_tokens: 100,
    messages: [{ role: "user", content: prompt }],
    tools: [
      {
        type: "function",
        function: {
          name: "set_timer",
          parameters: {
            type: "object",
            properties: { minutes: { type: "integer", minimum: 1 } },
            required: ["minutes"],
          },
        },
      },
    ],
  }),
});
const decoder = new TextDecoder();
for await (const part of response.body ?? []) process.stdout.write(decoder.decode(part, { stream: true }));

await server.close(1000);
await engine.close();
