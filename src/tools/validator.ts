import type { AnySchema, ErrorObject, ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { LimbeckError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import type { JsonSchema, ToolCall, ToolDefinition } from "./types.ts";

export interface CallError {
  /** JSON pointer into the arguments; empty for the call as a whole. */
  readonly path: string;
  /** The schema keyword that failed, or `unknown_tool`. */
  readonly rule: string;
  readonly message: string;
}

export type CallVerdict =
  | { readonly valid: true }
  | { readonly valid: false; readonly errors: readonly CallError[] };

/** THE validator: training, scoring, measuring and serving all ask this one. */
export interface CallValidator {
  validate(call: ToolCall): CallVerdict;
}

// Without `loadSchema`, ajv never fetches; without `addUsedSchema`, two tools may use the same `$id`.
const ajv = new Ajv2020({ strict: false, allErrors: true, addUsedSchema: false, logger: false });
formats.default(ajv);

/** Compiled schemas by canonical JSON: a tool set is offered thousands of times. Emptied when full. */
const compiled = new Map<string, ValidateFunction>();
const compiledLimit = 4096;
/** The same schema objects recur, and a lookup by identity is far cheaper than writing them out. */
const byIdentity = new WeakMap<object, ValidateFunction>();

function compileSchema(tool: string, schema: JsonSchema): ValidateFunction {
  const known = byIdentity.get(schema);
  if (known !== undefined) return known;
  const key = canonicalJson(schema);
  let found = compiled.get(key);
  if (found === undefined) {
    try {
      found = ajv.compile(schema as AnySchema);
    } catch (cause) {
      throw new LimbeckError(
        "invalid_config",
        `tool ${tool}: expected a JSON Schema (2020-12) of its parameters, ${(cause as Error).message}`,
        {
          cure: "Correct the tool's parameters; references must stay inside the schema.",
          fields: { tool },
          cause,
        },
      );
    }
    if (compiled.size >= compiledLimit) compiled.clear();
    compiled.set(key, found);
  }
  byIdentity.set(schema, found);
  return found;
}

function toCallError(error: ErrorObject): CallError {
  const extra =
    error.keyword === "additionalProperties" ? `: ${String(error.params["additionalProperty"])}` : "";
  return {
    path: error.instancePath,
    rule: error.keyword,
    message: `${error.message ?? error.keyword}${extra}`,
  };
}

/**
 * A validator for the tools that are offered. A call to any other tool is invalid.
 * Errors: `invalid_config` for a schema that is none, or two tools of one name.
 */
export function createCallValidator(tools: readonly ToolDefinition[]): CallValidator {
  const validators = new Map<string, ValidateFunction>();
  for (const { function: tool } of tools) {
    if (validators.has(tool.name)) {
      throw new LimbeckError("invalid_config", `tools: expected different names, got ${tool.name} twice`, {
        cure: "Offer each tool once.",
        fields: { tool: tool.name },
      });
    }
    validators.set(tool.name, compileSchema(tool.name, tool.parameters));
  }
  return {
    validate(call) {
      const validate = validators.get(call.name);
      if (validate === undefined) {
        const message = `expected one of ${[...validators.keys()].join(", ") || "no tool"}, got ${call.name}`;
        return { valid: false, errors: [{ path: "", rule: "unknown_tool", message }] };
      }
      if (validate(call.arguments)) return { valid: true };
      return { valid: false, errors: (validate.errors ?? []).map(toCallError) };
    },
  };
}
