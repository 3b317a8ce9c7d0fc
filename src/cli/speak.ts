import * as fs from "node:fs";
import { LimbeckError } from "../base/errors.ts";
import { control, openControlSocket, sendControl } from "../speech/control.ts";
import { openSpeaker } from "../speech/speak.ts";
import type { Speaker, SpeakerOptions } from "../speech/speaker-types.ts";
import { listVoices } from "../speech/voice/voices.ts";
import type { CliContext, CommandResult } from "./execute.ts";
import type { SpeakFlags } from "./flags.ts";
import { readSecret } from "./secret-input.ts";
import { commandInput, fileInput, type SpeakInput, streamInput, textInput } from "./speak-input.ts";
import { keysHelp, openKeys } from "./speak-keys.ts";
import {
  createEventView,
  describeSpeaker,
  statsDocument,
  statsTable,
  summaryLine,
  voiceTable,
} from "./speak-view.ts";

/** Where the stream comes from: one of four. */
type Source = "say" | "follow" | "command" | "stdin";

function sourceOf(flags: SpeakFlags, command: readonly string[], isAfterDashes: boolean): Source {
  const given: Source[] = [];
  if (flags.say !== undefined) given.push("say");
  if (flags.follow !== undefined) given.push("follow");
  if (command.length > 0) given.push("command");
  if (given.length > 1) {
    throw new LimbeckError("usage", `speak: expected one source, got ${given.join(" and ")}`, {
      cure: "Give --say, --follow or a command after `--`; without them standard input is spoken.",
    });
  }
  if (command.length > 0 && !isAfterDashes) {
    throw new LimbeckError("usage", `speak: expected a command after \`--\`, got ${command[0]} before it`, {
      cure: `Write \`limbeck speak -- ${command.join(" ")}\` to run it, or --say to speak the words.`,
    });
  }
  if (flags.fromStart === true && flags.follow === undefined) {
    throw new LimbeckError("usage", "speak: --from-start: expected --follow with it, got none", {
      cure: "Name the file with --follow.",
    });
  }
  return given[0] ?? "stdin";
}

function speakerOptions(flags: SpeakFlags, note: (text: string) => void): SpeakerOptions {
  const { format, voice, language, translate, translateModel, translateUrl, to, out, pace, srt, device } =
    flags;
  const { rate, volume, mode, config, acceptNoncommercial } = flags;
  if (translate !== undefined && translate !== "none" && to === undefined && config === undefined) {
    throw new LimbeckError(
      "usage",
      `speak: --translate ${translate}: expected a language to speak, got none`,
      {
        cure: "Name it with --to, as --to es.",
      },
    );
  }
  const apiKey = readSecret(
    { what: "an API key", file: flags.translateKeyFile, variable: "LIMBECK_TRANSLATE_KEY" },
    process.env,
  );
  const view = createEventView();
  const given = {
    voice,
    language,
    translate,
    translateModel,
    translateUrl,
    to,
    out,
    pace,
    srt,
    device,
    rate,
    volume,
    mode,
    config,
    apiKey,
    acceptNonCommercial: acceptNoncommercial,
  };
  return {
    format: flags.say === undefined ? format : "plain",
    ...(Object.fromEntries(
      Object.entries(given).filter(([, value]) => value !== undefined),
    ) as SpeakerOptions),
    onEvent: (event) => {
      const text = view(event);
      if (text !== null) note(text);
    },
  };
}

interface Session {
  readonly flags: SpeakFlags;
  readonly source: Source;
  readonly command: readonly string[];
  readonly signal: AbortSignal;
}

function followInput({ flags, signal }: Session): Promise<SpeakInput> {
  return fileInput(flags.follow ?? "", flags.fromStart === true, signal);
}

function openInput({ flags, source, command, signal }: Session, hasKeys: boolean): SpeakInput {
  if (source === "say") return textInput(flags.say ?? "");
  if (source === "command") return commandInput(command, hasKeys && process.stdin.isTTY === true, signal);
  return streamInput(process.stdin, signal);
}

