import type { Token } from "./tokens.ts";

/** A sentence or clause, as the narrator makes a `Segment` of it. */
export interface Sentence {
  readonly text: string;
  readonly verbatim: readonly (readonly [start: number, end: number])[];
}

export interface SegmenterOptions {
  /** In UTF-16 units; a longer sentence is cut at a clause, else at a word. */
  readonly maxLength: number;
  /** The first sentence is given out at its first clause. Default true. */
  readonly isEarly?: boolean;
  /** BCP 47, for the rules where sentences and words end. */
  readonly locale?: string;
}

export interface Segmenter {
  /** One word; `isGlued`: no space before it. */
  push(tokens: readonly Token[], isGlued: boolean, isOpen?: boolean): void;
  /** A paragraph ends. `addMark`: what ends without a mark (a heading, a list item) gets one. */
  end(addMark: boolean): void;
  /** Says what is held back, if it ends like a sentence or a clause. */
  flushIfEnded(): void;
  readonly isHolding: boolean;
  readonly isAtStart: boolean;
  /** Whether the last word was a number. */
  readonly isAfterNumber: boolean;
  /** The last word, lower case, without marks. */
  readonly lastWord: string;
}

/** What the end of the words so far may be. */
type EndKind = "none" | "clause" | "maybe" | "sentence";

const closers = `["'”’»)\\]」』）】]*`;
const strongEnd = new RegExp(`[!?。！？؟।]${closers}$`, "u");
const stopEnd = new RegExp(`(\\.{1,3}|…)${closers}$`, "u");
const clauseEnd = new RegExp(`[,;:，；：、—–]${closers}$`, "u");
const anyMark = new RegExp(`[.!?…:;,。！？，；：、؟।]${closers}$`, "u");

/** Abbreviations that a name follows. */
const titles = /^(?:dr|mr|mrs|ms|prof|st|al|gen|col|rev|hon|capt|lt|sgt|resp|ca|incl|excl|tel|dept)$/i;
/** Abbreviations that a number follows; without one they are words: "No. That is wrong." */
const beforeNumbers =
  /^(?:no|nos|fig|figs|eq|eqs|sec|secs|ch|vol|pp?|art|ed|est|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)$/i;
/** Abbreviations that may end a sentence. */
const maybeEnd = /^(?:etc|inc|ltd|co|corp|jr|sr|a\.m|p\.m|(?:\p{L}\.)+\p{L}|ph\.d)$/iu;
/** Words that begin a sentence far more often than a name. */
const starters =
  /^["“‘(]?(?:A|After|All|An|And|As|At|Because|But|By|Each|For|Here|However|I|If|In|It|Its|Next|No|Now|On|Once|One|Or|So|That|The|Then|There|These|They|This|Those|To|We|What|When|Where|While|With|Yes|You|Your)$/;
/** Words before which a long sentence may be cut. */
const joints =
  /^(?:and|but|or|because|which|while|so|then|that|where|when|if|although|with|und|oder|aber|y|pero|et|mais)$/i;

const minEarlyLength = 24;
const minEarlyWords = 4;
const cjk = /[\u3040-\u30ff\u4e00-\u9fff]/;
const minEarlyCjk = 8;

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** How many brackets and quotes are opened more than closed. */
function depthOf(text: string): number {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x28 || code === 0x201c || code === 0xff08) depth++;
    else if (code === 0x29 || code === 0x201d || code === 0xff09) depth--;
  }
  return depth;
}

const segmenters = new Map<string, { sentence: Intl.Segmenter; word: Intl.Segmenter }>();
function segmentersOf(locale: string): { sentence: Intl.Segmenter; word: Intl.Segmenter } {
  const found = segmenters.get(locale) ?? {
    sentence: new Intl.Segmenter(locale, { granularity: "sentence" }),
    word: new Intl.Segmenter(locale, { granularity: "word" }),
  };
  segmenters.set(locale, found);
  return found;
}

/**
 * Joins words to sentences: each is given out as soon as it is sure to be one. The first sentence is cut at its first
 * clause, so that speech begins early.
 */
