import { identifierTokens } from "./identifiers.ts";
import { mathTokens } from "./math.ts";
import { numberTokens, unitAfterNumber } from "./numbers.ts";
import { isFileName, placeNameTokens } from "./places.ts";
import { commandName, isCommand, shellCommands } from "./shell.ts";
import { mayHoldEmoji, signName, signTokens, withoutEmoji, withoutEntities } from "./symbols.ts";
import { type Token, verbatim, words } from "./tokens.ts";

/** What was said just before a word, as far as it changes how the word is said. */
export interface WordContext {
  /** Nothing was said in this sentence yet. */
  readonly isFirst: boolean;
  /** The last word, lower case. */
  readonly previous: string;
  readonly isAfterNumber: boolean;
}

const noContext: WordContext = { isFirst: false, previous: "", isAfterNumber: false };

const plainWord = /^["“‘(]?(?:\p{Lu}?\p{Ll}[\p{Ll}’'-]*|\p{Lu}+)[.,;:!?]?[)"”]?$/u;
/** With the mark behind it: "Mbps." */
const maxUnitLength = 6;
const maxAsciiLength = 60;
/** Marks that stand together in code alone. */
const codeMarks = /[;{}].*[(){}=;]|[()=].*[;{}]/;
const shortForms: Readonly<Record<string, string>> = {
  "e.g.": "for example",
  "i.e.": "that is",
  vs: "versus",
  "vs.": "versus",
  "approx.": "approximately",
  "cf.": "compare",
};
/** Words before a hash that say already what it is. */
const hashWords = /^(?:commit|commits|hash|sha|revision|checksum|digest|id)$/;

