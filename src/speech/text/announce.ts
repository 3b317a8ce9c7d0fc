import { type Token, verbatim, words } from "./tokens.ts";

const languages: Readonly<Record<string, string>> = {
  astro: "Astro",
  bat: "batch",
  c: "C",
  cc: "C++",
  clj: "Clojure",
  clojure: "Clojure",
  cpp: "C++",
  "c++": "C++",
  cs: "C#",
  csharp: "C#",
  "c#": "C#",
  css: "CSS",
  csv: "CSV",
  dart: "Dart",
  docker: "Docker",
  dockerfile: "Docker",
  elixir: "Elixir",
  elm: "Elm",
  env: "settings",
  ex: "Elixir",
  go: "Go",
  golang: "Go",
  graphql: "GraphQL",
  groovy: "Groovy",
  h: "C",
  haskell: "Haskell",
  hcl: "Terraform",
  hpp: "C++",
  hs: "Haskell",
  html: "HTML",
  ini: "settings",
  java: "Java",
  javascript: "JavaScript",
  jl: "Julia",
  js: "JavaScript",
  json: "JSON",
  json5: "JSON",
  jsonc: "JSON",
  jsonl: "JSON",
  jsx: "JavaScript",
  julia: "Julia",
  kotlin: "Kotlin",
  kt: "Kotlin",
  less: "CSS",
  lua: "Lua",
  makefile: "Make",
  markdown: "Markdown",
  md: "Markdown",
  mdx: "Markdown",
  mjs: "JavaScript",
  nix: "Nix",
  objc: "Objective-C",
  ocaml: "OCaml",
  perl: "Perl",
  php: "PHP",
  proto: "Protobuf",
  py: "Python",
  python: "Python",
  python3: "Python",
  r: "R",
  rb: "Ruby",
  rs: "Rust",
  ruby: "Ruby",
  rust: "Rust",
  sass: "CSS",
  scala: "Scala",
  scss: "CSS",
  sql: "SQL",
  svelte: "Svelte",
  svg: "SVG",
  swift: "Swift",
  terraform: "Terraform",
  tf: "Terraform",
  toml: "TOML",
  ts: "TypeScript",
  tsx: "TypeScript",
  typescript: "TypeScript",
  vue: "Vue",
  xml: "XML",
  yaml: "YAML",
  yml: "YAML",
  zig: "Zig",
};
const shells = /^(?:bash|sh|shell|zsh|fish|powershell|ps1|pwsh|cmd|shellsession|terminal)$/;
const outputs = /^(?:console|output|text|txt|plaintext|plain|log|logs|stdout|stderr)$/;
const diagrams = /^(?:mermaid|dot|graphviz|plantuml|puml|d2|ascii)$/;
const formulas = /^(?:math|latex|tex|katex)$/;

/** The language of a file or of a code block's label, as "Python"; undefined where we know none. */
export function languageOf(label: string): string | undefined {
  const key = label.toLowerCase();
  return Object.hasOwn(languages, key) ? languages[key] : undefined;
}

/** "12-line" with its article: "a 12-line", "an 8-line". */
function lineCount(lines: number): readonly Token[] {
  const isVowel = /^(?:8|11(?:$|\d{3}$)|18(?:$|\d{3}$))/.test(String(lines));
  return [words(isVowel ? "An " : "A "), verbatim(String(lines)), words("-line ")];
}

function counted(count: number, one: string, many: string): readonly Token[] {
  return count === 1 ? [words(`One ${one}.`)] : [verbatim(String(count)), words(` ${many}.`)];
}

/** What a code block is. `label` is the first word behind its fence; `lines` are those that are not blank. */
export function codeBlockTokens(
  label: string,
  lines: number,
  added: number,
  removed: number,
): readonly Token[] {
  const key = label.toLowerCase();
  if (lines === 0) return [];
  if (key === "diff" || key === "patch") return diffTokens(added, removed);
  if (shells.test(key))
    return lines === 1 ? [words("A shell command.")] : [...lineCount(lines), words("shell block.")];
  if (outputs.test(key)) return counted(lines, "line of output", "lines of output");
  if (diagrams.test(key)) return [words("A diagram.")];
  if (formulas.test(key)) return [words("A formula.")];
  const language = languageOf(key);
  if (lines === 1)
    return language === undefined
      ? [words("One line of code.")]
      : [words("One line of "), verbatim(language), words(".")];
  return language === undefined
    ? [...lineCount(lines), words("code block.")]
    : [...lineCount(lines), verbatim(language), words(" block.")];
}

export function diffTokens(added: number, removed: number): readonly Token[] {
  const lines = (n: number): string => (n === 1 ? " line" : " lines");
  if (added === 0 && removed === 0) return [words("A diff.")];
  const plus = [verbatim(String(added)), words(`${lines(added)} added`)];
  const minus = [verbatim(String(removed)), words(added === 0 ? `${lines(removed)} removed` : " removed")];
  if (removed === 0) return [words("A diff: "), ...plus, words(".")];
  if (added === 0) return [words("A diff: "), ...minus, words(".")];
  return [words("A diff: "), ...plus, words(", "), ...minus, words(".")];
}

export function tableTokens(rows: number): readonly Token[] {
  return [words("A table of "), verbatim(String(rows)), words(rows === 1 ? " row." : " rows.")];
}

export function traceTokens(lines: number): readonly Token[] {
  if (lines <= 1) return [words("A stack trace.")];
  return [words("A stack trace of "), verbatim(String(lines)), words(" lines.")];
}

export function logTokens(lines: number): readonly Token[] {
  return counted(lines, "log line", "log lines");
}

export function commandTokens(lines: number): readonly Token[] {
  return lines === 1 ? [words("A shell command.")] : [verbatim(String(lines)), words(" shell commands.")];
}

export function formulaTokens(): readonly Token[] {
  return [words("A formula.")];
}
