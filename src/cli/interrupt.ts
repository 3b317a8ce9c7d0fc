/** Exit status of a command that a person or the system stopped. */
export const interruptedStatus = 130;

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Stops listening. */
  release(): void;
}

/**
 * The first Ctrl-C or SIGTERM aborts `signal`: the command finishes what must not be half done and stops.
 * The second one calls `exitNow` at once.
 */
export function listenForInterrupt(
  source: Pick<NodeJS.Process, "on" | "off">,
  onFirst: (signal: NodeJS.Signals) => void,
  exitNow: () => void,
): Interrupt {
  const controller = new AbortController();
  const handle = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      exitNow();
      return;
    }
    onFirst(signal);
    controller.abort();
  };
  source.on("SIGINT", handle);
  source.on("SIGTERM", handle);
  return {
    signal: controller.signal,
    release: () => {
      source.off("SIGINT", handle);
      source.off("SIGTERM", handle);
    },
  };
}
