import type { Json } from "../../base/json.ts";
import type { JsonObject } from "../../tools/types.ts";
import { identifierWords } from "./identifiers.ts";
import { fileTokens, hostOf } from "./places.ts";
import { commandName, type ShellCommand, shellCommands } from "./shell.ts";
import { type Token, verbatim, words } from "./tokens.ts";
import { codeTokens } from "./words.ts";

/** What one tool call does, in words that follow each other: "reading", "main.rs". */
export interface ToolPhrase {
  /** Calls with one verb merge: "reading 3 files". */
  readonly verb: string;
  /** What it is done to. */
  readonly object: readonly Token[];
  /** What several of them are, as "files"; undefined: such calls are not counted together. */
  readonly many?: string;
  /** Said after the object when the call stands alone: ", a 12-line change". */
  readonly detail?: readonly Token[];
}

const maxQueryLength = 60;

function text(input: JsonObject, ...names: readonly string[]): string {
  for (const name of names) {
    const value = input[name];
    if (typeof value === "string" && value !== "") return value;
  }
  return "";
}

function linesOf(value: Json | undefined): number {
  if (typeof value !== "string" || value === "") return 0;
  return value.replace(/\n+$/, "").split("\n").length;
}

function file(input: JsonObject): readonly Token[] {
  const path = text(input, "file_path", "path", "notebook_path", "filename", "file");
  return path === "" ? [words("a file")] : fileTokens(path);
}

function changeDetail(lines: number): readonly Token[] {
  if (lines < 2) return [];
  const article = /^(?:8|11$|18$)/.test(String(lines)) ? "an " : "a ";
  return [words(`, ${article}`), verbatim(String(lines)), words("-line change")];
}

/** A few words of a query or a description; undefined where they are too many, or no words. */
function shortText(value: string): readonly Token[] | undefined {
  const line = value
    .trim()
    .replace(/\s+/g, " ")
    .replace(/[.!?]+$/, "");
  return line !== "" && line.length <= maxQueryLength ? [words(line)] : undefined;
}

const searched = (input: JsonObject): ToolPhrase => {
  const pattern = text(input, "pattern", "query", "regex");
  const isWord = /^[\w.-]+(?: [\w.-]+){0,3}$/.test(pattern) && pattern.length <= 40;
  return isWord
    ? { verb: "searching for", object: codeTokens(pattern), many: "things" }
    : { verb: "searching", object: [words("the code")] };
};

const kindsOfFiles: Readonly<Record<string, string>> = {
  ts: "TypeScript",
  tsx: "TypeScript",
  js: "JavaScript",
  py: "Python",
  rs: "Rust",
  go: "Go",
  md: "Markdown",
  json: "JSON",
  yaml: "YAML",
  yml: "YAML",
  java: "Java",
  css: "CSS",
  html: "HTML",
};

const globbed = (input: JsonObject): ToolPhrase => {
  const extension = /\.(\w+)$/.exec(text(input, "pattern"))?.[1] ?? "";
  const kind = Object.hasOwn(kindsOfFiles, extension) ? kindsOfFiles[extension] : undefined;
  return {
    verb: "looking for",
    object: kind === undefined ? [words("files")] : [verbatim(kind), words(" files")],
  };
};

const read = (input: JsonObject): ToolPhrase => ({ verb: "reading", object: file(input), many: "files" });
const edited = (input: JsonObject): ToolPhrase => {
  const lines = Math.max(
    linesOf(input["new_string"] ?? input["new_str"] ?? input["new_source"]),
    linesOf(input["old_string"] ?? input["old_str"]),
  );
  return { verb: "editing", object: file(input), many: "files", detail: changeDetail(lines) };
};
const written = (input: JsonObject): ToolPhrase => {
  const lines = linesOf(input["content"] ?? input["file_text"]);
  const detail = lines < 2 ? [] : [words(", "), verbatim(String(lines)), words(" lines")];
  return { verb: "writing", object: file(input), many: "files", detail };
};
const fixed = (verb: string, object: string) => (): ToolPhrase => ({ verb, object: [words(object)] });

const fetched = (input: JsonObject): ToolPhrase => {
  const host = hostOf(text(input, "url"));
  return {
    verb: "reading",
    object: host === undefined ? [words("a web page")] : [words("a page on "), verbatim(host)],
    many: "web pages",
  };
};

const asked = (input: JsonObject): ToolPhrase => {
  const task = shortText(text(input, "description"));
  return {
    verb: "starting",
    object: task === undefined ? [words("a helper")] : [words("a helper: "), ...task],
    many: "helpers",
  };
};

const lookedUp = (input: JsonObject): ToolPhrase => {
  const query = shortText(text(input, "query"));
  return query === undefined
    ? { verb: "searching", object: [words("the web")] }
    : { verb: "searching the web for", object: query, many: "things" };
};

/** What programs of a shell do, where "running" would say less. */
const programPhrases: Readonly<Record<string, (command: ShellCommand) => ToolPhrase>> = {
  cat: (command) => onFile("reading", command.words[0]),
  head: (command) => onFile("reading", command.words.at(-1)),
  tail: (command) => onFile("reading", command.words.at(-1)),
  less: (command) => onFile("reading", command.words.at(-1)),
  sed: (command) => onFile("reading", command.words.length > 1 ? command.words.at(-1) : undefined),
  ls: () => ({ verb: "listing", object: [words("files")] }),
  tree: () => ({ verb: "listing", object: [words("files")] }),
  find: () => ({ verb: "looking for", object: [words("files")] }),
  grep: (command) => searched({ pattern: command.words[0] ?? "" }),
  rg: (command) => searched({ pattern: command.words[0] ?? "" }),
  mkdir: () => ({ verb: "making", object: [words("a folder")] }),
  rm: (command) => onFile("removing", command.words.length === 1 ? command.words[0] : undefined),
  mv: (command) => onFile("moving", command.words.length === 2 ? command.words[0] : undefined),
  cp: (command) => onFile("copying", command.words.length === 2 ? command.words[0] : undefined),
  sleep: () => ({ verb: "waiting", object: [] }),
  curl: (command) => fetched({ url: command.words.find((word) => word.includes("://")) ?? "" }),
  wget: (command) => fetched({ url: command.words.find((word) => word.includes("://")) ?? "" }),
  echo: () => ({ verb: "running", object: [words("a shell command")] }),
  python: (command) => script("Python", command),
  python3: (command) => script("Python", command),
  node: (command) => script("Node", command),
};

