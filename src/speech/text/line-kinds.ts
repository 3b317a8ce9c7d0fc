/** What a line is, told by how it begins. */
export type LineKind =
  | "blank"
  | "code"
  | "command"
  | "diff"
  | "fence"
  | "formula"
  | "heading"
  | "item"
  | "log"
  | "prose"
  | "rule"
  | "table"
  | "trace"
  | "trailer";

/** Words after which a line that is still nothing else is prose: nothing could be spoken earlier anyway. */
const enoughWords = 12;

const fence = /^(?:`{3,}(?!.*`)|~{3,})/;
const heading = /^#{1,6}(?:\s|$)/;
export const itemStart = /^(?:[-*+•]|(\d{1,9})[.)])(?:\s+(\[[ xX]\])(?=\s|$))?(?:\s+|$)/;
const itemMarker = /^(?:[-*+•]|\d{1,9}[.)])$/;
const rule = /^(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
export const setextUnderline = /^(?:=+|-{2,})$/;
export const tableDelimiter = /^\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?$/;
const formula = /^(?:\$\$|\\\[|\\begin\{)/;
const command = /^(?:\$|❯|%|PS [A-Z]:\\[^>]*>)\s+[a-z.~/]/;
const trailer =
  /^(?:co-authored-by|signed-off-by|reviewed-by|claude-session|change-id):|^(?:🤖 )?generated (?:with|by) \[?claude/i;
const diffHead =
  /^(?:diff --git |index [0-9a-f]{7,}\.\.|@@ -\d|--- (?:a\/|\/dev\/null)|\+\+\+ (?:b\/|\/dev\/null))/;
export const diffBody =
  /^(?:[-+@\\ ]|index |diff |new file mode|deleted file mode|old mode|new mode|rename |similarity |Binary files )/;

const traceLines = [
  /^Traceback \(most recent call last\):/,
  /^File "[^"]+", line \d+/,
  /^at (?:async )?(?:new )?[\w$.<>[\] ]* ?\(?(?:[\w@:/.\\-]+:\d+(?::\d+)?|native|<anonymous>)\)?$/,
  /^at [\w$.]+\([\w.]+(?::\d+)?\)$/,
  /^\.\.\. \d+ (?:more|common frames omitted)$/,
  /^(?:stack backtrace:|goroutine \d+ \[)/,
  /^\d+: +(?:0x[0-9a-f]+ - )?(?:std|core|alloc|tokio|<?[a-z_]\w*>?)::\S+$/,
  /^#\d+ +0x[0-9a-f]+ in /,
];
/** Words that may yet become such a line. */
const traceBegins = /^(?:at [\w$.<[]|\d+: |#\d+ |\.\.\. |Traceback|File ")/;

const stamp = String.raw`\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?\S*`;
const logLines = [
  new RegExp(`^${stamp}(?:\\s|$)`),
  /^\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?\s+\S/,
  /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d /,
  /^\[(?:DEBUG|INFO|WARN|WARNING|ERROR|TRACE|FATAL|debug|info|warn|error)\]/,
  /^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL|TRACE|WARN)(?::[\w.]+:|:?\s{2,}\S|\s+\[)/,
  /^(?:DEBUG|INFO|TRACE)[: ]/,
  /^npm (?:ERR!|WARN|error|warn)(?:\s|$)/,
  /^(?:(?:PASS|FAIL)\s+\S+[/.]\S+|(?:not )?ok \d+ -|ok\s{2,}\S)/,
  /^[✓✔✕✖×●]\s.+\(\d+(?:\.\d+)?\s?m?s\)$/,
  /^(?:level|ts|time)=\S+ /,
  /^={5,} .+ ={5,}$/,
];
const codeLines = [
  /^(?:const|let|var) [\w${}[\],: ]+ ?=/,
  /^(?:import|export) (?:[{*"']|type \{|default |const |function |class |async |interface )/,
  /^import [\w$]+(?:, \{.*\})? from ["']/,
  /^import [\w.]+(?: as \w+)?$/,
  /^[\w.]+ = .*[)\]}"'\d;]$/,
  /^from [\w.]+ import /,
  /^(?:async )?(?:def|fn|func) \w+\s?[(<]/,
  /^(?:export )?(?:async )?function\*? ?\w*\s?\(/,
  /^(?:public|private|protected|static|pub) (?:[\w<>[\]]+ )+\w+\s?[({=;]/,
  /^(?:if|for|while|switch) ?\(.*\) ?\{$/,
  /^#include\s?[<"]/,
  /^(?:return|throw|await)\b.*;$/,
  /^[\w$.]+(?:\(.*\)|\s?[-+*/]?=\s?.+);$/,
  /^[a-z_][\w.]*\([^()]*(?:\([^()]*\)[^()]*)*\);?$/,
  /^[{}()[\]];?,?$/,
  /^\}\s?(?:else|catch|finally)\b.*\{$/,
  /^"[\w-]+":\s/,
  /^<\/?[a-zA-Z][\w-]*(?:\s+[\w-]+=(?:"[^"]*"|\{.*\}))+\s?\/?>$/,
  /^SELECT .+ FROM /,
];

/** Emphasis, code, quotes and brackets that begin prose only; a star before a space is an item's. */
const markupStart = /^(?:\*{1,3}[^\s*]|__?[^\s_]|`[^`]|\(.|["“‘«](?![\w-]+":))/;
const sentenceStart = /^(?:[A-Z][a-z]+|I)(?:['’][a-z]+)?[,;:]?(?:\s|$)/;
/** Words with a capital that begin lines of machines: traces, trailers, dates of a system's log. */
const machineStart =
  /^(?:Traceback|File|Binary|Generated|Signed|Reviewed|Co|Claude|Change|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b/;

const clauseEnd = /[.,;:!?…。！？，；：、](?:["'”’»)\]*_`]*)$/;

/**
 * The kind of a line that begins with `text` (its indentation taken off); undefined while it may be several. `isWhole`:
 * the line ends there. A kind once told stays, whatever follows.
 */
export function lineKindOf(text: string, words: number, isWhole: boolean): LineKind | undefined {
  if (text === "") return "blank";
  const first = text.charCodeAt(0);
  if (sentenceStart.test(text) && !machineStart.test(text)) {
    // Nearly every line: a word with a capital that begins no line of a machine.
    return proseUnlessTable(text, words, isWhole);
  }
  // Three backticks may be code within a line, if there are more of them.
  if (text.startsWith("```") && !isWhole) return undefined;
  if (fence.test(text)) return "fence";
  if (rule.test(text)) return isWhole ? "rule" : undefined;
  if (first === 124) return "table";
  if (markupStart.test(text)) return proseUnlessTable(text, words, isWhole);
  if (itemStart.test(text)) {
    if (isWhole) return "item";
    // "- [ ]" needs its third word to be told from an item that begins with a bracket.
    return words === 1 || (words === 2 && /^\S+\s+\[$/.test(text)) ? undefined : "item";
  }
  if (heading.test(text)) return "heading";
  if (formula.test(text)) return "formula";
  if (trailer.test(text)) return "trailer";
  if (diffHead.test(text)) return "diff";
  if (command.test(text)) return "command";
  if (logLines.some((pattern) => pattern.test(text))) return "log";
  if (traceLines.some((pattern) => pattern.test(text))) {
    if (isWhole || /^(?:Traceback|File ")/.test(text)) return "trace";
    return undefined;
  }
  if (isWhole && codeLines.some((pattern) => pattern.test(text))) return "code";
  if (isWhole) return "prose";
  if (words === 1 && itemMarker.test(text)) return undefined;
  if (mayBecomeSilent(text)) return undefined;
  return words >= enoughWords || clauseEnd.test(text) ? "prose" : undefined;
}

/** A line that is prose, or the head of a table without a bar at its start. */
function proseUnlessTable(text: string, words: number, isWhole: boolean): LineKind | undefined {
  if (isWhole) return "prose";
  return (words >= enoughWords || clauseEnd.test(text)) && !mayBeTable(text) ? "prose" : undefined;
}

function mayBeTable(text: string): boolean {
  return text.includes("|") && text.length < 400 && / \|(?: |$)/.test(text);
}

/** A line whose first words are those of code, a trace or a table: it is read to its end before it is judged. */
function mayBecomeSilent(text: string): boolean {
  return (
    text.length < 400 &&
    (mayBeTable(text) ||
      traceBegins.test(text) ||
      /^(?:const|let|var|import|export|from|def|fn|func|async|function|public|private|protected|pub|return|throw|await|SELECT) [\w${*"'([]+/.test(
        text,
      ) ||
      /^(?:if|for|while|switch) ?\(|^[\w$]+(?:\.[\w$]+)*\(|^[\w.]+ = |^"[\w-]+":|^[✓✔✕✖×●] |^[{}()[\]]+$|^<\/?[a-zA-Z]|^={5,}/.test(
        text,
      ))
  );
}
