import type { PowerSource } from "./macos-text.ts";

/** Parsers of Linux's files under /proc, /sys and /etc. Each answers null where the text does not say. */

/** /proc/cpuinfo: the CPU's name on x86 ("model name") and on some ARM boards ("Hardware", "Model"). */
export function parseCpuinfo(text: string): string | null {
  for (const field of ["model name", "Hardware", "Model"]) {
    const name = new RegExp(`^${field}\\s*:\\s*(\\S.*)$`, "m").exec(text)?.[1]?.trim();
    if (name !== undefined) return name.replace(/\s+/g, " ");
  }
  return null;
}

/** /etc/os-release → "Debian GNU/Linux 12 (bookworm)". */
export function parseOsRelease(text: string): string | null {
  return /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(text)?.[1] ?? null;
}

/** From the `type` and `online` files of each entry under /sys/class/power_supply. */
export function powerSourceOf(
  supplies: readonly { readonly type: string; readonly online: string | null }[],
): PowerSource | null {
  const mains = supplies.filter(({ type }) => type === "Mains" || type === "USB");
  if (mains.some(({ online }) => online?.trim() === "1")) return "ac";
  return supplies.some(({ type }) => type === "Battery") && mains.length > 0 ? "battery" : null;
}
