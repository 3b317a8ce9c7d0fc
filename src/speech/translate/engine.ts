import { LimbeckError } from "../../base/errors.ts";
import type { Translator } from "../types.ts";
import type { PlaceholderForm } from "./placeholders.ts";

/** A translator that says in which form it keeps placeholders best. */
export interface TranslationEngine extends Translator {
  readonly placeholders: PlaceholderForm;
}

export function translationFailed(engine: string, what: string, cause?: unknown): LimbeckError {
  return new LimbeckError("translation_failed", `${engine}: ${what}`, {
    cure: "The text is spoken in its own language. `limbeck doctor --speech` checks the translator.",
    fields: { engine },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function translationCancelled(engine: string): LimbeckError {
  return new LimbeckError("cancelled", `${engine}: interrupted`, { fields: { engine } });
}

/** Waits for `promise`, or rejects with the signal's reason as soon as it aborts; takes its listener away again. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    // Whatever becomes of it is nobody's any more.
    promise.catch(() => undefined);
    throw signal.reason;
  }
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop!);
  }
}
