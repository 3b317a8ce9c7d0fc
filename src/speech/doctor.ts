import { LimbeckError } from "../base/errors.ts";
import { openSpeaker } from "./speak.ts";
import type { PartInfo, SpeakerOptions, SpeakerStats } from "./speaker-types.ts";

/** One thing that speech needs. */
export interface SpeechCheck {
  readonly name: "voice" | "translator" | "sound" | "sentence";
  readonly isWorking: boolean;
  /** What was found, or what is wrong. */
  readonly detail: string;
  readonly cure: string | null;
}

export interface SpeechReport {
  readonly schema_version: 1;
  readonly kind: "doctor_speech";
  readonly checks: readonly SpeechCheck[];
  /** From the sentence's end to its first sample, as written to the sink; null where nothing was said. */
  readonly response_ms: number | null;
  /** Length of what was said. */
  readonly spoken_ms: number | null;
  readonly is_ready: boolean;
}

const testSentence = "Limbeck can speak. This is a test.";

const fromError = (name: SpeechCheck["name"], error: unknown): SpeechCheck => {
  if (!(error instanceof LimbeckError)) throw error;
  return { name, isWorking: false, detail: error.message, cure: error.cure ?? null };
};

const found = (name: SpeechCheck["name"], { name: part, licence, isRemote }: PartInfo): SpeechCheck => ({
  name,
  isWorking: true,
  detail: `${part}, ${licence.name}${isRemote ? ", text leaves this machine" : ""}`,
  cure: licence.isCommercial ? null : "Its licence allows no commercial use, or is not known: check yours.",
});

/** Which part an error of opening is about. */
function partOf(error: unknown): SpeechCheck["name"] {
  if (!(error instanceof LimbeckError)) return "voice";
  return error.code === "translation_failed" || error.message.startsWith("translation")
    ? "translator"
    : "voice";
}

function sentenceCheck(stats: SpeakerStats, where: string, problems: readonly string[]): SpeechCheck {
  const isSaid = stats.said > 0 && stats.failed === 0 && problems.length === 0;
  return {
    name: "sentence",
    isWorking: isSaid,
    detail: isSaid
      ? `“${testSentence}” said, ${(stats.spokenMs / 1000).toFixed(1)} s, to ${where}`
      : (problems[0] ?? "nothing was said"),
    cure: isSaid ? "If you did not hear it, look at the volume and the chosen output of the system." : null,
  };
}

/**
 * Opens everything that speech needs, one after another so that one missing part does not hide another, and says a test
 * sentence. A person must say whether it was heard: no program can.
 */
export async function checkSpeech(options: SpeakerOptions): Promise<SpeechReport> {
  const checks: SpeechCheck[] = [];
  const problems: string[] = [];
  const withoutSound = {
    name: "none",
    sampleRateHz: 16_000,
    play: () => ({ started: Promise.resolve(0), ended: Promise.resolve("played" as const) }),
    silence: () => undefined,
    close: async () => undefined,
  };
  // Voice and translator first, into nowhere: a machine without a loudspeaker has them all the same.
  try {
    const { info, close } = await openSpeaker({ ...options, sink: withoutSound });
    checks.push(found("voice", info.voice));
    if (info.translator !== null) checks.push(found("translator", info.translator));
    await close();
  } catch (error) {
    checks.push(fromError(partOf(error), error));
  }
  let stats: SpeakerStats | undefined;
  if (checks.every(({ isWorking }) => isWorking)) {
    try {
      const speaker = await openSpeaker({
        ...options,
        format: "plain",
        onEvent: (event) => {
          if (event.type === "failed") problems.push(event.error.message);
          if (event.type === "untranslated") problems.push(event.reason);
        },
      });
      checks.push({ name: "sound", isWorking: true, detail: speaker.info.sink, cure: null });
      await speaker.write(testSentence);
      stats = await speaker.end();
      checks.push(sentenceCheck(stats, speaker.info.sink, problems));
    } catch (error) {
      // Voice and translator have just been opened: what is new is where the sound goes.
      checks.push(fromError("sound", error));
    }
  }
  return {
    schema_version: 1,
    kind: "doctor_speech",
    checks,
    response_ms: stats?.response?.p50 ?? null,
    spoken_ms: stats === undefined ? null : stats.spokenMs,
    is_ready: checks.every(({ isWorking }) => isWorking),
  };
}
