import * as fs from "node:fs";
import * as path from "node:path";
import { z } from "zod";
import { LimbeckError } from "../base/errors.ts";
import { readJson, sha256, sha256File } from "../base/files.ts";
import { openSafetensors, type SafetensorsFile } from "../tensor/safetensors.ts";

const singleFile = "model.safetensors";
const indexFile = "model.safetensors.index.json";

/** The tensors of a checkpoint as one set of names, whether they lie in one file or in shards. */
export interface WeightFiles {
  /** What error messages call the whole: the one file, or the index of the shards. */
  readonly source: string;
  /** Every name that the files hold. */
  readonly names: readonly string[];
  /** The file that holds a tensor. */
  holderOf(name: string): SafetensorsFile | undefined;
  /** sha-256 of the one file's bytes, or of the shards' own hashes in the order of their names. Reads every byte. */
  fingerprint(): string;
}

// A shard lies beside its index: a name with a folder in it could lead out of the checkpoint.
const indexSchema = z.looseObject({
  weight_map: z.record(z.string(), z.string().regex(/^[^/\\]+\.safetensors$/, "expected a file name")),
});

function invalid(message: string, cure: string, fields: Record<string, unknown>): LimbeckError {
  return new LimbeckError("invalid_checkpoint", message, { cure, fields });
}

function openShards(dir: string, index: string): WeightFiles {
  const parsed = indexSchema.safeParse(readJson(index));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join(".") || "(root)";
    throw invalid(`${index}: ${field}: ${issue?.message}`, "Download the index again.", {
      path: index,
      field,
    });
  }
  const shardOf = new Map(Object.entries(parsed.data.weight_map));
  const shards = new Map<string, SafetensorsFile>();
  for (const [name, shard] of shardOf) {
    const file = path.join(dir, shard);
    if (!shards.has(shard) && !fs.existsSync(file)) {
      throw invalid(
        `${index}: weight_map.${name}: expected the shard ${shard} beside the index, got no such file`,
        "Download the missing shard.",
        { path: index, field: `weight_map.${name}`, shard },
      );
    }
    const opened = shards.get(shard) ?? openSafetensors(file);
    shards.set(shard, opened);
    if (!opened.entries.has(name)) {
      throw invalid(
        `${file}: tensor "${name}": expected it where ${indexFile} says, got nothing`,
        "The index and its shards do not belong together: download them again.",
        { path: file, tensor: name },
      );
    }
  }
  return {
    source: index,
    names: [...shardOf.keys()],
    holderOf: (name) => shards.get(shardOf.get(name) ?? ""),
    fingerprint: () => {
      const files = [...shards.keys()].sort().map((shard) => path.join(dir, shard));
      return sha256(files.map(sha256File).join(""));
    },
  };
}

/**
 * Opens `model.safetensors` of a folder, or the shards of its `model.safetensors.index.json`; reads headers only.
 * Errors: `file_not_found`, `invalid_safetensors`, `invalid_checkpoint` naming the index's field or the shard.
 */
export function openWeightFiles(dir: string): WeightFiles {
  const file = path.join(dir, singleFile);
  const index = path.join(dir, indexFile);
  if (fs.existsSync(file)) {
    const opened = openSafetensors(file);
    return {
      source: file,
      names: [...opened.entries.keys()],
      holderOf: (name) => (opened.entries.has(name) ? opened : undefined),
      fingerprint: () => sha256File(file),
    };
  }
  if (fs.existsSync(index)) return openShards(dir, index);
  throw new LimbeckError("file_not_found", `${dir}: expected ${singleFile} or ${indexFile}, got neither`, {
    cure: "Give a folder with weights as safetensors; files of torch (.bin) are not read.",
    fields: { path: dir },
  });
}
