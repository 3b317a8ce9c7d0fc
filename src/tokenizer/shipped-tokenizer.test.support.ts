import { packagePath } from "../flow/package-files.ts";
import { loadTokenizer, type Tokenizer } from "./tokenizer.ts";

let shipped: Tokenizer | undefined;

/** The tokenizer that ships with the package, loaded once. */
export function shippedTokenizer(): Tokenizer {
  shipped ??= loadTokenizer(packagePath("assets", "tokenizer"));
  return shipped;
}
