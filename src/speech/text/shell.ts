/** What a command line runs, told apart from how: without folders, variables, redirections and options. */
export interface ShellCommand {
  /** "npm", "git". */
  readonly program: string;
  /** Its words that are no options: "run", "build". */
  readonly words: readonly string[];
}

const wrappers = new Set([
  "sudo",
  "time",
  "env",
  "nohup",
  "exec",
  "command",
  "npx",
  "timeout",
  "xargs",
  "nice",
]);
const shells = /^(?:\/\S*\/)?(?:ba|z|da)?sh$/;

/** Words of a shell, quotes taken off; what follows a pipe or a redirection is left out. */
function splitWords(line: string): readonly string[] {
  const found = line.match(/"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']+/g) ?? [];
  return found.map((word) => (/^(?:".*"|'.*')$/s.test(word) ? word.slice(1, -1) : word));
}

/** Parts of a command line that are run one after another: not cut inside quotes. */
function splitCommands(line: string): readonly string[] {
  const parts: string[] = [];
  let quote = "";
  let part = "";
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? "";
    if (quote !== "") {
      if (char === "\\" && quote === '"') part += char + (line[++i] ?? "");
      else {
        part += char;
        if (char === quote) quote = "";
      }
    } else if (char === "\\") {
      part += char + (line[++i] ?? "");
    } else if (char === '"' || char === "'") {
      quote = char;
      part += char;
    } else if (line.startsWith("&&", i) || line.startsWith("||", i)) {
      parts.push(part);
      part = "";
      i++;
    } else if (char === ";" || char === "\n") {
      parts.push(part);
      part = "";
    } else part += char;
  }
  return [...parts, part];
}

function parseCommand(text: string): ShellCommand | undefined {
  const all = splitWords(text);
  const end = all.findIndex((word) => /^(?:--|\||\|&|&|\d?>{1,2}.*|<{1,3}.*|&>.*)$/.test(word));
  let rest = (end < 0 ? all : all.slice(0, end)).filter((word) => word !== "");
  while (rest[0] !== undefined && (/^\w+=/.test(rest[0]) || wrappers.has(rest[0]))) {
    const isTimeout = rest[0] === "timeout";
    rest = rest.slice(1);
    while (rest[0]?.startsWith("-") || (isTimeout && /^\d+[smh]?$/.test(rest[0] ?? ""))) rest = rest.slice(1);
  }
  const [first, ...others] = rest;
  if (first === undefined || first.startsWith("#")) return undefined;
  const program = first.split("/").at(-1) ?? first;
  return { program, words: others.filter((word) => !word.startsWith("-")) };
}

/** The commands of a command line, in order; steps that only prepare (`cd`, `export`, `set`) are left out. */
export function shellCommands(line: string): readonly ShellCommand[] {
  const wrapped = splitWords(line.slice(0, 4000));
  const script = shells.test(wrapped[0] ?? "") && /^-\w*c$/.test(wrapped[1] ?? "") ? wrapped[2] : undefined;
  if (script !== undefined) return shellCommands(script);
  // What follows a here-document's mark is its text.
  const text = line.slice(0, 4000).replace(/<<-?\s*['"]?\w+['"]?[\s\S]*$/, "");
  return splitCommands(text)
    .flatMap((part) => parseCommand(part) ?? [])
    .filter(
      ({ program }) =>
        !["cd", "export", "set", "source", ".", "true", "pushd", "popd", "["].includes(program),
    );
}

const programs = new Set(
  "apt apt-get awk brew bun cargo cat cd chmod chown cmake composer conda cp curl deno docker docker-compose dotnet echo find gcc gh git go gradle grep head helm jq kill kubectl ls make mkdir mv mvn mypy node npm npx pip pip3 pnpm podman poetry pytest python python3 rg rm rsync ruff rustc rustup scp sed sh ssh sudo tail tar terraform touch tsc uv wget yarn zsh bash".split(
    " ",
  ),
);

/** Whether a text reads like a command: it begins with the name of a known program. */
export function isCommand(text: string): boolean {
  const [first = "", second] = text.trim().split(/\s+/);
  return programs.has(first) && second !== undefined && !/^(?:is|are|was|and|or|the)$/.test(second);
}

/** A command in a few words that can be spoken, such as "npm run build". */
export function commandName({ program, words }: ShellCommand): string {
  const spoken = words.filter((word) => /^[a-z][a-z:-]*$/i.test(word) && word.length <= 20);
  const isNested = /^(?:run|exec|compose|pr|issue|repo|release|workflow|stash|remote|pip)$/.test(
    words[0] ?? "",
  );
  const own = words.slice(0, isNested ? 2 : 1).filter((word) => spoken.includes(word));
  return [program, ...own.map((word) => (word === "i" ? "install" : word))].join(" ");
}
