import type { Summary } from "../speech/schedule/figures.ts";
import { dropReasons } from "../speech/schedule/figures.ts";
import type { PartInfo, SpeakerEvent, SpeakerInfo, SpeakerStats } from "../speech/speaker-types.ts";
import type { Segment } from "../speech/types.ts";
import type { VoiceInfo } from "../speech/voice/voices.ts";

const licenceOf = ({ name, licence, isRemote }: PartInfo): string =>
  `${name} (${licence.name}${licence.isCommercial ? "" : ", not for commercial use"}${isRemote ? "; text leaves this machine" : ""})`;

/** What speaks, under which licences, and where to. */
export function describeSpeaker({ voice, translator, language, sink, mode }: SpeakerInfo): string {
  const translation = translator === null ? "" : `, translated by ${licenceOf(translator)}`;
  return `speaking ${language} with ${licenceOf(voice)}${translation}, to ${sink}, mode ${mode}`;
}

const shortened = ({ text }: Segment): string => (text.length <= 60 ? text : `${text.slice(0, 59)}…`);

/**
 * What a person should know while it happens: each failure, what is left out although nobody asked for it (the first of
 * each reason; the sum comes at the end), heat. Null: nothing.
 */
export function createEventView(): (event: SpeakerEvent) => string | null {
  const told = new Set<string>();
  const once = (key: string, text: string): string | null => {
    if (told.has(key)) return null;
    told.add(key);
    return text;
  };
  return (event) => {
    switch (event.type) {
      case "heard":
        return null;
      case "warning":
        return `warning: ${event.message}`;
      case "heat":
        return `the machine's heat is ${event.level}: working ${event.level === "nominal" ? "as set" : "less far ahead"}`;
      case "failed":
        return `not said: “${shortened(event.segment)}”: ${event.error.message}`;
      case "untranslated":
        return `said untranslated: “${shortened(event.segment)}”: ${event.reason}`;
      case "dropped":
        if (event.reason === "skipped" || event.reason === "interrupted") return null;
        return once(event.reason, `left out, ${whyDropped[event.reason]}: “${shortened(event.segment)}”`);
    }
  };
}

const whyDropped: Readonly<Record<(typeof dropReasons)[number], string>> = {
  stale: "old news by now",
  urgent: "something urgent came",
  full: "too much waits",
  hot: "the machine is hot",
  skipped: "skipped",
  interrupted: "interrupted",
};

/** One line at the end. */
export function summaryLine(stats: SpeakerStats): string {
  const { said, spokenMs, failed, untranslated, dropped, stream } = stats;
  const parts = [`said ${said} ${said === 1 ? "segment" : "segments"}, ${(spokenMs / 1000).toFixed(1)} s`];
  const out = dropReasons
    .filter((reason) => dropped[reason] > 0)
    .map((reason) => `${dropped[reason]} ${reason}`);
  if (out.length > 0) parts.push(`left out ${out.join(", ")}`);
  if (untranslated > 0) parts.push(`${untranslated} untranslated`);
  if (failed > 0) parts.push(`${failed} not said`);
  if (stream.badLines.count > 0) {
    const [first] = stream.badLines.first;
    const where = first === undefined ? "" : ` (line ${first.line}: ${first.reason})`;
    parts.push(`${stream.badLines.count} bad ${stream.badLines.count === 1 ? "line" : "lines"}${where}`);
  }
  return parts.join("; ");
}

/** The stages and what a listener notices, in milliseconds. */
export function statsTable(stats: SpeakerStats): string {
  const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
  const row = (name: string, summary: Summary | null): string[] =>
    summary === null
      ? [name, "0", "–", "–", "–", "–"]
      : [name, `${summary.count}`, ...[summary.p50, summary.p95, summary.p99, summary.max].map(ms)];
  const rows = [
    ["ms", "n", "p50", "p95", "p99", "max"],
    row("parse, each event", stats.parse),
    row("narrate, each event", stats.narrate),
    row("translate", stats.translate),
    row("voice", stats.voice),
    row("text whole → sound, into silence", stats.response),
    row("text whole → sound, all", stats.lag),
    row("gap between queued sounds", stats.gap),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const lines = rows.map((cells) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "),
  );
  const { hits, misses } = stats.cache;
  const first = stats.timeToFirstAudioMs;
  return [
    ...lines,
    `first byte → first sound ${first === null ? "–" : `${ms(first)} ms`}, phrases kept: ${hits} hits of ${hits + misses}`,
  ].join("\n");
}

const inSnakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The document of `--json`: the stats with the names of JSON. */
export function statsDocument(info: SpeakerInfo, stats: SpeakerStats): Readonly<Record<string, unknown>> {
  const { stream, parse, narrate, translate, voice, ...figures } = stats;
  const named = Object.entries(figures).map(([name, value]) => [inSnakeCase(name), value]);
  return {
    schema_version: 1,
    kind: "speak",
    mode: info.mode,
    language: info.language,
    voice: partDocument(info.voice),
    translator: info.translator === null ? null : partDocument(info.translator),
    sink: info.sink,
    ...Object.fromEntries(named),
    stages: { parse, narrate, translate, voice },
    stream: {
      format: stream.format,
      events: stream.events,
      unknown: stream.unknown,
      bad_lines: stream.badLines.count,
      first_bad_lines: stream.badLines.first,
    },
  };
}

const partDocument = ({ name, licence, isRemote }: PartInfo): Readonly<Record<string, unknown>> => ({
  name,
  licence: licence.name,
  is_commercial: licence.isCommercial,
  is_remote: isRemote,
});

export function voiceTable(voices: readonly VoiceInfo[]): string {
  const width = Math.max(...voices.map(({ name }) => name.length));
  return voices
    .map(({ name, languages, licence, isAvailable, reason }) =>
      [
        isAvailable ? "✓" : "✗",
        name.padEnd(width),
        (languages.join(" ") || "–").padEnd(7),
        `${licence.name}${licence.isCommercial ? "" : ", check its use"}`,
        ...(reason === undefined ? [] : [`– ${reason}`]),
      ].join("  "),
    )
    .join("\n");
}
