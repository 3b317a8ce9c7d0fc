import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { invariant, LimbeckError } from "../base/errors.ts";
import { readJson } from "../base/files.ts";

function findPackageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const manifest = path.join(folder, "package.json");
    if (fs.existsSync(manifest)) return folder;
    const parent = path.dirname(folder);
    invariant(parent !== folder, "no package.json above the program's own files");
    folder = parent;
  }
}

/** The folder of the installed package: the one with `assets` and `configs`, wherever the code was built to. */
export const packageRoot = findPackageRoot();

/** A file or folder that ships with the package. Error: `file_not_found`. */
export function packagePath(...parts: readonly string[]): string {
  const found = path.join(packageRoot, ...parts);
  if (!fs.existsSync(found)) {
    throw new LimbeckError(
      "file_not_found",
      `the package's ${parts.join("/")}: expected it beside the code, not there`,
      {
        cure: "Install the package again; in a clone of the repository, check the file out.",
        fields: { path: found },
      },
    );
  }
  return found;
}

/** The version in the package's own package.json. */
export function packageVersion(): string {
  const manifest = readJson(path.join(packageRoot, "package.json"));
  const version = (manifest as { readonly version?: unknown } | null)?.version;
  invariant(typeof version === "string", "the package's own package.json has no version");
  return version;
}