/** Opening marks, the word, closing marks; markdown's emphasis is taken off. */
function peel(text: string): { open: string; core: string; close: string } {
  let core = text;
  let open = "";
  let close = "";
  for (let first = core[0]; first !== undefined; first = core[0]) {
    if (/[("'“‘«「『（[{]/.test(first)) open += /[[{]/.test(first) ? "" : first;
    else if (first === "*" ? !/^\*\.\w/.test(core) : first === "~" ? core.startsWith("~~") : first === "_") {
      if (first === "_" && !isEmphasis(core)) break;
      if (first === "~") core = core.slice(1);
    } else break;
    core = core.slice(1);
  }
  for (let last = core.at(-1); last !== undefined; last = core.at(-1)) {
    if (/[.,;:!?…。！？、，；：]/.test(last)) close = last + close;
    else if (/[)"'”’»」』）]/.test(last)) {
      if (last === ")" && core.includes("(")) break;
      close = last + close;
    } else if (/[\]}]/.test(last)) {
      if (core.includes(last === "]" ? "[" : "{")) break;
    } else if (
      last === "*" ? core.length > 1 || open !== "" : last === "~" ? core.endsWith("~~") : last === "_"
    ) {
      if (last === "_" && /^\w+_+$/.test(core) && core.slice(0, -1).includes("_")) break;
      if (last === "~") core = core.slice(0, -1);
    } else break;
    core = core.slice(0, -1);
  }
  return { open, core, close };
}

/** Whether an underscore at a word's start is emphasis rather than part of a name. */
function isEmphasis(text: string): boolean {
  return (
    !/^_+[A-Za-z]\w*_\w/.test(text) && !/^__[a-z]\w*__(?:\.\w+)?\W*$/.test(text) && !/^_[a-z]\w*\(/.test(text)
  );
}

/** Words for one name, number or word without marks around it. */
function coreTokens(core: string, context: WordContext): readonly Token[] {
  const assigned = /^([A-Za-z_]\w*)=(\S+)$/.exec(core);
  if (assigned)
    return [
      ...coreTokens(assigned[1] ?? "", context),
      words(" equals "),
      ...coreTokens(assigned[2] ?? "", noContext),
    ];
  const place = placeNameTokens(core);
  if (place !== undefined)
    return place[0]?.text === "a hash" && hashWords.test(context.previous) ? [] : place;
  const number = numberTokens(core);
  if (number !== undefined) return number;
  if (context.isAfterNumber) {
    const unit = unitAfterNumber(core, context.previous);
    if (unit !== undefined) return unit;
  }
  const flag = /^--?([A-Za-z][\w-]*)(?:=\S*)?$/.exec(core)?.[1];
  if (flag !== undefined) return [verbatim(flag.replace(/-/g, " "))];
  const variable = /^\$\{?([A-Za-z_]\w*)\}?$/.exec(core)?.[1];
  if (variable !== undefined) return identifierTokens(variable) ?? [verbatim(variable)];
  if (/^@[\w-]+(?:\/[\w.-]+)?$/.test(core)) return [verbatim(core.slice(1))];
  const arrow = /^(.+?)(?:->|→|=>)(.+)$/.exec(core);
  if (arrow && !/^\w+->\w+$/.test(core))
    return [...coreTokens(arrow[1] ?? "", context), words(" to "), ...coreTokens(arrow[2] ?? "", context)];
  const order = /^[OΘΩ]\((\S+)\)$/.exec(core)?.[1];
  if (order !== undefined) return [words("O of "), ...mathTokens(order)];
  if (/\\[a-zA-Z]+\{/.test(core)) return mathTokens(core);
  // No word of a language that is written with these letters is so long.
  if (core.length > maxAsciiLength && /^[ -~]+$/.test(core)) return [words("a long string")];
  if (codeMarks.test(core)) return [words("some code")];
  const name = identifierTokens(core);
  if (name !== undefined) return name;
  // Words with slashes: each side may be a name.
  if (/^[\w.-]+(?:\/[\w.-]+)+$/.test(core) && /[_\d]|[a-z][A-Z]/.test(core))
    return core
      .split("/")
      .flatMap((part, i) => [...(i > 0 ? [words("/")] : []), ...(identifierTokens(part) ?? [words(part)])]);
  return [
    words(
      core
        .replace(/[*`~^|\\<>{}[\]]+|(?<=\p{L})_+|_+(?=\p{L})/gu, (mark) => (/[`*~]/.test(mark) ? "" : " "))
        .trim(),
    ),
  ];
}

export interface SpokenWord {
  readonly tokens: readonly Token[];
  /** No sentence ends here, whatever the last mark. */
  readonly isOpen?: boolean;
}

/** One written word in words that a voice can read. */
export function wordTokens(written: string, context: WordContext): SpokenWord {
  if (
    plainWord.test(written) &&
    !(written.length <= maxUnitLength && context.isAfterNumber) &&
    written.length < 32 &&
    !/^vs\.?$/i.test(written)
  )
    return { tokens: [words(written)] };
  let text = written.includes("&") ? withoutEntities(written).trim() : written;
  let sign: string | undefined;
  if (mayHoldEmoji(text)) {
    const alone = signTokens(text);
    if (alone !== undefined) return { tokens: alone };
    const { rest, sign: found } = withoutEmoji(text, context.isFirst);
    text = rest;
    sign = found;
  }
  const before = sign === undefined ? [] : [words(text === "" ? sign : `${sign} `)];
  if (text === "") return { tokens: before };
  const alone = signTokens(text);
  if (alone !== undefined) return { tokens: [...before, ...alone] };
  const short = shortFormTokens(text);
  if (short !== undefined) return { tokens: [...before, ...short], isOpen: true };
  if (/^\.{2,}$|^[—–-]+$/.test(text)) return { tokens: [words(text.startsWith(".") ? "..." : "—")] };
  if (isFileName(text) || /^(?:C\+\+|\.NET)$/.test(text)) return { tokens: [...before, verbatim(text)] };
  const { open, core, close } = peel(text);
  if (core === "") return { tokens: [...before, words(open + close)] };
  const alike = signTokens(core);
  const inner = alike ?? coreTokens(core, context);
  const around = (mark: string): readonly Token[] => (mark === "" ? [] : [words(mark)]);
  return { tokens: [...before, ...around(open), ...inner, ...around(close)] };
}

function shortFormTokens(text: string): readonly Token[] | undefined {
  const found = /^([("“]?)((?:e\.g|i\.e|approx|cf)\.|vs\.?)([,;:)"”.]*)$/i.exec(text);
  if (found === null) return undefined;
  const [, open = "", form = "", close = ""] = found;
  const spoken = shortForms[form.toLowerCase()] ?? form;
  return [words(`${open}${spoken}${close.replace(/\./g, "")}`)];
}

const codeWord = /^[\w.@#$/:+-]+$/;

/** Words for what stands between backticks. */
export function codeTokens(code: string): readonly Token[] {
  const text = code.trim().replace(/\s+/g, " ");
  if (text === "") return [];
  const sign = signName(text);
  if (sign !== undefined) return sign;
  const parts = text.split(" ");
  if (parts.length === 1) {
    const tag = /^<\/?([A-Za-z][\w-]*)\/?>$/.exec(text)?.[1];
    if (tag !== undefined) return [verbatim(tag.replace(/[-_]/g, " "))];
    const bare = text.replace(/^(["'])(.+)\1$/, "$2");
    const tokens = isFileName(bare) ? [verbatim(bare)] : coreTokens(peelCode(bare), noContext);
    const said = tokens.map((token) => token.text).join("");
    // Code of one word with more signs than letters says nothing.
    if (!/[\p{L}\p{N}]/u.test(said) || (/[;{}=]/.test(bare) && !/^--?\w/.test(bare)))
      return [words("some code")];
    return tokens.length === 1 && tokens[0]?.text === bare ? [verbatim(bare)] : tokens;
  }
  if (isCommand(text)) {
    const command = shellCommands(text)[0];
    if (command !== undefined) return [verbatim(commandName(command))];
  }
  if (parts.length <= 5 && parts.every((part) => codeWord.test(part)) && /\p{L}/u.test(text)) {
    return parts.flatMap((part, i) => [
      ...(i > 0 ? [verbatim(" ")] : []),
      ...coreTokens(part, noContext).map((token) => (token.text === part ? verbatim(part) : token)),
    ]);
  }
  return [words("some code")];
}

function peelCode(text: string): string {
  const peeled = text.replace(/^[.,;:!?]+(?=\w)|[,;:!?]+$/g, "");
  return peeled === "" ? text : peeled;
}
