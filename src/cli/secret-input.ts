import { LimbeckError } from "../base/errors.ts";
import { readText } from "../base/files.ts";

/** Where a secret may be. It is never a flag, since whoever lists processes reads those. */
export interface SecretPlaces {
  /** What error messages call it: "an API key". */
  readonly what: string;
  readonly file: string | undefined;
  /** The environment variable that is read where no file is given. */
  readonly variable: string;
}

/**
 * The secret of the file, else of the variable; undefined where neither is given. No message holds it. Errors:
 * `file_not_found`, `usage` for an empty one or one that no HTTP header can carry.
 */
export function readSecret(
  { what, file, variable }: SecretPlaces,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  const given = file === undefined ? environment[variable] : readText(file);
  if (given === undefined) return undefined;
  const secret = given.trim();
  if (/^[\x21-\x7e]+$/.test(secret)) return secret;
  throw new LimbeckError(
    "usage",
    `${file ?? variable}: expected ${what} of visible ASCII characters, got ${secret === "" ? "an empty one" : "others"}`,
    { cure: "Put it there alone, or leave the file or variable out to use none." },
  );
}
