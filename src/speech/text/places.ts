import { identifierWords } from "./identifiers.ts";
import { type Token, verbatim, words } from "./tokens.ts";

const scheme = /^(?:https?|ftp|wss?|ssh|git|file|data|mailto|vscode|chrome):(?:\/\/)?\S/i;
const host =
  /^(?:www\.)?((?:[a-z0-9-]+\.)+(?:ai|app|cloud|com|de|dev|edu|eu|fr|gov|io|jp|net|org|uk))(?::\d+)?(?:[/?#]\S*)?$/i;
const address = /^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$/;
const gitAddress = /^git@([\w.-]+):\S+$/;
const port = /^(localhost|\d{1,3}(?:\.\d{1,3}){3}):(\d{2,5})$/;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const hash =
  /^(?:sha\d{1,3}[:-])?(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,128}(?:(?:\.\.\.?|…)[0-9a-f]*)?$/;
const longCode = /^(?=\S*\d)(?=\S*[a-z])(?=\S*[A-Z])[A-Za-z0-9+/=_.~-]{32,}$/;

const extensions = new Set(
  "astro avif bash bat bin bmp bz2 c cc cfg cjs clj cmake cmd conf cpp cs css csv cts cu cxx dart db diff dll dockerfile doc docx dylib ejs elm env erl ex exe exs fs gguf gif go gql gradle graphql gz h hbs hpp hs htm html ico ini ipynb jar java jl jpeg jpg js json json5 jsonc jsonl jsx key kt kts less lock log lua m4 map markdown md mdx mjs ml mm mp3 mp4 mts nix npy npz o onnx out parquet patch pdf pem php pkl pl plist png ppt pptx prisma proto ps1 pt pth py pyc pyi r rar rb rs rst safetensors sass scala scss sh snap so sol sql sqlite srt svelte svg swift tar tex tf tgz tmp toml ts tsv tsx ttf txt vim vue wasm wav webm webp woff woff2 xls xlsx xml xz yaml yml zig zip zsh".split(
    " ",
  ),
);
const fileName = /^[\w.@+-]*\.([A-Za-z0-9]+)$/;
const dotFile = /^\.[a-z][\w-]*(?:\.[\w-]+)*$/;
/** Folders that begin a path in a project. */
const folders = new Set(
  "app apps assets bench benches bin build cmd components config configs crates dist docs etc examples home include internal lib libs modules node_modules opt packages pkg public scripts spec src target test tests tmp tools usr var vendor web".split(
    " ",
  ),
);
const wellKnown = /^(?:Makefile|Dockerfile|LICENSE|README|CHANGELOG|Cargo|Gemfile|Procfile)$/;

/** Whether a name without a folder is that of a file: `main.rs`, `.gitignore`. */
export function isFileName(text: string): boolean {
  const extension = fileName.exec(text)?.[1];
  if (extension === undefined) return wellKnown.test(text);
  return dotFile.test(text) || (extensions.has(extension.toLowerCase()) && /[A-Za-z].*\./.test(text));
}

/** What stands after a file's name for a place in it, in words. */
function placeTokens(line: string | undefined): readonly Token[] {
  if (line === undefined) return [];
  const [from = "", to] = line.split(/[-–]/);
  if (to === undefined) return [words(" line "), verbatim(from)];
  return [words(" lines "), verbatim(from), words(" to "), verbatim(to.replace(/^L/, ""))];
}

function nameTokens(name: string): readonly Token[] {
  if (isFileName(name) || !/[_$]|[a-z][A-Z]/.test(name)) return [verbatim(name)];
  return [verbatim(identifierWords(name))];
}

/** The last name of a path that is one; undefined for words with slashes between them. */
function pathName(text: string): string | undefined {
  const isRooted = /^(?:\/|~\/|\.{1,2}\/|[A-Za-z]:[\\/]|\\\\|\$\{?\w+\}?\/)/.test(text);
  const parts = text.split(/[\\/]+/).filter((part) => part !== "" && part !== "." && part !== "..");
  const last = parts.at(-1);
  if (last === undefined) return undefined;
  const first = parts[0] ?? "";
  const isPath =
    isRooted ||
    /[\\/]$/.test(text) ||
    (parts.length > 1 &&
      (isFileName(last) ||
        folders.has(first) ||
        /^\.\w/.test(first) ||
        (parts.length > 2 && /[\d_.-]/.test(text))));
  return isPath ? last : undefined;
}

/** The last name of a path, whatever it looks like: for arguments of tools, which are paths by definition. */
export function fileTokens(path: string): readonly Token[] {
  const last = path
    .split(/[\\/]+/)
    .filter((part) => part !== "" && part !== ".")
    .at(-1);
  return last === undefined ? [words("a folder")] : nameTokens(last);
}

/** "github.com" of an address; undefined where it names no host. */
export function hostOf(url: string): string | undefined {
  return /^[a-z]+:\/\/(?:[^@/]*@)?(?:www\.)?([^/:?#\s]+)/i.exec(url)?.[1];
}

function linkTokens(url: string): readonly Token[] {
  if (/^file:/i.test(url)) return fileTokens(url.slice(5));
  if (/^mailto:/i.test(url)) return [words("an email address")];
  const name = hostOf(url);
  return name === undefined ? [words("a link")] : [words("a link to "), verbatim(name)];
}

/** Words for addresses, paths, file names and hashes; undefined for anything else. */
export function placeNameTokens(text: string): readonly Token[] | undefined {
  if (/^\p{L}+$/u.test(text) && !wellKnown.test(text) && text.length < 32 && !hash.test(text))
    return undefined;
  if (scheme.test(text) && /^(?:[a-z]+:\/\/|data:\w+\/|mailto:)/i.test(text)) return linkTokens(text);
  if (address.test(text)) return [words("an email address")];
  const repository = gitAddress.exec(text)?.[1];
  if (repository !== undefined) return [words("a link to "), verbatim(repository)];
  const site = host.exec(text)?.[1];
  if (site !== undefined && !isFileName(text)) return [verbatim(site)];
  const door = port.exec(text);
  if (door) return [verbatim(door[1] ?? ""), words(" port "), verbatim(door[2] ?? "")];
  if (uuid.test(text)) return [words("an ID")];
  if (hash.test(text)) return [words("a hash")];
  if (/[*?]/.test(text) && /[\\/]|^\*\.\w+$/.test(text)) return [words("a file pattern")];
  const place = /^(.+?)(?:#L|:|\((?=\d+,\d+\)$))(\d+(?:[-–]L?\d+)?)(?::\d+|,\d+\))?$/.exec(text);
  const path = place?.[1] ?? text;
  if (/[\\/]/.test(path)) {
    const name = pathName(path);
    if (name !== undefined) return [...nameTokens(name), ...placeTokens(place?.[2])];
  } else if (isFileName(path)) {
    return [verbatim(path), ...placeTokens(place?.[2])];
  }
  if (longCode.test(text)) return [words("a long string")];
  return undefined;
}
