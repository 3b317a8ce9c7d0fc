import { LimbeckError } from "../base/errors.ts";

/** Whether something ended because its signal was aborted: by our own error, or by what Node throws then. */
export function isCancelled(error: unknown): boolean {
  if (error instanceof LimbeckError) return error.code === "cancelled";
  return error instanceof Error && error.name === "AbortError";
}
