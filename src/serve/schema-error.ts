import { LimbeckError } from "../base/errors.ts";

/** An error of the engine, with the field of the request in `param` where a schema in it cannot be enforced. */
export function placeSchemaError(thrown: unknown, toolNames: readonly string[]): unknown {
  if (!(thrown instanceof LimbeckError) || thrown.code !== "invalid_request") return thrown;
  const { path } = thrown.fields;
  if (typeof path !== "string") return thrown;
  const [place] = path.split("/");
  const index = toolNames.findIndex((name) => place === `tool ${name}`);
  const param =
    index >= 0
      ? `tools[${index}].function.parameters`
      : place === "responseFormat"
        ? "response_format"
        : null;
  if (param === null) return thrown;
  const { code, message, cure, fields } = thrown;
  return new LimbeckError(code, message, {
    fields: { ...fields, param },
    cause: thrown,
    ...(cure === undefined ? {} : { cure }),
  });
}
