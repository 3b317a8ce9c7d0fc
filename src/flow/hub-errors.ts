import { LimbeckError } from "../base/errors.ts";

/** An address without what may be secret in it: signed addresses carry their key in the query. */
export function shownAddress(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/** The code of a broken connection, of `fetch` or of the socket below; else the error's name. */
export function networkCode(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === "string") return code;
  }
  return error instanceof Error ? error.name : String(error);
}

/** No connection was made: trying again at once does not help. */
const noConnection = ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN"];

/** What a broken connection means; null: it may work the next time. */
export function connectionError(cause: unknown, url: URL): LimbeckError | null {
  const code = networkCode(cause);
  if (!noConnection.includes(code) && !/CERT|TLS|SSL/.test(code)) return null;
  return new LimbeckError("unreachable", `${shownAddress(url)}: expected a connection, got ${code}`, {
    cure: "Check the network and --endpoint. A checkpoint that is already on this machine needs no pull.",
    fields: { url: shownAddress(url), errno: code },
    cause,
  });
}

/** The hub, or the way to it, failed at every attempt. */
export function stillFailing(url: URL, attempts: number, why: string): LimbeckError {
  return new LimbeckError(
    "unreachable",
    `${shownAddress(url)}: expected an answer within ${attempts} attempts, got ${why} at the last`,
    {
      cure: "Run the same command later: it goes on where it was.",
      fields: { url: shownAddress(url), attempts, why },
    },
  );
}

export function interruptedPull(cause?: unknown): LimbeckError {
  return new LimbeckError("cancelled", "pull: interrupted; what has come is kept", {
    cure: "Run the same command again: it goes on where it was.",
    cause,
  });
}

/** An answer that no hub gives. */
export function badDownload(url: URL, message: string, cause?: unknown): LimbeckError {
  return new LimbeckError("bad_download", `${shownAddress(url)}: ${message}`, {
    cure: "Check --endpoint, or run the command again later.",
    fields: { url: shownAddress(url) },
    cause,
  });
}

interface Refusal {
  readonly code: "not_found" | "access_denied";
  readonly message: string;
  readonly cure: (hasToken: boolean) => string;
}

const giveToken = "give a token that may read it: --token-file, or HF_TOKEN";
const denied: Refusal = {
  code: "access_denied",
  message: "expected leave to read",
  cure: (hasToken) =>
    hasToken
      ? "Check that the token is valid and may read this model."
      : `The model may be private: ${giveToken}.`,
};
const missing: Refusal = {
  code: "not_found",
  message: "expected a model, revision or file, the hub has none",
  cure: () => "Check the model's name and --revision.",
};

/** What the hub's own X-Error-Code says: it answers 401 for a model that is not there as for one that is private. */
const refusals: Readonly<Record<string, Refusal>> = {
  GatedRepo: {
    code: "access_denied",
    message: "the model is gated, expected an accepted licence",
    cure: (hasToken) =>
      `Accept the licence on the model's page, then ${hasToken ? "check that the token is of that account" : giveToken}.`,
  },
  RepoNotFound: {
    code: "not_found",
    message: "expected a model, the hub has none of this name or hides it",
    cure: (hasToken) =>
      `Check the name, as owner/name. For a private one ${hasToken ? "check that the token may read it" : giveToken}.`,
  },
  RevisionNotFound: {
    code: "not_found",
    message: "expected a revision of the model, the hub has none of this name",
    cure: () => "Check --revision: a branch, tag or commit.",
  },
  EntryNotFound: {
    code: "not_found",
    message: "expected a file of the model, it has none of this name",
    cure: () => "Check --revision.",
  },
};

const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** What a refusal means; null: it may work the next time. */
export function refusalError(response: Response, url: URL, hasToken: boolean): LimbeckError | null {
  const { status } = response;
  if (isPassing(status)) return null;
  const reason = response.headers.get("x-error-code") ?? "";
  const byStatus: Readonly<Record<number, Refusal>> = {
    401: denied,
    403: denied,
    404: missing,
    410: missing,
  };
  const known = Object.hasOwn(refusals, reason) ? refusals[reason] : byStatus[status];
  if (known === undefined) return badDownload(url, `expected a file or a list, got status ${status}`);
  return new LimbeckError(known.code, `${shownAddress(url)}: ${known.message}, got status ${status}`, {
    cure: known.cure(hasToken),
    fields: { url: shownAddress(url), status, reason },
  });
}
