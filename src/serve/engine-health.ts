import type { DiskFault, PromptCacheStats, VolatileHeader } from "../runtime/prompt-cache/types.ts";
import type { GenerateResult, SpeculationReport } from "../runtime/types.ts";

/** What makes requests slower than they need be, and fails none of them. */
export interface EngineHealth {
  /** The prompt cache's latest statistics; null where it is off, or nothing is known yet. */
  readonly cache: PromptCacheStats | null;
  /** Drafting in all generations so far; null where none was asked for. */
  readonly speculation: SpeculationTotals | null;
  /** Asks for the statistics, beside the requests; resolves when they are there. */
  refresh(): Promise<void>;
  generated(result: GenerateResult): void;
}

export interface SpeculationTotals extends Pick<SpeculationReport, "proposed" | "accepted" | "targetRuns"> {
  /** Whether the latest generation that could draft did not. */
  readonly isOff: boolean;
}

const faultTexts: Readonly<Record<DiskFault, string>> = {
  truncated: "an entry was cut short; it was removed and its prompt read anew",
  wrong_version: "an entry is of another version; it was removed and its prompt read anew",
  checksum: "an entry was damaged; it was removed and its prompt read anew",
  mismatch: "an entry is not the one of its name; it was removed and its prompt read anew",
  unreadable: "an entry could not be read; its prompt was read anew",
  not_writable: "the folder cannot be written to; nothing new survives a restart",
  disk_full: "the disk is full; nothing new survives a restart",
};

const headerText = ({ message, role, kind }: VolatileHeader): string =>
  `prompt cache: messages[${message}] (${role}) holds ${kind === "id" || kind === "uuid" ? "an id" : `a ${kind}`} ` +
  "that changes from request to request; what follows is read anew each time. Move it to the end, or leave it out.";

/** Tells `onWarning` of each kind of trouble once. Without `askStats` there is no prompt cache to ask about. */
export function createEngineHealth(
  askStats: (() => Promise<PromptCacheStats | null>) | undefined,
  onWarning: (text: string) => void = () => undefined,
): EngineHealth {
  const said = new Set<string>();
  const sayOnce = (about: string, text: string): void => {
    if (said.has(about)) return;
    said.add(about);
    onWarning(text);
  };
  let cache: PromptCacheStats | null = null;
  let speculation: SpeculationTotals | null = null;
  let asking: Promise<void> | undefined;

  const read = (stats: PromptCacheStats | null): void => {
    cache = stats;
    for (const [fault, times] of Object.entries(stats?.disk?.faults ?? {})) {
      if (times > 0) sayOnce(fault, `prompt cache on disk: ${fault}: ${faultTexts[fault as DiskFault]}`);
    }
    for (const header of stats?.volatileHeaders ?? []) {
      sayOnce(`${header.message} ${header.kind}`, headerText(header));
    }
  };

  return {
    get cache() {
      return cache;
    },
    get speculation() {
      return speculation;
    },
    refresh: () => {
      if (askStats === undefined) return Promise.resolve();
      // An engine that is closing or dead says so to those who ask for text.
      asking ??= askStats()
        .then(read, () => undefined)
        .finally(() => {
          asking = undefined;
        });
      return asking;
    },
    generated: ({ speculation: one }) => {
      if (one === undefined) return;
      const { proposed = 0, accepted = 0, targetRuns = 0 } = speculation ?? {};
      speculation = {
        proposed: proposed + one.proposed,
        accepted: accepted + one.accepted,
        targetRuns: targetRuns + one.targetRuns,
        isOff: one.offBecause !== null,
      };
      if (one.offBecause !== null && one.mode !== "off") {
        sayOnce("speculation", `speculation ${one.mode}: nothing is drafted: ${one.offBecause}`);
      }
    },
  };
}
