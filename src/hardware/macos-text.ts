/**
 * Parsers of what macOS tools print. Pure, so that they are tested anywhere; each answers null where the text does
 * not say. The wording is Apple's: it changes, and an unknown wording must read as "not known", never as "fine".
 */

/** `sysctl a b c` → name: value lines. */
export function parseSysctl(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const at = line.indexOf(": ");
    if (at > 0) values.set(line.slice(0, at).trim(), line.slice(at + 2).trim());
  }
  return values;
}

/** `sw_vers` → "macOS 15.6.1 (24G90)". */
export function parseSwVers(text: string): string | null {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:\\s*(\\S.*)$`, "m").exec(text)?.[1]?.trim();
  const version = field("ProductVersion");
  if (version === undefined) return null;
  const build = field("BuildVersion");
  return `${field("ProductName") ?? "macOS"} ${version}${build === undefined ? "" : ` (${build})`}`;
}

export type PowerSource = "ac" | "battery";

/** `pmset -g batt`. */
export function parsePowerSource(text: string): PowerSource | null {
  const source = /Now drawing from '([^']+)'/.exec(text)?.[1];
  if (source === "AC Power") return "ac";
  return source === "Battery Power" ? "battery" : null;
}

/** `pmset -g`: `lowpowermode 0|1`, or `powermode 0|1|2` (automatic, low, high) on Macs with a high-power mode. */
export function parseLowPowerMode(text: string): boolean | null {
  const mode = /^\s*(lowpowermode|powermode)\s+(\d)\b/m.exec(text)?.[2];
  return mode === undefined ? null : mode === "1";
}

/** What a thermal source says, with the source's own words. */
export interface ThermalState {
  /** Null where the source does not say. */
  readonly is_throttled: boolean | null;
  readonly source: string;
  readonly detail: string;
}

/**
 * `pmset -g therm`: limits in percent once the system has set some ("CPU_Speed_Limit = 80"), else notes that nothing
 * was recorded. A note about one kind says nothing about the others; Apple silicon often prints the notes only.
 */
export function parsePmsetTherm(text: string): ThermalState | null {
  const limits = [...text.matchAll(/^\s*(CPU_(?:Speed|Scheduler)_Limit)\s*=\s*(\d+)/gm)];
  const warning = /^\s*(?:Thermal|Performance) Warning Level\s*[:=]?\s*(\d+)/im.exec(text);
  if (limits.length > 0 || warning !== null) {
    const isLimited = limits.some(([, , value]) => Number(value) < 100);
    const isWarned = warning !== null && Number(warning[1]) > 0;
    const words = [
      ...limits.map(([, name, value]) => `${name} = ${value}`),
      ...(warning ? [warning[0].trim()] : []),
    ];
    return { is_throttled: isLimited || isWarned, source: "pmset -g therm", detail: words.join(", ") };
  }
  if (/No thermal warning level has been recorded/i.test(text)) {
    return { is_throttled: false, source: "pmset -g therm", detail: "no thermal warning level recorded" };
  }
  return null;
}
