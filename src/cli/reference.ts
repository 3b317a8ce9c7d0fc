import { buildProgram } from "./program.ts";
import { renderCliReference } from "./reference-cli.ts";
import { renderErrorReference } from "./reference-errors.ts";
import { renderOpReference } from "./reference-ops.ts";

/** The pages of docs/ that are written from the code, by file name. */
export const referenceDocuments = {
  "cli.md": () => renderCliReference(buildProgram("", async () => undefined)),
  "errors.md": renderErrorReference,
  "ops.md": renderOpReference,
} as const satisfies Readonly<Record<string, () => string>>;
