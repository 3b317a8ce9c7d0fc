import { placeholderForms } from "./placeholders.ts";

const reserved = /[\\^$/@<>{}[\]]/g;
/** "A 3-line block" would come back as "bloquede3 líneas": words that are joined to a number lose their spaces. */
const numberedWord = /(\p{N})-(?=\p{L})/gu;
const placeholder = placeholderForms.bracketsAndNumbers.pattern;
/**
 * What ends every text, to be removed again. A full stop at the very end may be the beginning of a longer word: lt-proc 3.7
 * waits for what follows and flushes nothing, whatever -z says.
 */
const ending = "[]";

/**
 * A text in Apertium's stream format: its signs escaped, placeholders as blanks, which no stage looks into or loses.
 * A text without an end gets a full stop that goes away again, so that the last words are read as those of a sentence.
 */
export function toStream(text: string): string {
  const oneLine = text
    .replace(/[\s\0]+/g, " ")
    .replace(numberedWord, "$1 ")
    .trim();
  const parts = oneLine.split(placeholder);
  // Splitting at a pattern with one group: texts at even places, indices at odd ones.
  const written = parts.map((part, i) => (i % 2 === 0 ? part.replace(reserved, "\\$&") : `[⟦${part}⟧]`));
  return written.join("") + (/[\p{L}\p{N}⟧]$/u.test(oneLine) ? `.${ending}` : ending);
}

/** What a pipeline made of `toStream(source)`, as text. */
export function fromStream(stream: string, source: string): string {
  const hadEnd = !/[\p{L}\p{N}⟧]$/u.test(source.trim());
  let text = "";
  let isBlank = false;
  for (let i = 0; i < stream.length; i++) {
    const sign = stream[i]!;
    if (sign === "\\") text += stream[++i] ?? "";
    else if (sign === "[" && !isBlank) isBlank = true;
    else if (sign === "]" && isBlank) isBlank = false;
    else text += sign;
  }
  const tidy = text
    .replace(/\s+/g, " ")
    .replace(/ ([,.;:!?])(?= |$)/g, "$1")
    .trim();
  return hadEnd ? tidy : tidy.replace(/\.$/, "");
}
