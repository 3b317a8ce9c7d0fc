import * as fs from "node:fs";
import * as path from "node:path";
import { withFileErrors } from "./files.ts";

/** Where a folder's next files are made: inside of it, so that moving them is renaming. */
const stageName = ".staged";

/**
 * Lets `write` fill an empty folder, then moves its files into `dir`: where anything fails before, or the process is killed,
 * what `dir` held stays whole (a later call clears what was left). `stale` files that were not made anew go. `seal` goes
 * first and comes last: a folder that has it is whole at any moment. Makes the folder, and removes what it made where
 * `write` fails. Errors: those of `write`, `not_writable`, `disk_full`.
 */
export async function stageFiles<T>(
  dir: string,
  { stale, seal }: { readonly stale: readonly string[]; readonly seal: string },
  write: (stage: string) => Promise<T>,
): Promise<T> {
  const stage = path.join(dir, stageName);
  const made = withFileErrors("create", dir, () => {
    fs.rmSync(stage, { recursive: true, force: true });
    return fs.mkdirSync(stage, { recursive: true });
  });
  try {
    const result = await write(stage);
    withFileErrors("write", dir, () => moveAll(stage, dir, stale, seal));
    return result;
  } catch (error) {
    // `made` is the first folder that was not there before.
    const own = made === undefined || made === stage ? stage : made;
    fs.rmSync(own, { recursive: true, force: true });
    throw error;
  }
}

function moveAll(stage: string, dir: string, stale: readonly string[], seal: string): void {
  const names = fs.readdirSync(stage).filter((name) => name !== seal);
  fs.rmSync(path.join(dir, seal), { force: true });
  for (const name of stale) if (!names.includes(name)) fs.rmSync(path.join(dir, name), { force: true });
  for (const name of [...names, seal]) fs.renameSync(path.join(stage, name), path.join(dir, name));
  fs.rmdirSync(stage);
}
