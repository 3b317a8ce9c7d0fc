/**
 * How Limbeck's own tokenizer cuts text into pieces before byte-pair merges.
 *
 * A tiny model lives from copying values out of the request, so a value must have the same tokens in `call Ada` and in
 * `"to":"Ada"`: a space is a piece of its own and never part of the word after it. Only the words of
 * `spacedWords`, which hardly ever begin a value, take their space with them, which saves a third of the tokens.
 */
const spacedWords = (
  "a an and any are as at be by can could do does for from get give go had has have he how i if in into is it its " +
  "just let me my need no not now of off on or our out please she should so some tell that the their them then there " +
  "they this to up us was we what when where which who will with would you your"
).split(" ");

/** The openings of a call, each one piece, so that the structure of a call costs few tokens. */
const callOpenings = ['\\{"name":"', '","arguments":\\{"?'];

/** Pieces in order of preference; valid both for JavaScript (`u` flag) and for Oniguruma. */
export const piecePattern = [
  ...callOpenings,
  "\\??:(?:int|num|str|bool|list|obj)(?![\\p{L}_])", // types in a tool's signature
  "\\)\\n",
  "'(?:s|t|re|ve|m|ll|d)(?!\\p{L})",
  ` (?:${spacedWords.join("|")})(?![\\p{L}\\p{N}_'])`,
  "\\p{L}+(?:_\\p{L}+)*", // a tool's name is one piece
  "\\p{N}", // digits alone, so that every number is spelled the same way
  "\\s",
  "[^\\s\\p{L}\\p{N}]+",
].join("|");

const pieceRegex = new RegExp(piecePattern, "gu");

/** Cuts `text` into pieces; their concatenation is `text`. */
export function splitPieces(text: string): string[] {
  return text.match(pieceRegex) ?? [];
}
