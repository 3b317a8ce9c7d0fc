import * as fs from "node:fs";
import * as path from "node:path";
import { readBytes, sha256, withFileErrors } from "../base/files.ts";
import { exportArtefact, manifestVersion, verifyArtefact } from "../model/artefact.ts";
import { packagePath } from "./package-files.ts";
import { homeFolder } from "./run-folder.ts";

/** The checkpoint of the teacher that ships with the package. Error: `file_not_found`. */
export function shippedTeacher(): string {
  return packagePath("assets", "teacher");
}

/**
 * The folder of `checkpointDir` exported as fp32, kept under `cacheDir` by the fingerprint of its weights: exported on
 * the first use, checked against its manifest afterwards. Errors: those of `exportArtefact` and `verifyArtefact`.
 */
export async function cachedTeacherArtefact(
  checkpointDir: string,
  cacheDir: string,
  shapes?: readonly number[],
): Promise<string> {
  const weights = sha256(readBytes(path.join(checkpointDir, "model.safetensors")));
  const tokenizer = sha256(readBytes(path.join(checkpointDir, "tokenizer.json")));
  const key = sha256(`${manifestVersion} ${weights} ${tokenizer} ${shapes?.join(" ") ?? "context"}`).slice(
    0,
    16,
  );
  const folder = path.join(cacheDir, `teacher-${key}`);
  if (fs.existsSync(path.join(folder, "manifest.json"))) {
    verifyArtefact(folder);
    return folder;
  }
  withFileErrors("create", folder, () => fs.mkdirSync(folder, { recursive: true }));
  await exportArtefact(checkpointDir, folder, {
    format: "fp32",
    ...(shapes === undefined ? {} : { shapes }),
  });
  return folder;
}

/** The shipped teacher as an artefact, in the cache of the folder that the user works in. */
export function shippedTeacherArtefact(shapes?: readonly number[]): Promise<string> {
  return cachedTeacherArtefact(shippedTeacher(), path.join(homeFolder, "cache"), shapes);
}
