/** Where a long action stands. */
export interface ProgressState {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  /** What is worth seeing besides: a loss, a rate. */
  readonly detail?: string;
  /** Known time left of everything; without it the rate of this label so far tells. */
  readonly remainingMs?: number;
}

export interface Progress {
  update(state: ProgressState): void;
  /** A line that stays, above the moving one. */
  note(text: string): void;
  /** Clears the moving line. */
  end(): void;
}

/** "0:42", "12:05" or "1:02:03". */
export function formatClock(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const pad = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

const barWidth = 24;

/** One progress line of at most `width` characters: label, bar, share, count, detail, time left. */
export function formatProgress(state: ProgressState, elapsedMs: number, width: number): string {
  const { label, done, total, detail } = state;
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
  const filled = Math.round(share * barWidth);
  // Before the first unit is done there is no rate to tell the time from.
  const remainingMs = state.remainingMs ?? (share > 0 ? (elapsedMs * (1 - share)) / share : null);
  const parts = [
    label.padEnd(8),
    `${"█".repeat(filled)}${"░".repeat(barWidth - filled)}`,
    `${String(Math.floor(share * 100)).padStart(3)} %`,
    `${done}/${total}`,
    `ETA ${remainingMs === null ? "–" : formatClock(remainingMs)}`,
    detail ?? "",
  ];
  const text = parts.filter((part) => part !== "").join("  ");
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
}

export interface ProgressOptions {
  readonly isTerminal: boolean;
  readonly isQuiet: boolean;
  /** Characters a line of the terminal holds. */
  readonly width: () => number;
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
}

/** Nothing is drawn before this: quick commands stay silent. */
const quietMs = 2000;
/** Pause between two redraws of the moving line, and between two plain lines where there is no terminal. */
const redrawMs = 100;
const plainMs = 10_000;

/**
 * Progress on standard error: on a terminal one line that is redrawn, elsewhere (a log file) a plain line now and
 * then, with `isQuiet` nothing.
 */
export function createProgress(options: ProgressOptions): Progress {
  const { isTerminal, isQuiet, width, write, nowMs } = options;
  if (isQuiet) return { update: () => undefined, note: () => undefined, end: () => undefined };
  const startMs = nowMs();
  let label = "";
  let labelMs = startMs;
  let shownMs = isTerminal ? Number.NEGATIVE_INFINITY : startMs;
  let hasLine = false;
  const clear = (): void => {
    if (hasLine) write("\r\x1b[2K");
    hasLine = false;
  };
  return {
    update: (state) => {
      const now = nowMs();
      if (state.label !== label) {
        label = state.label;
        labelMs = now;
      }
      if (now - startMs < quietMs || now - shownMs < (isTerminal ? redrawMs : plainMs)) return;
      shownMs = now;
      const text = formatProgress(state, now - labelMs, isTerminal ? width() - 1 : 200);
      write(isTerminal ? `\r\x1b[2K${text}` : `${text}\n`);
      hasLine = isTerminal;
    },
    note: (text) => {
      clear();
      write(`${text}\n`);
    },
    end: clear,
  };
}