export function createSegmenter(options: SegmenterOptions, give: (sentence: Sentence) => void): Segmenter {
  const { maxLength, isEarly = true } = options;
  const intl = segmentersOf(options.locale ?? "en");
  let text = "";
  let marked: [number, number][] = [];
  /** Where `text` may be cut: after a clause, before a joint, between words. */
  let cuts: { at: number; weight: number }[] = [];
  let wordCount = 0;
  let end: EndKind = "none";
  let hasGiven = false;
  let depth = 0;
  let lastWord = "";

  /** The marked parts of a part of the text: a name that is longer than a sentence may be is cut too. */
  const within = (start: number, stop: number): [number, number][] =>
    marked
      .map(([from, to]): [number, number] => [Math.max(from, start) - start, Math.min(to, stop) - start])
      .filter(([from, to]) => to > from);

  const giveOut = (length: number): void => {
    const said = text.slice(0, length).trimEnd();
    const left = text.slice(length);
    const rest = left.trimStart();
    const offset = length + (left.length - rest.length);
    if (/[\p{L}\p{N}]/u.test(said)) {
      give({ text: said, verbatim: within(0, said.length) });
      hasGiven = true;
    }
    text = rest;
    marked = within(offset, length + left.length);
    cuts = cuts.filter(({ at }) => at > offset).map(({ at, weight }) => ({ at: at - offset, weight }));
    wordCount = rest === "" ? 0 : rest.split(" ").length;
    end = "none";
    depth = 0;
    if (rest === "") lastWord = "";
  };

  /** Cuts a word that is longer than any sentence may be, where a word of its language ends. */
  const cutInside = (): number => {
    let at = text.lastIndexOf(" ", maxLength);
    if (at > 0) return at;
    for (const { index, segment } of intl.word.segment(text.slice(0, maxLength + 1))) {
      if (index + segment.length > maxLength) break;
      at = index + segment.length;
    }
    // Not between the halves of a character.
    const isHalf = /[\ud800-\udbff]/.test(text[maxLength - 1] ?? "");
    return at > 0 ? at : maxLength - (isHalf ? 1 : 0);
  };

  const bound = (): void => {
    while (text.length > maxLength) {
      let best = 0;
      let score = 0;
      for (const { at, weight } of cuts) {
        if (at > maxLength) break;
        // A later cut is better, a better kind of place better still.
        const value = weight * (0.4 + at / maxLength);
        if (at >= Math.min(8, maxLength) && value > score) {
          best = at;
          score = value;
        }
      }
      const kind = end;
      giveOut(best > 0 ? best : cutInside());
      end = text === "" ? "none" : kind;
    }
  };

  const endKind = (isOpen: boolean): EndKind => {
    // Nearly every word ends with a letter.
    const code = text.charCodeAt(text.length - 1) | 32;
    if (code >= 97 && code <= 122) return "none";
    const token = text.slice(text.lastIndexOf(" ") + 1);
    const isVerbatimEnd = marked.at(-1)?.[1] === text.length;
    if (isVerbatimEnd || isOpen) return "none";
    if (strongEnd.test(token)) return "sentence";
    const stop = stopEnd.exec(token);
    if (stop === null) return clauseEnd.test(token) ? "clause" : "none";
    if (stop[1] !== ".") return "maybe";
    const core = token.slice(0, stop.index).replace(/^["'“‘(]+/, "");
    if (titles.test(core)) return "none";
    if (beforeNumbers.test(core)) return "maybe";
    if (maybeEnd.test(core)) return "maybe";
    // "J. Smith", and "plan B." before a word that begins sentences.
    if (/^\p{Lu}$/u.test(core) && core !== "I") return "maybe";
    // The number of a list's item.
    if (/^\d+$/.test(core) && wordCount <= 1) return "none";
    return "sentence";
  };

  const endsBefore = (next: string): boolean => {
    const token = text.slice(text.lastIndexOf(" ") + 1);
    const core = token.replace(/\.[^.]*$/, "");
    const name = core.replace(/^["'“‘(]+/, "");
    if (beforeNumbers.test(name)) return !/^\d/.test(next);
    if (/^\p{Lu}$/u.test(name)) return starters.test(next);
    if (/\p{L}\.\p{L}$/u.test(core)) return starters.test(next);
    const joined = `${token} ${next}`;
    const first = intl.sentence.segment(joined)[Symbol.iterator]().next();
    return first.done !== true && first.value.segment.length < joined.length;
  };

  const canStartEarly = (): boolean =>
    isEarly &&
    !hasGiven &&
    depth <= 0 &&
    (cjk.test(text)
      ? text.length >= minEarlyCjk
      : text.length >= minEarlyLength && wordCount >= minEarlyWords);

  return {
    push: (tokens, isGlued, isOpen = false) => {
      const [first] = tokens;
      const next = tokens.length === 1 ? (first?.text ?? "") : tokens.map((token) => token.text).join("");
      if (next === "") return;
      if (end === "maybe" && !isGlued && endsBefore(next)) giveOut(text.length);
      const isJoined = isGlued || text === "";
      if (!isJoined) {
        cuts.push({
          at: text.length,
          weight: end === "clause" ? 3 : joints.test(next) && !joints.test(lastWord) ? 2 : 1,
        });
        text += " ";
      } else if (text !== "" && end !== "none") {
        cuts.push({ at: text.length, weight: 3 });
      }
      if (!isJoined || text === "") wordCount++;
      for (const token of tokens) {
        const from = text.length;
        text += token.text;
        const last = marked.at(-1);
        if (!token.verbatim) continue;
        if (last !== undefined && last[1] === from) last[1] = text.length;
        else marked.push([from, text.length]);
      }
      depth += depthOf(next);
      lastWord = next.slice(next.lastIndexOf(" ") + 1);
      end = endKind(isOpen);
      bound();
      if (text !== "" && (end === "sentence" || (end === "clause" && canStartEarly()))) giveOut(text.length);
    },
    end: (addMark) => {
      if (text !== "") {
        if (addMark && !anyMark.test(text) && /[\p{L}\p{N}]/u.test(text)) text += ".";
        bound();
        if (text !== "") giveOut(text.length);
      }
      lastWord = "";
    },
    flushIfEnded: () => {
      if (text !== "" && end !== "none") giveOut(text.length);
    },
    get isHolding() {
      return text !== "" && end !== "none";
    },
    get isAtStart() {
      return text === "";
    },
    get isAfterNumber() {
      return isDigit(lastWord.charCodeAt(0)) || isDigit(lastWord.charCodeAt(1));
    },
    get lastWord() {
      return lastWord.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
    },
  };
}
