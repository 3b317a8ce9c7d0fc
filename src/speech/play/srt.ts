/** One subtitle. Times count from the start of the sound, in milliseconds. */
export interface Subtitle {
  readonly startMs: number;
  readonly endMs: number;
  readonly text: string;
}

/** `01:02:03,004` of SubRip. */
function timestamp(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  const part = (unit: number, base: number, digits: number): string =>
    String(Math.floor(whole / unit) % base).padStart(digits, "0");
  const hours = String(Math.floor(whole / 3_600_000)).padStart(2, "0");
  return `${hours}:${part(60_000, 60, 2)}:${part(1000, 60, 2)},${part(1, 1000, 3)}`;
}

/** A blank line would end the subtitle, and "-->" is the sign between its times. */
const safeText = (text: string): string =>
  text
    .replaceAll("-->", "→")
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join("\n");

/** A SubRip file: numbered from 1, those without text or duration left out, none overlapping the next. */
export function writeSrt(subtitles: readonly Subtitle[]): string {
  const shown = subtitles
    .map((subtitle) => ({ ...subtitle, text: safeText(subtitle.text) }))
    .filter(({ startMs, endMs, text }) => text !== "" && endMs > startMs);
  return shown
    .map(({ startMs, endMs, text }, i) => {
      const end = Math.min(endMs, Math.max(startMs, shown[i + 1]?.startMs ?? endMs));
      return `${i + 1}\n${timestamp(startMs)} --> ${timestamp(end)}\n${text}\n`;
    })
    .join("\n");
}
