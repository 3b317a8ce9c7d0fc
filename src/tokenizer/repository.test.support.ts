import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { loadTokenizer, type Tokenizer } from "./tokenizer.ts";

/** The root of the repository, wherever the tests were built to. */
export const repositoryRoot: string = (() => {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!fs.existsSync(path.join(folder, "package.json"))) folder = path.dirname(folder);
  return folder;
})();

let shipped: Tokenizer | undefined;

/** The tokenizer that ships with the package, loaded once. */
export function shippedTokenizer(): Tokenizer {
  shipped ??= loadTokenizer(path.join(repositoryRoot, "assets", "tokenizer"));
  return shipped;
}
