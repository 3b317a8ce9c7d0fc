import { type Token, verbatim } from "./tokens.ts";

/** Names with capitals inside that are names of things, not of code. */
const brands = new Set(
  `BibTeX BitBucket ChatGPT CocoaPods CodeQL DataFrame DeepMind DeepSeek DevOps DirectX DockerHub eBay FastAPI FreeBSD
  GitHub GitLab GraphQL IntelliJ iOS iPad iPadOS iPhone JavaScript JetBrains jQuery JupyterLab LaTeX LinkedIn LlamaIndex macOS
  MariaDB McDonald MongoDB MySQL NetBSD NoSQL NumPy OAuth OpenAI OpenAPI OpenBSD OpenCV OpenGL OpenMP OpenSSL PhD
  PostgreSQL PowerShell PyCharm PyPI PyTorch QuickTime RabbitMQ SciPy SQLAlchemy SQLite SwiftUI TensorFlow
  TypeScript tvOS VSCode WebAssembly WebGL WebGPU WebKit WebRTC WebSocket WhatsApp WiFi WordPress xAI YouTube`.split(
    /\s+/,
  ),
);
/** Short words in capitals that are words all the same. */
const shortWords = new Set(
  "ADD ALL AND ANY BIG BOX CAN DAY DIR END ENV FOR GET HAS JOB KEY LOG LOW MAP MAX MIN NEW NOT NOW OFF OLD ONE OUT PUT RAW ROW RUN SET THE TOP TRY TWO USE VAR WAS YES DO GO IN IS NO OF ON OR TO UP".split(
    " ",
  ),
);

const acronyms = new Set(
  "ASCII CORS CRUD CUDA HTML HTTP HTTPS JSON LLVM MIDI NATO OAUTH SMTP TOML UUID XHTML YAML".split(" "),
);

const camelWord = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+/g;
const snake = /^[_$]*[A-Za-z][A-Za-z0-9]*(?:_+[A-Za-z0-9]+)+_*$/;
const camel = /^[_$]*[A-Za-z]*[a-z0-9][A-Z][A-Za-z0-9]*$|^[_$]*[A-Z]{2,}[a-z]{2,}[A-Za-z0-9]*$/;
const surname = /^(?:Mc|Mac|De|Di|Du|La|Le|Van|Fitz)[A-Z][a-z]+$/;
const versionLike = /^[A-Za-z]+-?\d[\w.-]*$/;

const isMixed = (part: string): boolean => /[a-z]/.test(part);

function lowerUnlessAcronym(word: string): string {
  return word.length > 1 && word === word.toUpperCase() ? word : word.toLowerCase();
}

function readable(word: string): string {
  return word === word.toUpperCase() && (word.length <= 3 || acronyms.has(word)) && !shortWords.has(word)
    ? word
    : word.toLowerCase();
}

/** The words of snake_case, camelCase and SCREAMING_CASE: "get user name", "parse JSON". */
export function identifierWords(name: string): string {
  return name
    .split(/[_$]+/)
    .filter((part) => part !== "")
    .map((part) =>
      brands.has(part) || /^[A-Z]+s$/.test(part)
        ? part
        : (part.match(camelWord) ?? [part])
            .map((word) => (isMixed(part) ? lowerUnlessAcronym(word) : readable(word)))
            .join(" ")
            .replace(/ (\d+)/g, "$1"),
    )
    .join(" ");
}

function isCodeName(name: string): boolean {
  // "YoY", "PhD": too short to be two words.
  if (/^[A-Z][a-z][A-Z]$/.test(name)) return false;
  if (brands.has(name) || surname.test(name) || /^[A-Z]+s$/.test(name)) return false;
  return snake.test(name) || camel.test(name);
}

/** Words for names of code; undefined for words of a language. */
export function identifierTokens(text: string): readonly Token[] | undefined {
  if (/^[\p{Ll}'’-]+$/u.test(text)) return undefined;
  if (brands.has(text)) return [verbatim(text)];
  if (isCodeName(text)) return [verbatim(identifierWords(text))];
  // "U.S", "a.m".
  if (/^\p{L}(?:\.\p{L})+$/u.test(text)) return undefined;
  // A call: its name; members and scopes: all their names.
  const call = /^([A-Za-z_$][\w$.:]*?)(?:<[\w$, <>[\]]*>)?\(.*\)$/s.exec(text)?.[1];
  if (call !== undefined) return identifierTokens(call) ?? [verbatim(call)];
  if (/^[A-Za-z_$][\w$]*(?:(?:\.|::|->|#)[A-Za-z_$][\w$]*)+$/.test(text)) {
    const joined = text
      .split(/\.|->/)
      .map((part) => part.split(/::|#/).map(memberWords).join(" "))
      .join(".");
    return [verbatim(joined)];
  }
  if (/^[_$]+[A-Za-z]\w*$|^[A-Za-z]\w*[_$]+$/.test(text)) return [verbatim(identifierWords(text))];
  if (/^[A-Za-z_$][\w$:]*(?:<[\w$<>[\], |&':]+>|\[[\w$.'"]*\])+[?!]?$/.test(text)) {
    const parts = text.split(/[^\w$]+/).filter((part) => part !== "");
    return [verbatim(parts.map(memberWords).join(" "))];
  }
  if (/^(?:C\+\+|[CF]#|\.NET|ASP\.NET)(?:\d\d)?$/.test(text) || versionLike.test(text))
    return [verbatim(text)];
  return undefined;
}

function memberWords(name: string): string {
  return isCodeName(name) ? identifierWords(name) : name.replace(/^[_$]+|[_$]+$/g, "");
}
