import { type Fence, openFence } from "./fence.ts";
import type { InlineReader } from "./inline.ts";
import {
  diffBody,
  itemStart,
  type LineKind,
  lineKindOf,
  setextUnderline,
  tableDelimiter,
} from "./line-kinds.ts";
import type { Segmenter } from "./segmenter.ts";
import { countLine, openRun, runTokens, type SilentKind, type SilentRun } from "./silent-run.ts";
import { type Token, verbatim, words } from "./tokens.ts";
import type { TextUnit } from "./units.ts";

/** Markdown by lines: which are prose, which are silent, and what is said in place of those. */
export interface BlockReader {
  take(unit: TextUnit): void;
  /** The text is over. */
  end(): void;
  /** Inside a code block: nothing there is markup. */
  readonly isInCode: boolean;
}

type Word = Extract<TextUnit, { type: "word" }>;

/** The line that is being read. */
interface Line {
  /** Its words joined, without indentation and list marker. */
  text: string;
  words: Word[];
  count: number;
  indent: number;
  kind: LineKind | undefined;
  /** It is in a block quote. */
  isQuote: boolean;
  /** A list's marker begins it. */
  isItem: boolean;
  /** It may be a table's head: the next line tells. */
  isHead: boolean;
}

const silentKinds: Partial<Record<LineKind, SilentKind>> = {
  code: "code",
  command: "command",
  diff: "diff",
  log: "log",
  table: "table",
  trace: "trace",
};

/** A line that a picture begins is an item of a list without markers. */
const beginsWithSign = /^(?:\p{Extended_Pictographic}|[\u2713\u2717\u2718])/u;

function widthOf(space: string): number {
  let width = 0;
  for (const char of space) width += char === "\t" ? 4 : 1;
  return width;
}

