import * as path from "node:path";
import type { Voice } from "../types.ts";
import { sherpaPackage } from "./sherpa-engine.ts";
import { readSherpaFolder } from "./sherpa-folder.ts";
import { openWorkerVoice } from "./worker-voice.ts";

/**
 * A local model through sherpa-onnx, in a worker. Errors: `missing_dependency` (names the package), `voice_failed`,
 * `file_not_found`.
 */
export async function openSherpaVoice(options: {
  readonly folder: string;
  readonly speaker: number;
  /** Another module of the same shape, for tests. */
  readonly packageName?: string;
}): Promise<Voice> {
  const { speaker, packageName = sherpaPackage } = options;
  const folder = path.resolve(options.folder);
  const { languages, licence } = readSherpaFolder(folder);
  const name = `sherpa:${path.basename(folder)}${speaker === 0 ? "" : `#${speaker}`}`;
  return await openWorkerVoice(
    { engine: "sherpa", folder, speaker, packageName },
    { name, licence, languages },
  );
}
