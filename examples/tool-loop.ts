// A chat with two tools: the model's calls are checked and run, their results go back, until it answers in words.
import {
  type ChatMessage,
  createCallValidator,
  type Json,
  openEngine,
  type ToolCall,
  type ToolDefinition,
} from "limbeck";

const define = (name: string, description: string, properties: Record<string, Json>): ToolDefinition => ({
  type: "function",
  function: {
    name,
    description,
    parameters: { type: "object", properties, required: Object.keys(properties) },
  },
});
const tools = [
  define("set_timer", "Start a countdown.", { minutes: { type: "integer", minimum: 1 } }),
  define("get_weather", "Weather of a city.", { city: { type: "string" } }),
];
const validator = createCallValidator(tools);

/** What an application would do; here it only answers. */
const actions: Record<string, (call: ToolCall) => Json> = {
  set_timer: ({ arguments: { minutes } }) => ({
    ends: new Date(Date.now() + Number(minutes) * 60_000).toISOString(),
  }),
  get_weather: ({ arguments: { city } }) => ({ city: city ?? null, sky: "clear", celsius: 21 }),
};

/** A call that is not valid gets an error as its result: the model may do better the next time. */
function run(call: ToolCall): Json {
  const action = validator.validate(call).valid ? actions[call.name] : undefined;
  return action?.(call) ?? { error: "no such tool, or arguments that do not fit" };
}

const [artefact = "my-artefact", prompt = "set a timer for 12 minutes"] = process.argv.slice(2);
const engine = await openEngine(artefact, { promptCache: { ramBytes: 64 * 2 ** 20 } });
const messages: ChatMessage[] = [{ role: "user", content: prompt }];

for (let turn = 0; turn < 5; turn++) {
  const { content, calls } = await engine.chat(messages, tools);
  messages.push({ role: "assistant", content, ...(calls.length > 0 ? { tool_calls: calls } : {}) });
  if (content !== "") console.log(content);
  if (calls.length === 0) break;
  for (const call of calls) {
    const result = run(call);
    console.log(call.name, call.arguments, "→", result);
    messages.push({ role: "tool", name: call.name, content: JSON.stringify(result) });
  }
}
await engine.close();
