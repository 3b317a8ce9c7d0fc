import type { TextUnit } from "./units.ts";

/** Elements that a harness or a model puts into a text for another reader. */
const names =
  "system-reminder|system_reminder|thinking|think|antml:thinking|command-name|command-message|command-args|local-command-stdout|local-command-stderr|function_calls|function_results|tool_call|tool_response";
const opening = new RegExp(`(?<![\`\\w])<(${names})(?:\\s[^>]*)?>|<!--`);
const mayOpen = /<[!a-z]/;

/** Takes hidden elements out of a text, also those that span lines. */
export interface HiddenFilter {
  take(unit: TextUnit): void;
}

/** `isOpaque`: whether the text is inside a code block now, where nothing is an element. */
export function createHiddenFilter(give: (unit: TextUnit) => void, isOpaque: () => boolean): HiddenFilter {
  let closer = "";
  /** Where it did not begin a line, a blank line ends it too: it may have been only mentioned. */
  let isWithinLine = false;
  let isAtLineStart = true;
  let newlines = 0;

  const take = (unit: TextUnit): void => {
    if (unit.type === "newline") {
      newlines++;
      isAtLineStart = true;
      if (closer === "" || (isWithinLine && newlines > 1)) {
        closer = "";
        give(unit);
      }
      return;
    }
    newlines = 0;
    let { text, before } = unit;
    while (text !== "") {
      if (closer !== "") {
        const end = text.indexOf(closer);
        if (end < 0) return;
        text = text.slice(end + closer.length);
        closer = "";
        continue;
      }
      const found = mayOpen.test(text) && !isOpaque() ? opening.exec(text) : null;
      if (found === null) break;
      const left = text.slice(0, found.index);
      if (left !== "") {
        give({ type: "word", text: left, before });
        before = "";
      }
      isWithinLine = !isAtLineStart || left !== "";
      closer = found[1] === undefined ? "-->" : `</${found[1]}>`;
      text = text.slice(found.index + found[0].length);
    }
    if (text !== "") {
      give({ type: "word", text, before });
      isAtLineStart = false;
    }
  };
  return { take };
}
