import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after } from "node:test";
import { LimbeckError } from "#limbeck/base/errors.js";
import { oracleCure, oraclePython, repositoryPath } from "../../bench/repository.ts";

/** A folder for one test file, removed when its tests are done. */
export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-oracle-"));
  after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Runs a script of the repository (`test/oracle/x.py`) in the oracle venv; returns its standard output. A missing venv is
 * an error, never a skip: the oracle tier is there to compare. Errors: `missing_dependency`, `backend_failed`.
 */
export function runPython(script: string, args: readonly string[]): string {
  const python = oraclePython();
  if (!fs.existsSync(python)) {
    throw new LimbeckError("missing_dependency", `oracle tier: no Python peers at ${python}. ${oracleCure}`, {
      cure: oracleCure,
    });
  }
  const { status, stdout, stderr } = spawnSync(python, [repositoryPath(script), ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status === 0) return stdout;
  throw new LimbeckError(
    "backend_failed",
    `${script} ${args[0] ?? ""}: ended with status ${status}:\n${stderr}`,
    {
      cure: `Look at what it says above. Where a package is missing: ${oracleCure}`,
    },
  );
}

/** Largest difference of equally long arrays within `limit`; says how large and where. */
export function assertClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  limit: number,
  what: string,
): void {
  assert.equal(got.length, expected.length, `${what}: length`);
  let worst = 0;
  let at = 0;
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs(got[i]! - expected[i]!);
    // NaN is never within a limit.
    if (!(difference <= worst)) [worst, at] = [difference, i];
  }
  assert.ok(
    worst <= limit,
    `${what}: largest difference ${worst} at ${at} (${got[at]} against ${expected[at]}), limit ${limit}`,
  );
}
