import * as fs from "node:fs";
import * as path from "node:path";
import { closest } from "fastest-levenshtein";
import { LimbeckError } from "../base/errors.ts";
import { writeJsonAtomic } from "../base/files.ts";
import { type ChatSession, chatFigures } from "../flow/chat-session.ts";
import type { ToolDefinition } from "../tools/types.ts";
import { draftFigures, draftParts, figureParts, flowParts } from "./chat-view.ts";

/** What commands may look at and change. */
export interface CommandScope {
  readonly session: ChatSession;
  readonly artefact: string;
  readonly tools: readonly ToolDefinition[];
  readonly width: number;
  /** Files that this chat has written: those it may write again. */
  readonly saved: Set<string>;
}

interface ChatCommand {
  readonly usage: string;
  readonly does: string;
  /** What to show; null: leave the chat. */
  readonly run: (scope: CommandScope, argument: string) => string | null;
}

function saveChat({ session, artefact, tools, saved }: CommandScope, name: string): string {
  if (name === "")
    throw new LimbeckError("usage", "/save: expected a file, got none", { cure: "Write /save FILE." });
  const file = path.resolve(name);
  if (fs.existsSync(file) && !saved.has(file)) {
    throw new LimbeckError("not_writable", `/save: expected a new file, ${name} is there already`, {
      cure: "Choose another name.",
      fields: { path: file },
    });
  }
  writeJsonAtomic(file, { schema_version: 1, kind: "chat", artefact, tools, messages: session.messages });
  saved.add(file);
  return `saved ${session.messages.length} messages to ${name}`;
}

type CommandName = "help" | "reset" | "tools" | "stats" | "save" | "quit";

const commands: { readonly [N in CommandName]: ChatCommand } = {
  help: {
    usage: "/help",
    does: "this list",
    run: ({ width }) => {
      const rows = Object.values(commands).map(({ usage, does }) =>
        width < 40 ? `${usage}\n  ${does}` : `${usage.padEnd(12)} ${does}`,
      );
      const keys = [
        "Ctrl-C stops an answer",
        "at an empty prompt it leaves",
        "a \\ at the end goes on in the next line",
      ];
      return [...rows, flowParts(keys, width)].join("\n");
    },
  },
  reset: {
    usage: "/reset",
    does: "forget what was said",
    run: ({ session }) => {
      session.reset();
      return "forgotten; the system message stays";
    },
  },
  tools: {
    usage: "/tools",
    does: "the tools that are offered",
    run: ({ tools }) =>
      tools
        .map(({ function: { name, description } }) => (description ? `${name}: ${description}` : name))
        .join("\n") || "none",
  },
  stats: {
    usage: "/stats",
    does: "figures of the whole chat",
    run: ({ session, width }) => {
      const figures = chatFigures(session.turns);
      // The first turn's time to the first token says nothing about the others.
      const parts = [
        ...figureParts({ ...figures, ttftMs: null }),
        ...draftParts(draftFigures(session.turns)),
      ];
      return flowParts([`${figures.turns} turn${figures.turns === 1 ? "" : "s"}`, ...parts], width);
    },
  },
  save: { usage: "/save FILE", does: "write the chat as JSON", run: saveChat },
  quit: { usage: "/quit", does: "leave, as Ctrl-D does", run: () => null },
};

const isCommand = (name: string): name is CommandName => Object.hasOwn(commands, name);

/**
 * Runs `/name argument`. Returns what to show, or null where the chat is to be left. Errors: `usage` for an unknown
 * name, with the nearest one; those of the command.
 */
export function runChatCommand(text: string, scope: CommandScope): string | null {
  const [, name = "", argument = ""] = /^\/(\S*)\s*(.*)$/s.exec(text) ?? [];
  if (!isCommand(name)) {
    throw new LimbeckError(
      "usage",
      `/${name}: unknown, nearest is /${closest(name, Object.keys(commands))}`,
      {
        cure: "Write /help for all of them; // begins a message with a slash.",
        fields: { command: name },
      },
    );
  }
  return commands[name].run(scope, argument.trim());
}
