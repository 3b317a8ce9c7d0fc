import { LimbeckError } from "../base/errors.ts";

/** An error of the engine, with the field of the request in `param` where a schema in it is wrong or cannot be enforced. */
export function placeSchemaError(thrown: unknown, toolNames: readonly string[]): unknown {
  if (!(thrown instanceof LimbeckError) || thrown.code !== "invalid_request") return thrown;
  const { path, option } = thrown.fields;
  const [place] = String(path).split("/");
  const index = toolNames.findIndex((name) => place === `tool ${name}`);
  let param: string | null = null;
  if (index >= 0) param = `tools[${index}].function.parameters`;
  else if (place === "responseFormat") param = "response_format";
  else if (typeof option === "string" && option.startsWith("tools[")) param = option;
  if (param === null) return thrown;
  const { code, message, cure, fields } = thrown;
  return new LimbeckError(code, message, {
    fields: { ...fields, param },
    cause: thrown,
    ...(cure === undefined ? {} : { cure }),
  });
}
