/**
 * Text in canonical pieces: whole words and line ends. Everything after this stage sees the same pieces however the text
 * was cut into chunks, so that no later stage can depend on the cut.
 */
export type TextUnit =
  | {
      readonly type: "word";
      readonly text: string;
      /** White space before it on its line; "" where it is glued to the word before. */
      readonly before: string;
    }
  | { readonly type: "newline" };

export interface UnitReader {
  push(text: string, take: (unit: TextUnit) => void): void;
  /** The word so far is whole if it ends like a sentence or a clause: what is said when the stream falls silent. */
  flushIfEnded(take: (unit: TextUnit) => void): void;
  end(take: (unit: TextUnit) => void): void;
  /** Whether `flushIfEnded` would give a word. */
  readonly isEnded: boolean;
}

/** Longer words are no language: the rest of them is dropped. */
export const maxWordLength = 2000;

/** Marks after which a script without spaces may end a word. */
const fullWidthMark = /[。！？｡、，；：]/;
const closer = /[)\]}"'”’»」』）】》]/;
/** Sequences that colour a terminal, and other controls. */
const controls = /\p{Cc}\[[0-9;?]*[A-Za-z]|[\p{Cc}\ufeff]/gu;
/** A stop after a digit may be a decimal point yet. */
const endsClause = /(?:[\p{L})\]}"'”’»`*][.!?…:;,]|\p{N}[!?…:;,])["'”’»)\]*_`]*$|[。！？、，；：]$/u;

const isSpace = (code: number): boolean =>
  code === 32 || code === 9 || code === 13 || code === 11 || code === 12 || code === 0xa0 || code === 0x3000;

export function createUnitReader(): UnitReader {
  let before = "";
  let word = "";
  /** The word ends with a full-width mark: it ends before the next character that is no mark and closes nothing. */
  let isMarked = false;
  let hasControls = false;

  const emitWord = (take: (unit: TextUnit) => void): void => {
    if (word === "") return;
    const whole = word.length > maxWordLength ? word.slice(0, maxWordLength) : word;
    const text = hasControls ? whole.replace(controls, "") : whole;
    if (text !== "") take({ type: "word", text, before });
    word = "";
    before = "";
    isMarked = false;
    hasControls = false;
  };

  /** Characters that hold no white space, and full-width marks only if `isWide`. */
  const append = (text: string, isWide: boolean, take: (unit: TextUnit) => void): void => {
    if (!isWide && !isMarked) {
      if (word.length < maxWordLength) word += text;
      return;
    }
    for (const char of text) {
      if (isMarked && !fullWidthMark.test(char) && !closer.test(char)) emitWord(take);
      if (fullWidthMark.test(char)) isMarked = true;
      if (word.length < maxWordLength) word += char;
    }
  };

  return {
    push: (text, take) => {
      let start = 0;
      let isWide = false;
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        if (code > 32 && code < 127) continue;
        if (code !== 10 && !isSpace(code)) {
          if (code >= 0x3001) isWide = true;
          if (code < 0xa0 || code === 0xfeff) hasControls = true;
          continue;
        }
        if (i > start) append(text.slice(start, i), isWide, take);
        isWide = false;
        emitWord(take);
        if (code === 10) {
          before = "";
          take({ type: "newline" });
        } else if (before.length < maxWordLength) {
          before += code === 13 ? "" : text[i];
        }
        start = i + 1;
      }
      if (start < text.length) append(start === 0 ? text : text.slice(start), isWide, take);
    },
    flushIfEnded: (take) => {
      if (endsClause.test(word)) emitWord(take);
    },
    end: (take) => {
      emitWord(take);
      before = "";
    },
    get isEnded() {
      return endsClause.test(word);
    },
  };
}
