import type { JsonSchema } from "../../tools/types.ts";
import type { Pattern, PatternArena } from "./pattern.ts";
import { regexPattern } from "./regex.ts";

const date =
  "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))";
const clock = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?";
const zone = "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
const octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const label = "[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?";
const host = `${label}(\\.${label}){0,6}`;
const address = `https?://${host}(:[0-9]{1,5})?(/[A-Za-z0-9._~-]{0,64}){0,16}(\\?[A-Za-z0-9._~&=+-]{0,256})?`;

/**
 * What a format allows, as the validator understands it, and no more. Narrower than the format in places: no 29th of
 * February, no leap second, host names of ASCII, web addresses of http and https. Null: any text.
 */
const formats: Readonly<Record<string, string | null>> = {
  date,
  time: `${clock}${zone}`,
  "date-time": `${date}T${clock}${zone}`,
  "iso-time": `${clock}${zone}`,
  "iso-date-time": `${date}T${clock}${zone}`,
  duration: "P([0-9]{1,4}D(T[0-9]{1,4}H([0-9]{1,4}M)?)?|T[0-9]{1,4}[HMS]|[0-9]{1,4}[WMY])",
  email: `[A-Za-z0-9_+-]{1,30}(\\.[A-Za-z0-9_+-]{1,30})?@[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?){1,3}`,
  hostname: host,
  ipv4: `${octet}(\\.${octet}){3}`,
  uuid: "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
  uri: address,
  url: "https?://[a-z][a-z0-9]{1,30}(\\.[a-z][a-z0-9]{1,30}){1,4}(/[A-Za-z0-9._~-]{0,64}){0,16}",
  "uri-reference": address,
  password: null,
  binary: null,
  // Formats of numbers: they say nothing about text.
  int32: null,
  int64: null,
  float: null,
  double: null,
};

/** Formats that the validator checks and no pattern here gives. */
const refused = [
  "uri-template",
  "ipv6",
  "regex",
  "json-pointer",
  "json-pointer-uri-fragment",
  "relative-json-pointer",
  "byte",
];

/** Null where the format restricts no text: as the validator, this passes over formats that nobody knows. */
export function formatPattern(
  arena: PatternArena,
  format: string,
  refuse: (what: string) => Error,
): Pattern | null {
  if (refused.includes(format)) throw refuse(format);
  const source = Object.hasOwn(formats, format) ? formats[format] : null;
  return source == null ? null : regexPattern(arena, `^(${source})$`, refuse);
}

/**
 * What `pattern` and `format` of a schema allow, characters spelled as inside a JSON string. Error: `refuse(…)` naming
 * the word.
 */
export function textShapes(
  arena: PatternArena,
  { pattern, format }: JsonSchema,
  refuse: (word: "pattern" | "format", expected: string, got: string) => Error,
): Pattern[] {
  const shapes: Pattern[] = [];
  if (typeof pattern === "string") {
    shapes.push(regexPattern(arena, pattern, (got) => refuse("pattern", "a plain regular expression", got)));
  }
  if (typeof format === "string") {
    const known = formatPattern(arena, format, (got) =>
      refuse("format", "a format that a grammar can enforce", got),
    );
    if (known !== null) shapes.push(known);
  }
  return shapes;
}
