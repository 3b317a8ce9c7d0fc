import { listFiles, modelInfo } from "@huggingface/hub";
import { LimbeckError } from "../base/errors.ts";
import type { Hub } from "./hub-client.ts";
import { badDownload } from "./hub-errors.ts";

/** One file of a model, as the hub announces it. */
export interface HubFile {
  readonly path: string;
  readonly bytes: number;
  /** What its bytes must hash to: sha-256 of the content (large files), or the name of git's blob. */
  readonly hash: { readonly kind: "sha256" | "gitBlob"; readonly hex: string };
}

export interface HubModel {
  readonly repo: string;
  /** The commit that the revision stands for. */
  readonly commit: string;
  readonly files: readonly HubFile[];
}

/** A path that stays in the folder: a hub is not trusted with others. */
const isPlainPath = (name: string): boolean =>
  !/[\\\0]/.test(name) && name.split("/").every((part) => part !== "" && part !== "." && part !== "..");

const isHex = (text: string | undefined, digits: number): text is string =>
  text !== undefined && text.length === digits && /^[0-9a-f]+$/.test(text);

/** Whether text is the name of a model: `name` or `owner/name`. */
export const isRepoName = (text: string): boolean => /^(?!\.)[\w.-]+(\/(?!\.)[\w.-]+)?$/.test(text);

/**
 * The files of a model at a revision, which is resolved once: later pushes to a branch change nothing. Errors: `usage`
 * for a name that is none, `bad_download` for a list that no hub gives, and those of `Hub.request`.
 */
export async function listModel(hub: Hub, repo: string, revision: string): Promise<HubModel> {
  if (!isRepoName(repo)) {
    throw new LimbeckError("usage", `pull: expected a model as owner/name, got ${repo}`, {
      cure: "Write it as on the hub, without its address.",
    });
  }
  try {
    return await readList(hub, repo, revision);
  } catch (cause) {
    if (cause instanceof LimbeckError) throw cause;
    // The library reads answers as they come: a page of HTML or a list of another form ends in errors of the language.
    const got = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw badDownload(hub.endpoint, `${repo}: expected a hub's answer about a model, got ${got}`, cause);
  }
}

async function readList(hub: Hub, repo: string, revision: string): Promise<HubModel> {
  const hubUrl = hub.endpoint.href.replace(/\/$/, "");
  const { sha } = await modelInfo({
    name: repo,
    revision,
    hubUrl,
    fetch: hub.fetch,
    additionalFields: ["sha"],
  });
  if (!isHex(sha, 40)) throw badDownload(hub.endpoint, `${repo}: expected a commit of 40 digits, got ${sha}`);
  const files: HubFile[] = [];
  const listed = listFiles({ repo: `${repo}`, revision: sha, recursive: true, hubUrl, fetch: hub.fetch });
  for await (const { type, path, size, oid, lfs } of listed) {
    if (type !== "file") continue;
    if (!isPlainPath(path))
      throw badDownload(hub.endpoint, `${repo}: expected paths inside the model, got ${path}`);
    const bytes = lfs?.size ?? size;
    const hex = lfs?.oid ?? oid;
    if (!Number.isSafeInteger(bytes) || bytes < 0 || !isHex(hex, lfs ? 64 : 40)) {
      throw badDownload(
        hub.endpoint,
        `${repo}: ${path}: expected a size and a hash, got ${bytes} and ${hex}`,
      );
    }
    files.push({ path, bytes, hash: { kind: lfs ? "sha256" : "gitBlob", hex } });
  }
  return { repo, commit: sha, files };
}

/** Where the bytes of a file are, relative to the hub. */
export function fileTarget(hub: Hub, { repo, commit }: HubModel, file: HubFile): string {
  const folder = hub.endpoint.pathname.replace(/\/$/, "");
  return `${folder}/${repo}/resolve/${commit}/${file.path.split("/").map(encodeURIComponent).join("/")}`;
}
