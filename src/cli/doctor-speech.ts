import pc from "picocolors";
import { checkSpeech, type SpeechReport } from "../speech/doctor.ts";
import type { SpeakerOptions } from "../speech/speaker-types.ts";
import { listTranslators, type TranslatorInfo } from "../speech/translate/translators.ts";
import { listVoices, type VoiceInfo } from "../speech/voice/voices.ts";
import type { CliContext, CommandResult } from "./execute.ts";
import type { DoctorFlags } from "./flags.ts";
import { voiceTable } from "./speak-view.ts";

function renderReport(
  report: SpeechReport,
  voices: readonly VoiceInfo[],
  translators: readonly TranslatorInfo[],
  isColourful: boolean,
): string {
  const { bold, dim, green, red } = pc.createColors(isColourful);
  const checks = report.checks.flatMap(({ name, isWorking, detail, cure }) => [
    `  ${isWorking ? green("✓") : red("✗")} ${name.padEnd(11)}${detail}`,
    ...(cure === null ? [] : [`    ${dim(cure)}`]),
  ]);
  const engines = translators.map(({ engine, available, reason }) =>
    `  ${available ? "✓" : "✗"}  ${engine.padEnd(13)}${reason ?? ""}`.trimEnd(),
  );
  return [
    bold("speech"),
    ...checks,
    "",
    bold("voices"),
    voiceTable(voices).replace(/^/gm, "  "),
    "",
    bold("translators"),
    ...engines,
    "",
    report.is_ready ? green("ready") : red("not ready"),
  ].join("\n");
}

/** `limbeck doctor --speech`: exit status 3 where something that speech needs is missing. */
export async function doctorSpeechCommand(
  flags: DoctorFlags,
  { isColourful }: CliContext,
): Promise<CommandResult> {
  const { voice, language, translate, to, out } = flags;
  const given = Object.entries({ voice, language, translate, to, out }).filter(
    ([, value]) => value !== undefined,
  );
  const report = await checkSpeech(Object.fromEntries(given) as SpeakerOptions);
  const voices = await listVoices();
  // What could translate is the same question for a machine as for a direction; English to Spanish is the usual one.
  const translators = await listTranslators({ source: language ?? "en", target: to ?? "es" });
  return {
    text: renderReport(report, voices, translators, isColourful),
    document: {
      ...report,
      voices: voices.map(({ name, isAvailable, reason }) => ({
        name,
        is_available: isAvailable,
        reason: reason ?? null,
      })),
      translators: translators.map(({ engine, available, reason }) => ({
        engine,
        is_available: available,
        reason: reason ?? null,
      })),
    },
    exitStatus: report.is_ready ? 0 : 3,
  };
}
