import { isMath, mathTokens } from "./math.ts";
import type { Segmenter } from "./segmenter.ts";
import type { Token } from "./tokens.ts";
import { verbatim, words } from "./tokens.ts";
import { codeTokens, type WordContext, wordTokens } from "./words.ts";

/** Markdown inside a paragraph: code, links, emphasis, tags, formulas; word by word. */
export interface InlineReader {
  word(text: string, isGlued: boolean): void;
  /** The paragraph ends: what is open was no markup. */
  end(): void;
}

/** What begins at an opener: so much of the text in these words; other text to read in its place; or not yet known. */
type Found =
  | { readonly end: number; readonly tokens: readonly Token[] }
  | { readonly end: number; readonly text: string }
  | "open"
  | undefined;

/** An opener that is still open after so many characters was none. */
const maxOpen = 400;
const maxOpenMath = 80;
/** Words that wait are read again with each new one: so many characters of them at most. */
const maxHeld = 2 * maxOpen;

const mayOpen = /[`[<$\\]/;
const knownTag =
  /^<\/?(?:a|abbr|b|blockquote|br|button|code|dd|del|details|div|dl|dt|em|font|footer|form|h[1-6]|header|hr|i|img|input|ins|kbd|label|li|main|mark|nav|ol|p|pre|q|s|samp|section|small|span|strong|sub|summary|sup|svg|table|tbody|td|th|thead|tr|u|ul|var|video)(?=[\s/>])/i;

/** Marks that belong to the word before them, also where a picture or a reference stood between. */
const closingMarks = /^[.,;:!?)\]]+$/;
const blockTag = /^<\/?(?:br|dd|details|div|dt|h[1-6]|hr|li|ol|p|summary|table|td|th|tr|ul)\b/i;

/** The place after the bracket that closes the one at `start`; -1 where none does. */
function closing(text: string, start: number, open: string, close: string): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === open) depth++;
    else if (text[i] === close && --depth === 0) return i + 1;
  }
  return -1;
}

function readCode(text: string, at: number): Found {
  const ticks = /^`+/.exec(text.slice(at))?.[0] ?? "`";
  for (let i = at + ticks.length; i < text.length; i++) {
    if (text[i] !== "`") continue;
    let n = 1;
    while (text[i + n] === "`") n++;
    if (n === ticks.length) return { end: i + n, tokens: codeTokens(text.slice(at + n, i)) };
    i += n - 1;
  }
  return "open";
}

function readLink(text: string, at: number): Found {
  const isImage = text[at - 1] === "!";
  const labelEnd = closing(text, at, "[", "]");
  if (labelEnd < 0) return "open";
  const label = text.slice(at + 1, labelEnd - 1);
  if (/^\^[\w-]+$/.test(label)) return { end: text[labelEnd] === ":" ? labelEnd + 1 : labelEnd, tokens: [] };
  let end = labelEnd;
  if (text[labelEnd] === "(") {
    end = closing(text, labelEnd, "(", ")");
    if (end < 0) return "open";
  } else if (text[labelEnd] === "[") {
    end = closing(text, labelEnd, "[", "]");
    if (end < 0) return "open";
  } else if (/^\d{1,3}$/.test(label)) {
    // A reference to a source.
    return { end, tokens: [] };
  } else {
    return undefined;
  }
  if (isImage) return { end, text: label.trim() === "" ? "an image" : `an image: ${label}` };
  return label.trim() === "" ? { end, tokens: [words("a link")] } : { end, text: label };
}

function readTag(text: string, at: number): Found {
  const rest = text.slice(at, at + maxOpen);
  const address = /^<((?:https?:\/\/|mailto:)[^\s<>]+|[\w.+-]+@[\w.-]+)>/.exec(rest);
  if (address) return { end: at + address[0].length, text: address[1] ?? "" };
  if (!/^<\/?[a-zA-Z]/.test(rest)) return undefined;
  const end = rest.indexOf(">");
  if (end < 0) return knownTag.test(`${rest} `) || /^<\/?[a-z]+$/i.test(rest) ? "open" : undefined;
  const tag = rest.slice(0, end + 1);
  if (knownTag.test(tag)) return { end: at + tag.length, text: blockTag.test(tag) ? " " : "" };
  // A place to fill in: "<your name>".
  const name = /^<([a-zA-Z][\w -]*)>$/.exec(tag)?.[1];
  return name === undefined
    ? undefined
    : { end: at + tag.length, tokens: [verbatim(name.replace(/[_-]/g, " "))] };
}

