import * as fs from "node:fs";
import * as path from "node:path";
import { LimbeckError } from "../base/errors.ts";
import { withFileErrors } from "../base/files.ts";
import { isLicenceFile, modelCard } from "../model/licence.ts";
import { defaultEndpoint } from "./hub-address.ts";
import { createHub, type HubOptions } from "./hub-client.ts";
import { type Arrival, downloadFile, isWhole, partBytes } from "./hub-download.ts";
import { fileTarget, type HubFile, type HubModel, listModel } from "./hub-files.ts";

export interface PullOptions extends Partial<HubOptions> {
  /** As on the hub, `owner/name`. */
  readonly repo: string;
  /** Branch, tag or commit (default "main"). */
  readonly revision?: string;
  readonly outDir: string;
  /** Only files that match one of these, with `*` and `?` (default: what `exportArtefact` needs). */
  readonly include?: readonly string[];
}

export interface PullProgress {
  readonly file: string;
  /** Bytes of all files that are here, and of all files. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Bytes that came over the network. */
  readonly fetchedBytes: number;
}

export interface PullHooks {
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface PullResult {
  readonly repo: string;
  readonly revision: string;
  readonly commit: string;
  readonly outDir: string;
  readonly files: readonly {
    readonly path: string;
    readonly bytes: number;
    readonly hash: string;
    /** `kept`: it was there. */
    readonly arrival: Arrival | "kept";
  }[];
}

/** Files beside the weights that a checkpoint may have, and whether it cannot be exported without. */
const modelFiles: Readonly<Record<string, "needed" | "optional">> = {
  "config.json": "needed",
  "tokenizer.json": "needed",
  "tokenizer_config.json": "needed",
  "chat_template.jinja": "optional",
  "generation_config.json": "optional",
  [modelCard]: "optional",
};
const singleWeights = "model.safetensors";
const weightIndex = "model.safetensors.index.json";
const isShard = (name: string): boolean => /^model-\d+-of-\d+\.safetensors$/.test(name);

function lacks(model: HubModel, what: string, cure: string): LimbeckError {
  return new LimbeckError("not_found", `${model.repo} at ${model.commit}: expected ${what}, got none`, {
    cure,
    fields: { repo: model.repo, commit: model.commit },
  });
}

/** What `exportArtefact` reads. Error: `not_found` naming what the model lacks. */
function checkpointFiles(model: HubModel): readonly HubFile[] {
  const names = new Set(model.files.map((file) => file.path));
  for (const [name, need] of Object.entries(modelFiles)) {
    if (need === "needed" && !names.has(name)) {
      throw lacks(model, name, "Choose a model with it, or say with --include which files to fetch.");
    }
  }
  const hasShards = names.has(weightIndex) && [...names].some(isShard);
  if (!names.has(singleWeights) && !hasShards) {
    throw lacks(
      model,
      `${singleWeights}, or ${weightIndex} and its shards`,
      "Choose a model with safetensors: files of torch (.bin) and GGUF are not read.",
    );
  }
  const isWeights = (name: string): boolean =>
    names.has(singleWeights) ? name === singleWeights : name === weightIndex || isShard(name);
  return model.files.filter(
    ({ path: name }) => Object.hasOwn(modelFiles, name) || isLicenceFile(name) || isWeights(name),
  );
}

/** Whether a path matches a pattern: `*` is any text, `?` any character. */
function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(name);
}

function includedFiles(model: HubModel, patterns: readonly string[]): readonly HubFile[] {
  const unused = patterns.find((pattern) => !model.files.some((file) => matches(pattern, file.path)));
  if (unused !== undefined) {
    const known = model.files.map((file) => file.path).slice(0, 20);
    throw lacks(
      model,
      `files that match ${unused}`,
      `It has ${known.join(", ")}${known.length < model.files.length ? ", …" : ""}.`,
    );
  }
  return model.files.filter((file) => patterns.some((pattern) => matches(pattern, file.path)));
}

/** Error: `disk_full` where the files will not fit. */
function checkSpace(outDir: string, missingBytes: number): void {
  const { bavail, bsize } = withFileErrors("look at", outDir, () => fs.statfsSync(outDir));
  const freeBytes = bavail * bsize;
  if (missingBytes <= freeBytes) return;
  const megabytes = (size: number): string => `${(size / 1e6).toFixed(1)} MB`;
  throw new LimbeckError(
    "disk_full",
    `${outDir}: expected ${megabytes(missingBytes)} of free space, got ${megabytes(freeBytes)}`,
    {
      cure: "Free some space or choose another folder; nothing was fetched.",
      fields: { path: outDir, missingBytes, freeBytes },
    },
  );
}

/**
 * Fetches a checkpoint from a hub into `outDir`. Every file is checked against the hash that the hub announced and gets
 * its name only when it is whole; one that was cut is continued by the next pull of the same content. Small files come
 * first and weights last, so that a folder with weights is whole. Errors: `usage`, `not_found`, `access_denied`,
 * `unreachable`, `bad_download`, `disk_full`, `not_writable`, `cancelled`.
 */
export async function pullModel(options: PullOptions, hooks: PullHooks = {}): Promise<PullResult> {
  const { repo, revision = "main", outDir, include, ...hubOptions } = options;
  const hub = createHub({ endpoint: defaultEndpoint, ...hubOptions });
  const model = await listModel(hub, repo, revision);
  const chosen = include === undefined ? checkpointFiles(model) : includedFiles(model, include);
  const files = [...chosen].sort((a, b) => a.bytes - b.bytes);
  withFileErrors("create", outDir, () => fs.mkdirSync(outDir, { recursive: true }));
  const planned = files.map((file) => {
    const target = path.join(outDir, ...file.path.split("/"));
    const isKept = isWhole(target, file);
    return { file, target, isKept, bytesHere: isKept ? file.bytes : partBytes(target, file) };
  });
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  let bytes = planned.reduce((sum, { bytesHere }) => sum + bytesHere, 0);
  checkSpace(outDir, totalBytes - bytes);
  let fetchedBytes = 0;
  const pulled: PullResult["files"][number][] = [];
  for (const { file, target, isKept } of planned) {
    const onBytes = (more: number): void => {
      bytes += more;
      fetchedBytes += Math.max(0, more);
      hooks.onProgress?.({ file: file.path, bytes, totalBytes, fetchedBytes });
    };
    const arrival = isKept
      ? "kept"
      : await downloadFile(hub, fileTarget(hub, model, file), file, target, onBytes);
    pulled.push({ path: file.path, bytes: file.bytes, hash: file.hash.hex, arrival });
  }
  return { repo, revision, commit: model.commit, outDir, files: pulled };
}
