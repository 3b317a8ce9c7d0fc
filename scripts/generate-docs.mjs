// Writes the pages of docs/ that come from the code. Build first: `npm run build && npm run docs`.
import * as fs from "node:fs";
import { referenceDocuments } from "../dist/cli/reference.js";

for (const [name, render] of Object.entries(referenceDocuments)) {
  fs.writeFileSync(new URL(`../docs/${name}`, import.meta.url), render());
}
