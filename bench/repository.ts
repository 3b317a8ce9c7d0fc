import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { LimbeckError } from "#limbeck/base/errors.js";

/** A path below the root of the repository, wherever this file was compiled to. */
export function repositoryPath(...parts: readonly string[]): string {
  let folder = import.meta.dirname;
  while (!fs.existsSync(path.join(folder, "bench", "run.ts"))) {
    const above = path.dirname(folder);
    if (above === folder) {
      throw new LimbeckError("file_not_found", `benchmarks: no repository above ${import.meta.dirname}`, {
        cure: "Run them in a clone of the repository: they read its assets and its Python files.",
      });
    }
    folder = above;
  }
  return path.join(folder, ...parts);
}

/** The interpreter of the oracle venv; it need not exist. */
export function oraclePython(): string {
  const inside = process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"];
  return repositoryPath(".venv-oracle", ...inside);
}

/** What to do where the oracle venv is missing. */
export const oracleCure = "Run: bash scripts/oracle-venv.sh";

/** Runs `action` with a new temporary folder, which is removed afterwards. */
export async function withTemporaryFolder<T>(action: (folder: string) => Promise<T>): Promise<T> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-bench-"));
  try {
    return await action(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
