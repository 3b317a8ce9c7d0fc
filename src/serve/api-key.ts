import { createHash, timingSafeEqual } from "node:crypto";
import { LimbeckError } from "../base/errors.ts";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/**
 * Checks the `Authorization` header of a request. Digests are compared, and in constant time: neither the key's length
 * nor how much of it is right can be timed. Error: `invalid_api_key`.
 */
export function createKeyCheck(apiKey: string): (authorization: string | null) => void {
  const expected = digest(apiKey);
  return (authorization) => {
    const given = /^Bearer +(.*)$/i.exec(authorization ?? "")?.[1] ?? "";
    if (timingSafeEqual(digest(given), expected)) return;
    const got = authorization === null ? "none" : "another one";
    throw new LimbeckError("invalid_api_key", `API key: expected this server's, got ${got}`, {
      cure: "Send it as `Authorization: Bearer KEY`.",
    });
  };
}
