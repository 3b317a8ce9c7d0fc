/** Words for a voice; `verbatim` ones are the same in every language. */
export interface Token {
  readonly text: string;
  readonly verbatim: boolean;
}

/** Words of English, to be translated. */
export function words(text: string): Token {
  return { text, verbatim: false };
}

/** A name or a number. */
export function verbatim(text: string): Token {
  return { text, verbatim: true };
}
