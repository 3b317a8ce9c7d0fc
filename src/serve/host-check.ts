import { LimbeckError } from "../base/errors.ts";

/** An address, as a socket or a URL writes it, that only this machine reaches. */
export const isLoopback = (host: string): boolean =>
  /^(127\.\d+\.\d+\.\d+|::1|\[::1\]|::ffff:127\.\d+\.\d+\.\d+|localhost)$/i.test(host);

/**
 * Checks the `Host` header of a server that trusts whoever is on this machine: a web page whose name was made to point
 * here (DNS rebinding) comes from a browser on this machine, under that name. Error: `access_denied`.
 */
export function checkHost(header: string): void {
  if (isLoopback(header.replace(/:\d+$/, ""))) return;
  throw new LimbeckError(
    "access_denied",
    `host: expected localhost, 127.0.0.1 or [::1], got ${header.slice(0, 80)}`,
    {
      cure: "Ask at one of these, or start the server with an API key: then any name is answered.",
      fields: { param: "host" },
    },
  );
}