function readMath(text: string, at: number): Found {
  const isDollar = text[at] === "$";
  const opener = isDollar ? (text.startsWith("$$", at) ? "$$" : "$") : text.slice(at, at + 2);
  const closer = isDollar ? opener : opener === "\\(" ? "\\)" : "\\]";
  const from = at + opener.length;
  if (isDollar && (/^[\s\d]|^[A-Z_]{2,}|^\{/.test(text.slice(from, from + 2)) || from >= text.length))
    return undefined;
  const end = text.indexOf(closer, from);
  if (end < 0) return text.length - at > maxOpenMath ? undefined : "open";
  const source = text.slice(from, end);
  if (isDollar && (/\s$/.test(source) || /^\w/.test(text.slice(end + closer.length)) || !isMath(source)))
    return undefined;
  return { end: end + closer.length, tokens: mathTokens(source) };
}

function readOpener(text: string, at: number): Found {
  const char = text[at];
  if (char === "`") return readCode(text, at);
  if (char === "[")
    return /[\w\])]/.test(text[at - 1] ?? "") && text[at + 1] !== "^" ? undefined : readLink(text, at);
  if (char === "<")
    return /\w/.test(text[at - 1] ?? "") && !knownTag.test(text.slice(at)) ? undefined : readTag(text, at);
  if (char === "$") return /\w/.test(text[at - 1] ?? "") ? undefined : readMath(text, at);
  return text[at + 1] === "(" || text[at + 1] === "[" ? readMath(text, at) : undefined;
}

export function createInlineReader(segmenter: Segmenter): InlineReader {
  /** Words that wait for the end of a markup that one of them opened. */
  let held = "";
  let isHeldGlued = false;

  /** Asked for by the words that need it only. */
  const context: WordContext = {
    get isFirst() {
      return segmenter.isAtStart;
    },
    get isAfterNumber() {
      return segmenter.isAfterNumber;
    },
    get previous() {
      return segmenter.lastWord;
    },
  };

  const sayWord = (written: string, isGlued: boolean): void => {
    const { tokens, isOpen } = wordTokens(written, context);
    if (tokens.length === 0) return;
    const isMark = tokens.length === 1 && closingMarks.test(tokens[0]?.text ?? "");
    segmenter.push(tokens, isGlued || isMark, isOpen);
  };

  /** Words and glued pieces of `text`, which holds no markup any more. */
  const sayPlain = (text: string, isGlued: boolean): void => {
    let glued = isGlued;
    for (const word of text.split(" ")) {
      if (word !== "") {
        sayWord(word, glued);
        glued = false;
      } else glued = false;
    }
  };

  const scan = (isFinal: boolean): void => {
    let start = 0;
    let isGlued = isHeldGlued;
    let wordStart = 0;
    /** Tokens of the word that is being read: markup and what is glued to it are said as one. */
    let parts: Token[] = [];
    const flushWord = (to: number): void => {
      const plain = held.slice(start, to);
      if (parts.length === 0) sayPlain(plain, isGlued);
      else {
        if (plain !== "") parts.push(...gluedTokens(plain));
        segmenter.push(parts, isGlued);
        parts = [];
      }
      isGlued = false;
    };
    let i = 0;
    while (i < held.length) {
      const char = held[i] ?? "";
      if (char === " ") {
        if (i > start || parts.length > 0) flushWord(i);
        isGlued = false;
        start = ++i;
        wordStart = i;
        continue;
      }
      if (!mayOpen.test(char)) {
        i++;
        continue;
      }
      const found = readOpener(held, i);
      if (found === "open" && !isFinal && held.length - i < maxOpen && held.length < maxHeld) {
        // The word is read again once more of it is here.
        held = held.slice(wordStart);
        isHeldGlued = isGlued;
        return;
      }
      if (found === undefined || found === "open") {
        // No markup: a backtick is silent, an escaped mark is itself, the rest is part of the word.
        const isEscape = char === "\\" && /[!-/:-@[-`{-~]/.test(held[i + 1] ?? "");
        if (isEscape || char === "`" || (char === "[" && !/\w/.test(held[i - 1] ?? ""))) {
          held = held.slice(0, i) + held.slice(i + 1);
          if (isEscape) i++;
        } else i++;
        continue;
      }
      const isImage = char === "[" && held[i - 1] === "!";
      const from = isImage ? i - 1 : i;
      if ("text" in found) {
        held = held.slice(0, from) + found.text + held.slice(found.end);
        i = from;
        continue;
      }
      const plain = held.slice(start, from);
      if (plain !== "") parts.push(...gluedTokens(plain));
      parts.push(...found.tokens);
      start = found.end;
      i = found.end;
    }
    if (start < held.length || parts.length > 0) flushWord(held.length);
    held = "";
    isHeldGlued = false;
  };

  /** Marks and letters that touch markup. */
  const gluedTokens = (text: string): readonly Token[] => {
    const bare = text.replace(/[*`]+|~~/g, "");
    if (/^[^\p{L}\p{N}]*$/u.test(bare) || /^[-'’]?\p{L}+[.,;:!?)]*$/u.test(bare))
      return bare === "" ? [] : [words(bare)];
    return wordTokens(bare, context).tokens;
  };

  return {
    word: (text, isGlued) => {
      if (held === "" && !mayOpen.test(text)) return sayWord(text, isGlued);
      if (held === "") isHeldGlued = isGlued;
      held += held === "" || isGlued ? text : ` ${text}`;
      scan(false);
    },
    end: () => {
      if (held !== "") scan(true);
    },
  };
}
