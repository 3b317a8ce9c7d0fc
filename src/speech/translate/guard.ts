import { LimbeckError } from "../../base/errors.ts";
import type { Language, Segment, Translator } from "../types.ts";
import { type TranslationEngine, translationCancelled } from "./engine.ts";
import { isUntranslatable, whyUnusable } from "./judge.ts";
import {
  type Cut,
  cutAtVerbatim,
  join,
  type PlaceholderForm,
  type Protected,
  placeholderForms,
  protect,
  type Restored,
  restore,
} from "./placeholders.ts";

/** A segment's words, and in which language a voice must read them. */
export interface Translated {
  readonly text: string;
  readonly language: Language;
  /** False where `text` is the segment's own, in the source language. */
  readonly translated: boolean;
  /** Why it was not translated. */
  readonly reason?: string;
  /** Verbatim parts of `text`, as a segment's. */
  readonly verbatim: Segment["verbatim"];
}

/**
 * Translates one segment around its verbatim parts. Whatever fails, the answer can be spoken: then it is the segment
 * itself, in the source language, with the reason. Errors: `cancelled` only.
 */
export async function translateSegment(
  translator: Translator,
  segment: Segment,
  signal: AbortSignal,
): Promise<Translated> {
  const [translated] = await translateSegments(translator, [segment], signal);
  return translated!;
}

/** One segment on its way. */
interface Job {
  readonly segment: Segment;
  readonly cut: Cut;
  readonly sent: Protected | undefined;
  result?: Translated;
}

/**
 * As `translateSegment` for segments that wait together: one call for all, and one more for those that lost a verbatim
 * part, with the texts between these parts translated one by one. Errors: `cancelled` only.
 */
export async function translateSegments(
  translator: Translator,
  segments: readonly Segment[],
  signal: AbortSignal,
): Promise<readonly Translated[]> {
  if (signal.aborted) throw translationCancelled(translator.name);
  const form = (translator as Partial<TranslationEngine>).placeholders ?? placeholderForms.brackets;
  const { target } = translator.direction;
  const jobs = segments.map((segment): Job => {
    const cut = cutAtVerbatim(segment);
    const sent = protect(cut, form);
    // Names and numbers alone are the same in the target's language.
    if (isUntranslatable(cut.around)) {
      const { text, verbatim } = segment;
      return { segment, cut, sent, result: { text, verbatim, language: target, translated: true } };
    }
    return { segment, cut, sent };
  });
  const open = jobs.filter(({ result }) => result === undefined);
  const again = await translateWhole(translator, form, open, signal);
  await translatePieces(translator, again, signal);
  return jobs.map(({ result, segment }) => result ?? untranslated(translator, segment, "nothing was tried"));
}

/** Settles jobs in one call; returns those to be tried in pieces. */
async function translateWhole(
  translator: Translator,
  form: PlaceholderForm,
  jobs: readonly Job[],
  signal: AbortSignal,
): Promise<Job[]> {
  const whole = jobs.filter(({ sent }) => sent !== undefined);
  const again = jobs.filter(({ sent }) => sent === undefined);
  const texts = await call(
    translator,
    whole.map(({ sent }) => sent!.text),
    signal,
  );
  whole.forEach((job, i) => {
    if (!Array.isArray(texts)) {
      job.result = untranslated(translator, job.segment, texts.reason);
      return;
    }
    const restored = restore(texts[i]!, job.sent!, form);
    if ("reason" in restored && job.cut.kept.length > 0) again.push(job);
    else settle(translator, job, restored);
  });
  return again;
}

/** The texts between verbatim parts one by one: no order of words to lose them in, and a poorer sentence. */
async function translatePieces(
  translator: Translator,
  jobs: readonly Job[],
  signal: AbortSignal,
): Promise<void> {
  const isSaid = (piece: string): boolean => /\p{L}/u.test(piece);
  const texts = await call(
    translator,
    jobs.flatMap(({ cut }) => cut.around.filter(isSaid).map((piece) => piece.trim())),
    signal,
  );
  let next = 0;
  for (const job of jobs) {
    if (!Array.isArray(texts)) {
      job.result = untranslated(translator, job.segment, texts.reason);
      continue;
    }
    const around = job.cut.around.map((piece) =>
      isSaid(piece) ? piece.replace(/\S(?:.*\S)?/s, () => texts[next++]!.trim()) : piece,
    );
    settle(translator, job, join(around, job.cut.kept));
  }
}

function settle(translator: Translator, job: Job, restored: Restored): void {
  const { direction } = translator;
  if ("reason" in restored) {
    job.result = untranslated(translator, job.segment, restored.reason);
    return;
  }
  const text = restored.text.trimEnd();
  const why = whyUnusable(job.cut, cutAtVerbatim({ ...restored, text }), direction);
  job.result =
    why === undefined
      ? { text, verbatim: restored.verbatim, language: direction.target, translated: true }
      : untranslated(translator, job.segment, why);
}

function untranslated(translator: Translator, { text, verbatim }: Segment, reason: string): Translated {
  return { text, verbatim, language: translator.direction.source, translated: false, reason };
}

/** The engine's answer, or why there is none. Errors: `cancelled` only. */
async function call(
  translator: Translator,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<string[] | { readonly reason: string }> {
  if (texts.length === 0) return [];
  try {
    const answer = await translator.translate(texts, signal);
    if (answer.length === texts.length) return [...answer];
    return { reason: `${translator.name}: expected ${texts.length} texts, got ${answer.length}` };
  } catch (error) {
    if (signal.aborted) throw translationCancelled(translator.name);
    if (error instanceof LimbeckError) return { reason: error.message };
    return { reason: `${translator.name}: ${(error as Error).message}` };
  }
}
