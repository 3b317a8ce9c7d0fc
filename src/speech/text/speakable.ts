import { createBlockReader } from "./blocks.ts";
import { createHiddenFilter } from "./hidden.ts";
import { createInlineReader } from "./inline.ts";
import { createSegmenter, type SegmenterOptions, type Sentence } from "./segmenter.ts";
import { createUnitReader } from "./units.ts";

/** One text in speech, as it grows: words in, sentences out. */
export interface SpeakableText {
  /** More of the text, cut anywhere. */
  push(text: string): void;
  /** The text fell silent: what ends like a sentence or a clause is said without waiting for what may follow. */
  flushIfEnded(): void;
  /** The text is whole. */
  end(): void;
  /** Whether `flushIfEnded` would say something. */
  readonly isHolding: boolean;
}

/**
 * Cleans and cuts one text (Markdown, as agents write it) into sentences for a voice. The sentences do not depend on how
 * the text was cut into pieces.
 */
export function createSpeakableText(
  options: SegmenterOptions,
  give: (sentence: Sentence) => void,
): SpeakableText {
  const units = createUnitReader();
  const segmenter = createSegmenter(options, give);
  const blocks = createBlockReader(createInlineReader(segmenter), segmenter);
  const hidden = createHiddenFilter(blocks.take, () => blocks.isInCode);
  return {
    push: (text) => units.push(text, hidden.take),
    flushIfEnded: () => {
      units.flushIfEnded(hidden.take);
      if (!blocks.isInCode) segmenter.flushIfEnded();
    },
    end: () => {
      units.end(hidden.take);
      blocks.end();
    },
    get isHolding() {
      return !blocks.isInCode && (units.isEnded || segmenter.isHolding);
    },
  };
}

/** The sentences of a whole text: there is no hurry to begin with half of one. */
export function speakText(text: string, options: SegmenterOptions = { maxLength: 240 }): readonly Sentence[] {
  const sentences: Sentence[] = [];
  const speakable = createSpeakableText({ isEarly: false, ...options }, (sentence) =>
    sentences.push(sentence),
  );
  speakable.push(text);
  speakable.end();
  return sentences;
}
