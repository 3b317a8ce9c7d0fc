// Opens an artefact in a worker and streams an answer; the calls come parsed and checked.
import { createCallValidator, openEngine, type ToolDefinition } from "limbeck";

const tools: ToolDefinition[] = [
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
];
const [artefact = "my-artefact", prompt = "set a timer for 12 minutes"] = process.argv.slice(2);

const engine = await openEngine(artefact);
const stream = engine.stream([{ role: "user", content: prompt }], tools);
for await (const token of stream) process.stdout.write(token.text);
const answer = await stream.result;
console.log();

const validator = createCallValidator(tools);
for (const call of answer.calls) {
  console.log(call.name, call.arguments, validator.validate(call).valid ? "valid" : "not valid");
}
console.log(`TTFT ${answer.timing.ttftMs.toFixed(1)} ms`);
await engine.close();
