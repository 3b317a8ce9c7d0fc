import * as path from "node:path";
import { type PullProgress, pullModel } from "../flow/pull.ts";
import type { CliContext, CommandResult } from "./execute.ts";
import type { PullFlags } from "./flags.ts";
import type { ProgressState } from "./progress.ts";
import { readSecret } from "./secret-input.ts";

/** Decimal megabytes with one digit. */
const megabytes = (bytes: number): number => Math.round(bytes / 1e5) / 10;

const sizeText = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${megabytes(bytes).toFixed(1)} MB`;

/** Progress in megabytes; the rate is of what came over the network, so that a resumed pull tells its true time. */
function progressState(
  { file, bytes, totalBytes, fetchedBytes }: PullProgress,
  elapsedMs: number,
): ProgressState {
  const bytesPerMs = fetchedBytes / Math.max(1, elapsedMs);
  return {
    label: "pull",
    done: megabytes(bytes),
    total: megabytes(totalBytes),
    detail: `${megabytes(bytesPerMs * 1000)} MB/s  ${file}`,
    ...(bytesPerMs > 0 ? { remainingMs: (totalBytes - bytes) / bytesPerMs } : {}),
  };
}

/** `limbeck pull`: fetches a checkpoint and says where it is. Errors: those of `pullModel` and `readSecret`. */
export async function pullCommand(
  repo: string,
  flags: PullFlags,
  { progress, signal }: CliContext,
): Promise<CommandResult> {
  const token = readSecret({ what: "a token", file: flags.tokenFile, variable: "HF_TOKEN" }, process.env);
  const startMs = performance.now();
  const result = await pullModel(
    {
      repo,
      revision: flags.revision,
      outDir: flags.out ?? path.basename(repo),
      endpoint: flags.endpoint,
      signal,
      ...(flags.include === undefined ? {} : { include: flags.include }),
      ...(token === undefined ? {} : { token }),
      onRetry: (why, pauseMs) => progress.note(`pull: ${why}; again in ${(pauseMs / 1000).toFixed(1)} s`),
    },
    { onProgress: (state) => progress.update(progressState(state, performance.now() - startMs)) },
  );
  const { revision, commit, outDir, files } = result;
  const width = Math.max(...files.map((file) => file.path.length));
  return {
    text: [
      `pulled ${repo} at ${commit.slice(0, 12)} (${revision}) to ${outDir}`,
      ...files.map(
        (file) => `  ${file.path.padEnd(width)}  ${sizeText(file.bytes).padStart(10)}  ${file.arrival}`,
      ),
      ...(flags.include === undefined ? [`next: limbeck export ${outDir} --out ${outDir}-int8`] : []),
    ].join("\n"),
    document: { schema_version: 1, kind: "pull", repo, revision, commit, out: outDir, files },
    exitStatus: 0,
  };
}
