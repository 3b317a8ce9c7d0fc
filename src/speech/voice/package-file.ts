import * as fs from "node:fs";
import { createRequire } from "node:module";
import { LimbeckError } from "../../base/errors.ts";

const require = createRequire(import.meta.url);

/** The error for a package that is not there, or does not load. */
export function missingPackage(name: string, needs: string, cause: unknown): LimbeckError {
  const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  return new LimbeckError("missing_dependency", `${name}: expected it to be installed, got ${why}`, {
    cure: `Install it: npm install ${name}${needs}`,
    cause,
    fields: { package: name },
  });
}

/** Bytes of the file that is the package's `main`. Error: `missing_dependency`. */
export function readPackageFile(name: string): Buffer<ArrayBuffer> {
  try {
    return fs.readFileSync(require.resolve(name)) as Buffer<ArrayBuffer>;
  } catch (cause) {
    throw missingPackage(name, "", cause);
  }
}
