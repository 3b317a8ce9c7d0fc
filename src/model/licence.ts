import * as fs from "node:fs";
import * as path from "node:path";
import { parse } from "yaml";
import { readBytes, readText, withFileErrors, writeFileAtomic } from "../base/files.ts";

/** Name of a licence's text in an artefact. */
export const licenceFile = "LICENSE";

/** Where published checkpoints say their licence, and other things. */
export const modelCard = "README.md";

/** Whether a file of a checkpoint is the text of its licence. */
export const isLicenceFile = (name: string): boolean => /^licen[cs]e(\.(md|txt))?$/i.test(name);

const licenceTextOf = (dir: string): string | undefined =>
  withFileErrors("list", dir, () => fs.readdirSync(dir))
    .sort()
    .find(isLicenceFile);

/** What the YAML in front of a model card says: `license`, or `license_name` where that is "other". */
function licenceOfCard(text: string): string | null {
  const front = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---\s*(\r?\n|$)/.exec(text)?.[1];
  if (front === undefined) return null;
  let fields: unknown;
  try {
    fields = parse(front);
  } catch {
    return null; // A card is for readers: one that is not YAML says nothing.
  }
  const { license, license_name: own } = (fields ?? {}) as Readonly<Record<string, unknown>>;
  const named = license === "other" && typeof own === "string" ? own : license;
  return typeof named === "string" && named.trim() !== "" ? named.trim() : null;
}

/**
 * The licence of a checkpoint, in the words of its model card; else the SPDX identifier that the licence's file states, or
 * that there is such a file. A licence is never guessed from its text.
 */
export function findLicence(dir: string): string {
  const card = path.join(dir, modelCard);
  const said = fs.existsSync(card) ? licenceOfCard(readText(card)) : null;
  if (said !== null) return said;
  const file = licenceTextOf(dir);
  if (file === undefined) return "as the checkpoint";
  return /SPDX-License-Identifier:\s*(\S+)/.exec(readText(path.join(dir, file)))?.[1] ?? `see ${licenceFile}`;
}

/** Copies the licence's text, where there is one. */
export function copyLicence(fromDir: string, toDir: string): void {
  const file = licenceTextOf(fromDir);
  if (file !== undefined) writeFileAtomic(path.join(toDir, licenceFile), readBytes(path.join(fromDir, file)));
}
