import * as fs from "node:fs";
import * as path from "node:path";
import type { Direction } from "../types.ts";
import { apertiumCodes, languageVariants } from "./languages.ts";

/** One installed direction of Apertium. */
export interface ApertiumMode {
  /** As `apertium -l` names it: "eng-spa", "spa-eng_US". */
  readonly name: string;
  /** Its pipeline, as a line of shell with `$1` for the generator's option and `$2` for the tagger's. */
  readonly file: string;
}

/** The Debian packages of pairs, by their two languages in any order. */
const debianPairs: readonly string[] =
  `afr-nld arg-cat bel-rus br-fr cat-ita cat-srd dan-nor en-gl eng-cat eng-spa eo-ca eo-en eo-es eo-fr es-gl es-pt es-ro
  eu-en eu-es fr-es fra-cat fra-frp hbs-eng hbs-mkd hbs-slv ind-zlm isl-eng is-sv mkd-bul mkd-eng nno-nob oc-ca oc-es
  oci-fra pol-szl por-cat pt-gl rus-ukr spa-arg spa-ast spa-cat spa-ita srd-ita swe-dan swe-nor urd-hin`.split(
    /\s+/,
  );

/** The Debian package that brings a direction; undefined where Debian has none. */
export function debianPackage({ source, target }: Direction): string | undefined {
  const [from, to] = [apertiumCodes(source), apertiumCodes(target)];
  const pair = debianPairs.find((name) => {
    const [a, b] = name.split("-") as [string, string];
    return (from.includes(a) && to.includes(b)) || (from.includes(b) && to.includes(a));
  });
  return pair === undefined ? undefined : `apertium-${pair}`;
}

/** The first file of this name on the search path. */
export function findProgram(name: string, searchPath = process.env["PATH"] ?? ""): string | undefined {
  return searchPath
    .split(path.delimiter)
    .map((folder) => path.join(folder, name))
    .find((file) => fs.existsSync(file));
}

/** Where Apertium keeps its pairs: APERTIUM_DATADIR, or beside the program. Undefined where it is not installed. */
export function apertiumDataFolder(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const program = findProgram("lt-proc", env["PATH"]);
  if (program === undefined) return undefined;
  const given = env["APERTIUM_DATADIR"];
  return given ?? path.join(path.dirname(fs.realpathSync(program)), "..", "share", "apertium");
}

/** What `apertium -l` prints, read from where it reads. */
export function listModes(dataFolder: string): readonly ApertiumMode[] {
  const folder = path.join(dataFolder, "modes");
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith(".mode"))
    .sort()
    .map((name) => ({ name: name.slice(0, -".mode".length), file: path.join(folder, name) }));
}

/**
 * The mode of a direction. A variant ("en-US") takes the mode of that variant ("spa-eng_US") where there is one, and any
 * other the plain one.
 */
export function findMode(
  modes: readonly ApertiumMode[],
  { source, target }: Direction,
): ApertiumMode | undefined {
  const pairs = apertiumCodes(source).flatMap((from) =>
    apertiumCodes(target).map((to) => ({ from, to, plain: `${from}-${to}` })),
  );
  const variants = languageVariants(target);
  for (const { plain } of pairs) {
    const ofVariant = modes.find(({ name }) => variants.some((variant) => name === `${plain}_${variant}`));
    const found = ofVariant ?? modes.find(({ name }) => name === plain);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Programs of pipelines that read text piece by piece, each ended by a null character, once they are given -z. */
const flushing =
  /((?:^|\|)\s*)(lt-proc|lrx-proc|lsx-proc|cg-proc|rtx-proc|hfst-proc|apertium-(?:tagger|pretransfer|posttransfer|transfer|interchunk|postchunk|anaphora))(?=[\s|]|$)/g;

/**
 * The shell script of a mode that answers each text as it comes, where its programs can. `$1` is to be -n: unknown words
 * are not marked then.
 */
export function pipelineScript(modeLine: string): string {
  return modeLine.trim().replace(flushing, "$1$2 -z");
}
