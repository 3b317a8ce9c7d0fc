import * as fs from "node:fs";
import * as path from "node:path";
import { LimbeckError } from "../base/errors.ts";
import { readText, withFileErrors, writeFileAtomic } from "../base/files.ts";

/** Where runs, the pointer to the latest one and the baselines lie, relative to the folder the user works in. */
export const homeFolder = ".limbeck";
export const defaultBaselineDir = path.join(homeFolder, "baselines");

const latestFile = path.join(homeFolder, "latest");
const reportName = "report.json";

export interface RunFolder {
  readonly id: string;
  readonly path: string;
}

/** "20260131-094501": seconds of UTC, sortable. */
function timeStamp(now: Date): string {
  return now.toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
}

function isEmptyOrAbsent(folder: string): boolean {
  return !fs.existsSync(folder) || (fs.statSync(folder).isDirectory() && fs.readdirSync(folder).length === 0);
}

/**
 * Makes the folder of a new run: `out`, which must be absent or empty, or `.limbeck/runs/<id>` with an id from the
 * time. Errors: `usage` (not empty), `not_writable`, `disk_full`.
 */
export function createRunFolder(options: {
  readonly out?: string | undefined;
  readonly now: Date;
}): RunFolder {
  const { out, now } = options;
  if (out !== undefined) {
    if (!withFileErrors("read", out, () => isEmptyOrAbsent(out))) {
      throw new LimbeckError("usage", `run folder ${out}: expected a new or an empty folder, it has files`, {
        cure: "Name another folder with --out, or remove this one.",
        fields: { path: out },
      });
    }
    withFileErrors("make", out, () => fs.mkdirSync(out, { recursive: true }));
    return { id: path.basename(path.resolve(out)), path: out };
  }
  const runs = path.join(homeFolder, "runs");
  withFileErrors("make", runs, () => fs.mkdirSync(runs, { recursive: true }));
  const stamp = timeStamp(now);
  // Two runs that start in one second get two folders: mkdir without `recursive` fails where one exists.
  for (let attempt = 1; ; attempt++) {
    const id = attempt === 1 ? stamp : `${stamp}-${attempt}`;
    const folder = path.join(runs, id);
    if (fs.existsSync(folder)) continue;
    withFileErrors("make", folder, () => fs.mkdirSync(folder));
    return { id, path: folder };
  }
}

/** Points `latest` at a run that is complete. */
export function markLatest(run: RunFolder): void {
  writeFileAtomic(latestFile, `${path.resolve(run.path)}\n`);
}

/** The folder of the latest complete run, or null where there is none. */
export function latestRun(): string | null {
  if (!fs.existsSync(latestFile)) return null;
  const folder = readText(latestFile).trim();
  return fs.existsSync(folder) ? folder : null;
}

/**
 * The report that `reference` names: a report file, a run folder, a run id under `.limbeck/runs`; without one, the
 * latest run's. Error: `file_not_found`.
 */
export function resolveReport(reference: string | undefined): string {
  if (reference === undefined) {
    const folder = latestRun();
    if (folder !== null) return path.join(folder, reportName);
    throw new LimbeckError(
      "file_not_found",
      `no report named and no latest run in ${homeFolder}: expected either`,
      {
        cure: "Run `limbeck quickstart` first, or name a report file.",
      },
    );
  }
  const candidates = [
    path.join(homeFolder, "runs", reference, reportName),
    path.join(reference, reportName),
    reference,
  ];
  const found = candidates.find((file) => fs.existsSync(file) && fs.statSync(file).isFile());
  if (found !== undefined) return found;
  throw new LimbeckError(
    "file_not_found",
    `report ${reference}: expected a report file, a run folder or a run id`,
    {
      cure: "Check the path; `limbeck quickstart` prints where its report is.",
      fields: { path: reference, tried: candidates },
    },
  );
}
