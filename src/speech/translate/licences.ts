import * as fs from "node:fs";
import * as path from "node:path";
import { LimbeckError } from "../../base/errors.ts";
import type { Licence } from "../types.ts";
import type { Family } from "./families.ts";

export const unknownLicence: Licence = { name: "unknown", isCommercial: false };

/** Weights whose names are known, as their publishers licence them. */
const byName: readonly (readonly [pattern: RegExp, licence: Licence])[] = [
  [/nllb/i, { name: "CC-BY-NC-4.0", isCommercial: false }],
  [/madlad/i, { name: "Apache-2.0", isCommercial: true }],
  [/m2m100|m2m_100/i, { name: "MIT", isCommercial: true }],
  [/opus-mt/i, { name: "CC-BY-4.0", isCommercial: true }],
];

/** Licences of model cards that let a product use the weights. Others are no guess of ours. */
const commercial: Readonly<Record<string, string>> = {
  "apache-2.0": "Apache-2.0",
  "bsd-3-clause": "BSD-3-Clause",
  "cc-by-4.0": "CC-BY-4.0",
  "cc0-1.0": "CC0-1.0",
  mit: "MIT",
};

/** `license:` of the model card in a local folder; undefined where there is none. */
function cardLicence(folder: string): Licence | undefined {
  const file = path.join(folder, "README.md");
  if (!fs.existsSync(file)) return undefined;
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(fs.readFileSync(file, "utf8"))?.[1] ?? "";
  const named = /^license:\s*["']?([\w.-]+)/m.exec(front)?.[1]?.toLowerCase();
  if (named === undefined) return undefined;
  const name = commercial[named];
  return name === undefined
    ? { name: named.toUpperCase(), isCommercial: false }
    : { name, isCommercial: true };
}

/**
 * The licence of a model's weights: what its card says, else what weights of that name have, else that of NLLB where the
 * tokenizer is NLLB's. `folder` where the model is a local one.
 */
export function modelLicence(model: string, folder: string | undefined, family?: Family): Licence {
  const card = folder === undefined ? undefined : cardLicence(folder);
  if (card !== undefined) return card;
  const known = byName.find(([pattern]) =>
    pattern.test(folder === undefined ? model : path.basename(folder)),
  );
  if (known !== undefined) return known[1];
  return family === "nllb" ? { name: "CC-BY-NC-4.0", isCommercial: false } : unknownLicence;
}

/** Refuses what a product may not use, unless the user has accepted that. Error: `usage`. */
export function checkLicence(model: string, licence: Licence, acceptNonCommercial: boolean): void {
  if (licence.isCommercial || acceptNonCommercial) return;
  const got = licence === unknownLicence ? "one whose licence is unknown" : `one under ${licence.name}`;
  throw new LimbeckError("usage", `translation: expected weights for commercial use, got ${got}: ${model}`, {
    cure: "Pass --accept-noncommercial where your use allows it, or choose another model.",
    fields: { model, licence: licence.name },
  });
}
