import * as fs from "node:fs";
import { LimbeckError } from "../../base/errors.ts";
import type { Direction } from "../types.ts";
import { apertiumDataFolder, debianPackage, findMode, listModes, pipelineScript } from "./apertium-modes.ts";
import { fromStream, toStream } from "./apertium-stream.ts";
import { type TranslationEngine, translationCancelled, translationFailed } from "./engine.ts";
import { openPipe, type Pipe } from "./pipe.ts";
import { placeholderForms } from "./placeholders.ts";

/** The programs are run, not linked: their licence is theirs alone. */
export const apertiumLicence = { name: "GPL-2.0-or-later", isCommercial: true } as const;

/** Why a direction cannot be translated here, with its cure; undefined where it can. */
export function whyNoApertium(
  direction: Direction,
  env: NodeJS.ProcessEnv = process.env,
): { readonly what: string; readonly cure: string } | undefined {
  const { source, target } = direction;
  const debian = debianPackage(direction);
  const cure =
    debian === undefined
      ? `Debian has no pair for ${source} and ${target}: choose another engine.`
      : `Install it: apt-get install apertium ${debian}`;
  const folder = apertiumDataFolder(env);
  if (folder === undefined) return { what: "expected it to be installed, found no lt-proc", cure };
  const modes = listModes(folder);
  if (findMode(modes, direction) !== undefined) return undefined;
  const names = modes.map(({ name }) => name).join(", ") || "none";
  return { what: `expected a pair from ${source} to ${target}, found ${names}`, cure };
}

export interface ApertiumOptions {
  readonly direction: Direction;
  /** A text without an answer for so long ends the processes; the next text starts new ones. */
  readonly timeoutMs: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** Time for the first answer, with all dictionaries to be read; and until it counts as one that comes only at the end. */
const startMs = 20_000;
const flushMs = 5000;

/**
 * Apertium as one pipeline that stays: a sentence costs milliseconds and not the start of ten programs. Where a pipeline
 * answers only at the end of its input, every text gets a pipeline of its own, started while the one before
 * is spoken. Texts run one after another. Errors: `missing_dependency`, `translation_failed`.
 */
export async function openApertium({
  direction,
  timeoutMs,
  env = process.env,
}: ApertiumOptions): Promise<TranslationEngine> {
  const why = whyNoApertium(direction, env);
  if (why !== undefined)
    throw new LimbeckError("missing_dependency", `apertium: ${why.what}`, { cure: why.cure });
  const { name, file } = findMode(listModes(apertiumDataFolder(env)!), direction)!;
  const script = pipelineScript(fs.readFileSync(file, "utf8"));
  const pipe = await openPipe({
    name: "apertium",
    command: "sh",
    args: ["-c", script, "sh", "-n", ""],
    env,
    timeoutMs,
    startMs,
    flushMs,
    probe: toStream("."),
  });
  return overPipe(`apertium:${name}`, direction, pipe);
}

/** The engine over any pipe that speaks Apertium's stream. */
export function overPipe(name: string, direction: Direction, pipe: Pipe): TranslationEngine {
  return {
    name,
    licence: apertiumLicence,
    isRemote: false,
    direction,
    placeholders: placeholderForms.bracketsAndNumbers,
    translate: async (texts, signal) => {
      const answers: string[] = [];
      for (const text of texts) {
        if (signal.aborted) throw translationCancelled(name);
        let stream: string;
        try {
          stream = await pipe.ask(toStream(text), signal);
        } catch (error) {
          if (error instanceof LimbeckError) throw error;
          if (signal.aborted) throw translationCancelled(name);
          throw translationFailed(name, (error as Error).message, error);
        }
        const answer = fromStream(stream, text);
        // A stage that gave up passes on the ends of texts alone, for ever.
        if (answer === "" && /\p{L}/u.test(text)) {
          pipe.restart();
          throw translationFailed(name, "expected an answer, got an empty one; it is started anew");
        }
        answers.push(answer);
      }
      return answers;
    },
    close: () => pipe.close(),
  };
}
