import { LimbeckError } from "../base/errors.ts";
import { canonicalJson, type Json } from "../base/json.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import { compileJinja, type JinjaTemplate } from "./jinja.ts";

export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ToolDefinition[];
  /** Ends the text where the assistant begins to write. */
  readonly addGenerationPrompt?: boolean;
  /** Names that a template may use, such as `bos_token`, `enable_thinking` or Llama's `date_string`. */
  readonly variables?: Readonly<Record<string, Json>>;
  /** What `strftime_now` of a template tells; default the present. */
  readonly now?: Date;
}

/** The special tokens of Limbeck's own format, in the order of their ids. */
export const limbeckSpecialTokens = [
  "<|pad|>",
  "<|end|>",
  "<|system|>",
  "<|tools|>",
  "<|user|>",
  "<|assistant|>",
  "<|call|>",
  "<|/call|>",
  "<|result|>",
] as const;

/**
 * Limbeck's own chat template. A tool is one line, `name(param:type,param?:type)` with `?` for an optional one and
 * `a|b` for an enumeration: a prompt with five tools stays under a hundred tokens.
 */
export const defaultChatTemplate = `
{%- macro type_of(schema) -%}
  {%- if schema.enum -%}:{{ schema.enum | join('|') }}
  {%- elif schema.type == 'integer' -%}:int
  {%- elif schema.type == 'number' -%}:num
  {%- elif schema.type == 'boolean' -%}:bool
  {%- elif schema.type == 'array' -%}:list
  {%- elif schema.type == 'object' -%}:obj
  {%- else -%}:str
  {%- endif -%}
{%- endmacro -%}
{%- for message in messages if message.role == 'system' -%}
  {{- '<|system|>' + message.content -}}
{%- endfor -%}
{%- if tools -%}
  {{- '<|tools|>' -}}
  {%- for tool in tools -%}
    {%- set function = tool.function -%}
    {%- set required = function.parameters.required or [] -%}
    {{- function.name + '(' -}}
    {%- for name, schema in (function.parameters.properties or {}).items() -%}
      {{- ',' if not loop.first -}}{{- name -}}{{- '?' if name not in required -}}{{- type_of(schema) -}}
    {%- endfor -%}
    {{- ')\\n' -}}
  {%- endfor -%}
{%- endif -%}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}
    {{- '<|user|>' + message.content -}}
  {%- elif message.role == 'tool' -%}
    {{- '<|result|>' + message.content -}}
  {%- elif message.role == 'assistant' -%}
    {{- '<|assistant|>' -}}
    {%- if message.content -%}{{- message.content -}}{%- endif -%}
    {%- for call in message.tool_calls or [] -%}
      {{- '<|call|>{"name":' + call.function.name | tojson + ',"arguments":' + call.function.arguments | tojson(separators=(',', ':')) + '}<|/call|>' -}}
    {%- endfor -%}
    {{- '<|end|>' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
`.trim();

const compiled = new Map<string, JinjaTemplate>();

function compile(template: string, file?: string): JinjaTemplate {
  let found = compiled.get(template);
  if (found === undefined) {
    try {
      found = compileJinja(template);
    } catch (cause) {
      throw new LimbeckError(
        "invalid_checkpoint",
        `${file === undefined ? "" : `${file}: `}chat template: expected Jinja, ${(cause as Error).message}`,
        {
          cure: `Correct the template in ${file ?? "chat_template.jinja or tokenizer_config.json"}.`,
          ...(file === undefined ? {} : { fields: { path: file } }),
          cause,
        },
      );
    }
    compiled.set(template, found);
  }
  return found;
}

/** Compiles the template of a file. Error: `invalid_checkpoint`, naming the file. */
export function checkTemplate(template: string, file: string): void {
  compile(template, file);
}

/** A message in the form that published templates expect: calls under `function`. */
function templateMessage(message: ChatMessage): Record<string, unknown> {
  const { tool_calls, ...rest } = message;
  if (tool_calls === undefined || tool_calls.length === 0) return { ...rest, content: rest.content ?? "" };
  return {
    ...rest,
    content: rest.content ?? "",
    tool_calls: tool_calls.map((call) => ({ type: "function", function: call })),
  };
}

/**
 * The text of a chat. Special tokens inside the content are NOT escaped here: `Tokenizer.encodeChat` sees to it.
 * Errors: `invalid_checkpoint` (not a template), `invalid_request` (the template refuses these messages).
 */
export function renderChat(template: string, request: ChatRequest): string {
  const { messages, tools = [], addGenerationPrompt = false, variables = {}, now } = request;
  const render = compile(template);
  try {
    return render(
      {
        ...variables,
        messages: messages.map(templateMessage),
        tools: tools.length > 0 ? tools : null,
        documents: null,
        add_generation_prompt: addGenerationPrompt,
      },
      now ?? new Date(),
    );
  } catch (cause) {
    throw new LimbeckError(
      "invalid_request",
      `chat template refused the messages: ${(cause as Error).message}`,
      {
        cure: "Check the roles of the messages and that the template supports tools.",
        fields: { messages: canonicalJson(messages).slice(0, 400) },
        cause,
      },
    );
  }
}