export function createBlockReader(inline: InlineReader, segmenter: Segmenter): BlockReader {
  const newLine = (): Line => ({
    text: "",
    words: [],
    count: 0,
    indent: 0,
    kind: undefined,
    isQuote: false,
    isItem: false,
    isHead: false,
  });
  let line = newLine();
  /** What the prose before belongs to: a heading and an item end with a mark. */
  let prose: "none" | "paragraph" | "item" | "heading" = "none";
  let run: SilentRun | undefined;
  let fence: { block: Fence; isQuote: boolean } | undefined;
  /** The end of a formula over several lines. */
  let formulaEnd = "";
  /** A line with bars, which is a table's head if the next line says so. */
  let head: Word[] | undefined;
  let wasBlank = true;
  /** Where the text of the innermost list item begins. */
  let listIndent = 0;

  const say = (tokens: readonly Token[]): void => {
    if (tokens.length === 0) return;
    segmenter.push(tokens, false);
    segmenter.end(false);
  };
  const closeProse = (): void => {
    if (prose === "none") return;
    inline.end();
    segmenter.end(prose !== "paragraph");
    prose = "none";
  };
  const closeRun = (): void => {
    if (run === undefined) return;
    const ended = run;
    run = undefined;
    if (ended.lines > 0) say(runTokens(ended));
  };
  const sayWords = (list: readonly Word[]): void => {
    list.forEach(({ text, before }, i) => {
      inline.word(text, i > 0 && before === "");
    });
  };
  const releaseHead = (): void => {
    if (head === undefined) return;
    const list = head;
    head = undefined;
    beginProse();
    sayWords(list);
  };

  const beginProse = (): void => {
    closeRun();
    if (prose === "heading") closeProse();
    if (prose === "none") prose = "paragraph";
    if (wasBlank && line.indent === 0) listIndent = 0;
  };

  const beginItem = (marker: RegExpExecArray): void => {
    const [, number, box] = marker;
    closeProse();
    closeRun();
    prose = "item";
    listIndent = line.indent + marker[0].length;
    line.isItem = true;
    if (number !== undefined) segmenter.push([verbatim(number), words(".")], false, true);
    if (box !== undefined) segmenter.push([words(box === "[ ]" ? "To do:" : "Done:")], false, true);
  };

  /** Takes `length` characters off the line's start, which are whole words. */
  const dropStart = (length: number): void => {
    let left = length;
    while (left > 0 && line.words[0] !== undefined) {
      const [{ text }] = line.words as [Word];
      left -= text.length;
      line.words.shift();
      line.count--;
      left -= line.words[0]?.before.length ?? 0;
    }
    line.text = line.text.slice(length);
  };

  /** The kind of the line so far, where it is told by what stands around the line. */
  const kindByPlace = (isWhole: boolean): LineKind | undefined => {
    const { text, indent } = line;
    if (text === "") return undefined;
    const isAlone = prose === "none" || wasBlank;
    const isDeep = indent >= listIndent + 4;
    if (run?.kind === "diff" && !run.isInterrupted && (diffBody.test(text) || indent > 0)) return "diff";
    if (run?.kind === "trace" && indent >= 2) return "trace";
    if (run?.kind === "code" && indent >= 2) return "code";
    if (run?.kind === "table" && !run.isInterrupted && !line.isItem) {
      if (text.includes("|")) return isWhole ? "table" : undefined;
    }
    return isAlone && isDeep && !line.isItem && !/^(?:[-*+]|\d+[.)])$/.test(line.words[0]?.text ?? "")
      ? "code"
      : undefined;
  };

  /** Whether what the line is depends on words that are still to come. */
  const mustWait = (): boolean =>
    (run?.kind === "table" && !run.isInterrupted && !line.text.startsWith("|") && line.count < 40) ||
    (head !== undefined && /^[|:\s-]+$/.test(line.text));

  const decide = (isWhole: boolean): void => {
    for (;;) {
      line.kind = kindByPlace(isWhole);
      if (line.kind !== undefined) break;
      if (!isWhole && mustWait()) return;
      if (isWhole && head !== undefined && tableDelimiter.test(line.text) && line.text.includes("|")) {
        line.kind = "table";
        break;
      }
      line.kind = lineKindOf(line.text, line.count, isWhole);
      if (line.kind !== "item") break;
      const marker = itemStart.exec(line.text);
      if (marker === null) break;
      releaseHead();
      beginItem(marker);
      dropStart(marker[0].length);
      line.kind = undefined;
      if (line.text === "" && !isWhole) return;
    }
    if (line.kind === undefined) return;
    if (line.kind !== "table") releaseHead();
    if (line.kind === "prose") {
      if (isWhole && prose !== "heading" && !line.isItem && / \|(?: |$)/.test(line.text)) {
        head = line.words;
        line.isHead = true;
        line.kind = "table";
        return;
      }
      if (beginsWithSign.test(line.text) && prose !== "heading" && !line.isItem) {
        closeProse();
        prose = "item";
        closeRun();
      } else beginProse();
      sayWords(line.words);
    } else if (line.kind === "heading") {
      closeProse();
      closeRun();
      prose = "heading";
      listIndent = 0;
      sayWords(line.words.filter(({ text }) => !/^#+$/.test(text)));
    } else if (line.kind !== "blank" && line.kind !== "rule") closeProse();
  };

  const onWord = (unit: Word): void => {
    let { text, before } = unit;
    if (line.count === 0 && line.text === "") {
      if (!line.isQuote && !line.isItem) line.indent = widthOf(before);
      const quote = /^>+/.exec(text)?.[0];
      if (quote !== undefined && (fence === undefined || fence.isQuote) && formulaEnd === "") {
        line.isQuote = true;
        text = text.slice(quote.length);
        before = "";
        if (text === "") return;
      }
      // A code block in a quote ends with the quote.
      if (fence?.isQuote === true && !line.isQuote) endFence();
    }
    line.count++;
    if (fence !== undefined || formulaEnd !== "") {
      // Only the first word and the last decide.
      if (line.count === 1) line.words = [{ type: "word", text, before }];
      line.text = text;
      return;
    }
    if (line.kind === undefined) {
      line.text += line.text === "" ? text : before + text;
      line.words.push({ type: "word", text, before });
      decide(false);
      if (line.kind !== "fence" && line.kind !== undefined) line.words = line.words.slice(0, 1);
    } else if (line.kind === "prose") inline.word(text, before === "");
    else if (line.kind === "heading") {
      if (!/^#+$/.test(text)) inline.word(text, before === "");
    } else line.text += before + text;
  };

  const endFence = (): void => {
    const tokens = fence?.block.announce() ?? [];
    fence = undefined;
    say(tokens);
  };

  const onFenceLine = (): void => {
    const first = line.words[0];
    const isOutside = fence?.isQuote === true && !line.isQuote;
    if (isOutside || fence?.block.line(first?.text ?? "", line.count, first?.before ?? "")) endFence();
  };

  const onSilentLine = (kind: SilentKind): void => {
    if (run?.kind !== kind) closeRun();
    run ??= openRun(kind);
    run.isInterrupted = false;
    if (kind === "table" && head !== undefined) {
      countLine(run, head.map(({ text }) => text).join(" "));
      head = undefined;
    }
    countLine(run, line.indent > 0 && kind === "diff" ? ` ${line.text}` : line.text);
  };

  const onFormula = (): void => {
    const opener = /^(?:\$\$|\\\[|\\begin\{(\w+\*?)\})/.exec(line.text);
    const closer = opener?.[1] === undefined ? (opener?.[0] === "$$" ? "$$" : "\\]") : `\\end{${opener[1]}}`;
    closeRun();
    if (line.text.indexOf(closer, opener?.[0].length) < 0) formulaEnd = closer;
    else say(runTokens(openRun("formula")));
  };

  const onBlank = (): void => {
    releaseHead();
    closeProse();
    if (run !== undefined) run.isInterrupted = true;
    if (run?.kind === "table" || run?.kind === "diff") closeRun();
  };

  const onNewline = (): void => {
    if (fence !== undefined) onFenceLine();
    else if (formulaEnd !== "") {
      if (line.text.endsWith(formulaEnd)) {
        formulaEnd = "";
        say(runTokens(openRun("formula")));
      }
    } else {
      if (line.kind === undefined) {
        if (
          prose === "paragraph" &&
          setextUnderline.test(line.text) &&
          line.count === 1 &&
          head === undefined
        ) {
          prose = "heading";
          line.kind = "rule";
        } else decide(true);
      }
      const kind = line.kind ?? "blank";
      const silent = silentKinds[kind];
      if (kind === "blank") onBlank();
      else if (kind === "fence") {
        closeRun();
        fence = { block: openFence(line.text), isQuote: line.isQuote };
      } else if (kind === "formula") onFormula();
      else if (kind === "rule" || kind === "trailer") {
        closeProse();
        closeRun();
      } else if (kind === "heading") closeProse();
      else if (silent !== undefined && !line.isHead) onSilentLine(silent);
      wasBlank = kind === "blank" || (kind === "code" && wasBlank);
    }
    line = newLine();
  };

  return {
    take: (unit) => (unit.type === "word" ? onWord(unit) : onNewline()),
    end: () => {
      if (line.count > 0 || line.isItem) onNewline();
      if (fence !== undefined) endFence();
      if (formulaEnd !== "") say(runTokens(openRun("formula")));
      formulaEnd = "";
      releaseHead();
      closeProse();
      closeRun();
    },
    get isInCode() {
      return fence !== undefined || line.kind === "fence" || line.kind === "code";
    },
  };
}