function onFile(verb: string, path: string | undefined): ToolPhrase {
  const isPath = path !== undefined && !/[*?$]/.test(path);
  return isPath ? { verb, object: fileTokens(path), many: "files" } : { verb, object: [words("files")] };
}

function script(language: string, command: ShellCommand): ToolPhrase {
  const path = command.words[0];
  return path !== undefined && /\.\w+$/.test(path)
    ? { verb: "running", object: fileTokens(path), many: "commands" }
    : { verb: "running", object: [words("a "), verbatim(language), words(" script")], many: "commands" };
}

/** What a command line does: one phrase for each of its steps. */
function ranPhrases(command: string): readonly ToolPhrase[] {
  const commands = shellCommands(command).filter(
    ({ program }, _, all) => program !== "echo" || all.length === 1,
  );
  if (commands.length === 0) return [{ verb: "running", object: [words("a shell command")] }];
  if (commands.length > 3)
    return [{ verb: "running", object: [verbatim(String(commands.length)), words(" shell commands")] }];
  return commands.map((found) => {
    const known = Object.hasOwn(programPhrases, found.program) ? programPhrases[found.program] : undefined;
    if (known !== undefined) return known(found);
    const name = commandName(found);
    const isSpeakable = /^[\w .:+-]+$/.test(name) && name.length <= 40;
    return isSpeakable
      ? { verb: "running", object: [verbatim(name)], many: "commands" }
      : { verb: "running", object: [words("a shell command")], many: "commands" };
  });
}

const tools: Readonly<Record<string, (input: JsonObject) => ToolPhrase>> = {
  Read: read,
  NotebookRead: read,
  Edit: edited,
  MultiEdit: edited,
  NotebookEdit: edited,
  Write: written,
  Grep: searched,
  Glob: globbed,
  LS: fixed("listing", "files"),
  WebFetch: fetched,
  WebSearch: lookedUp,
  web_search: lookedUp,
  web_fetch: fetched,
  Task: asked,
  Agent: asked,
  TodoWrite: fixed("updating", "the plan"),
  TaskCreate: fixed("updating", "the plan"),
  TaskUpdate: fixed("updating", "the plan"),
  TodoRead: fixed("reading", "the plan"),
  ExitPlanMode: fixed("presenting", "the plan"),
  BashOutput: fixed("checking", "a running command"),
  TaskOutput: fixed("checking", "a running command"),
  KillShell: fixed("stopping", "a running command"),
  KillBash: fixed("stopping", "a running command"),
  Skill: (input) => ({
    verb: "using",
    object: [words("the skill "), verbatim(identifierWords(text(input, "skill", "command")))],
  }),
  read_file: read,
  write_file: written,
  edit_file: edited,
};
const shellTools = /^(?:Bash|bash|shell|run_command|execute_command|run_terminal_cmd|exec_command)$/;

/** What a call of any tool does: of the ones that we know in their own words, of others by name. */
export function toolPhrases(name: string, input: JsonObject): readonly ToolPhrase[] {
  if (shellTools.test(name)) {
    const { command } = input;
    const line = Array.isArray(command)
      ? command
          .filter((part) => typeof part === "string")
          .map(quoted)
          .join(" ")
      : command;
    return ranPhrases(typeof line === "string" ? line : text(input, "cmd"));
  }
  const known = Object.hasOwn(tools, name) ? tools[name] : undefined;
  if (known !== undefined) return [known(input)];
  const remote = /^mcp__(.+?)__(.+)$/.exec(name);
  if (remote) {
    const server = identifierWords((remote[1] ?? "").replace(/[^\w]+/g, "_"));
    const tool = identifierWords((remote[2] ?? "").replace(/[^\w]+/g, "_"));
    return [{ verb: "using", object: [verbatim(tool), words(" of "), verbatim(server)], many: "tools" }];
  }
  const spoken = identifierWords(name.slice(0, 80).replace(/[^\p{L}\p{N}_]+/gu, "_"));
  return [{ verb: "calling", object: spoken === "" ? [words("a tool")] : [verbatim(spoken)], many: "tools" }];
}

/** What a call asks the person who runs the agent; undefined for calls that ask nothing. */
export function questionOf(name: string, input: JsonObject): string | undefined {
  if (!/^(?:AskUserQuestion|ask_user|ask_followup_question)$/.test(name)) return undefined;
  const { questions } = input;
  const asked = (Array.isArray(questions) ? (questions as readonly Json[]) : [input]).flatMap((item) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? text(item as JsonObject, "question", "text")
      : [],
  );
  const said = asked.filter((question) => question !== "").join("\n\n");
  return said === "" ? "The agent has a question." : said;
}

/** "running npm test", for a sentence that goes on around it. */
export function phraseText({ verb, object }: ToolPhrase): string {
  return [verb, object.map((token) => token.text).join("")].filter((part) => part !== "").join(" ");
}

function quoted(part: string): string {
  return /[\s"']/.test(part) ? `'${part.replaceAll("'", "")}'` : part;
}