/** Speaks all of a stream. Returns the status of the command that wrote it. */
async function speakAll(speaker: Speaker, input: SpeakInput, signal: AbortSignal): Promise<number> {
  // Heard at once, not at the next piece of the stream.
  const stop = (): void => {
    // Its failure is told below, where it is awaited.
    speaker.close().catch(() => undefined);
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const piece of input.pieces) {
      if (signal.aborted) break;
      await speaker.write(piece);
    }
    const status = await input.status();
    if (!signal.aborted) await speaker.end();
    return status;
  } catch (error) {
    if (!signal.aborted) throw error;
    return 0;
  } finally {
    signal.removeEventListener("abort", stop);
    await speaker.close();
  }
}

async function speak(session: Session, { output, isQuiet }: CliContext): Promise<CommandResult> {
  const { flags, signal, source } = session;
  const note = (text: string): void => (isQuiet ? undefined : output.note(text));
  const speaker = await openSpeaker(speakerOptions(flags, output.note));
  const hush = (): void => void speaker.interrupt();
  process.on("SIGUSR2", hush);
  const keys = flags.keys
    ? openKeys({
        isStdinFree: source !== "stdin",
        onCommand: (command) => void control(speaker, command),
        onQuit: () => process.kill(process.pid, "SIGINT"),
      })
    : undefined;
  let socket: Awaited<ReturnType<typeof openControlSocket>> | undefined;
  try {
    // What is added to a file from now on counts; a command starts only once everything else is there.
    const followed = source === "follow" ? await followInput(session) : undefined;
    socket = flags.control === undefined ? undefined : await openControlSocket(flags.control, speaker);
    note(describeSpeaker(speaker.info));
    if (flags.follow !== undefined && !fs.existsSync(flags.follow)) note(`waiting for ${flags.follow}`);
    if (keys !== undefined) note(keysHelp);
    else if (source === "stdin" && process.stdin.isTTY) note("speaking what you type; Ctrl-D ends");
    const input = followed ?? openInput(session, keys !== undefined);
    const status = await speakAll(speaker, input, signal);
    const stats = speaker.stats();
    return {
      ...(isQuiet && flags.stats !== true
        ? {}
        : { text: [summaryLine(stats), ...(flags.stats === true ? [statsTable(stats)] : [])].join("\n") }),
      document: statsDocument(speaker.info, stats),
      exitStatus: status,
    };
  } finally {
    keys?.close();
    process.off("SIGUSR2", hush);
    await socket?.close();
    await speaker.close();
  }
}

/**
 * `limbeck speak`: speaks a stream while it is written. The exit status of a command after `--` is passed on. Errors: as
 * `openSpeaker`; `address_unavailable` (the control socket), `file_not_found`.
 */
export async function speakCommand(
  command: readonly string[],
  isAfterDashes: boolean,
  flags: SpeakFlags,
  context: CliContext,
): Promise<CommandResult> {
  if (flags.listVoices === true) {
    const voices = await listVoices();
    return {
      text: voiceTable(voices),
      document: {
        schema_version: 1,
        kind: "voices",
        voices: voices.map(({ name, engine, languages, licence, isAvailable, reason }) => ({
          name,
          engine,
          languages,
          licence: licence.name,
          is_commercial: licence.isCommercial,
          is_available: isAvailable,
          reason: reason ?? null,
        })),
      },
      exitStatus: 0,
    };
  }
  if (flags.send !== undefined) {
    if (flags.control === undefined) {
      throw new LimbeckError(
        "usage",
        "speak: --send: expected --control with the speaker's socket, got none",
        {
          cure: "Name the socket that the other speaker was started with.",
        },
      );
    }
    const answer = await sendControl(flags.control, flags.send);
    return { text: answer, document: JSON.parse(answer) as unknown, exitStatus: 0 };
  }
  const source = sourceOf(flags, command, isAfterDashes);
  return speak({ flags, source, command, signal: context.signal }, context);
}
