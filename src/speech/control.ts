import * as fs from "node:fs";
import * as net from "node:net";
import { closest } from "fastest-levenshtein";
import { LimbeckError } from "../base/errors.ts";
import { stringifyJson } from "../base/json.ts";
import type { Speaker, SpeakerStatus } from "./speaker-types.ts";

/** What can be told to a speaker while it speaks: by key, by socket, by signal. */
export const controlCommands = [
  "interrupt",
  "skip",
  "repeat",
  "slower",
  "faster",
  "quieter",
  "louder",
  "pause",
  "status",
] as const;
export type ControlCommand = (typeof controlCommands)[number];

/** What of a speaker commands act on. */
export interface Controlled
  extends Pick<Speaker, "interrupt" | "skip" | "repeat" | "pause" | "resume" | "setRate" | "setVolume"> {
  status(): Pick<SpeakerStatus, "isPaused" | "rate" | "volume">;
}

/** One key press is a step that is heard: about a sixth of the speed, a fifth of full volume. */
const rateStep = 1.15;
const volumeStep = 0.2;

const actions: {
  readonly [C in ControlCommand]: (speaker: Controlled) => Readonly<Record<string, unknown>>;
} = {
  interrupt: (speaker) => ({ dropped: speaker.interrupt() }),
  skip: (speaker) => ({ skipped: speaker.skip() }),
  repeat: (speaker) => ({ repeated: speaker.repeat() }),
  slower: (speaker) => {
    speaker.setRate(speaker.status().rate / rateStep);
    return {};
  },
  faster: (speaker) => {
    speaker.setRate(speaker.status().rate * rateStep);
    return {};
  },
  quieter: (speaker) => {
    speaker.setVolume(speaker.status().volume - volumeStep);
    return {};
  },
  louder: (speaker) => {
    speaker.setVolume(speaker.status().volume + volumeStep);
    return {};
  },
  /** The same key ends the pause. */
  pause: (speaker) => {
    if (speaker.status().isPaused) speaker.resume();
    else speaker.pause();
    return {};
  },
  status: () => ({}),
};

/** Does what one line says. Returns the answer's data: what was done, and the state afterwards. */
export function control(speaker: Controlled, line: string): Readonly<Record<string, unknown>> {
  const name = line.trim();
  const command = controlCommands.find((known) => known === name);
  if (command === undefined) {
    const nearest = closest(name, [...controlCommands]);
    return { ok: false, error: { code: "usage", message: `unknown command ${name}`, nearest } };
  }
  const done = actions[command](speaker);
  return { ok: true, command, ...done, status: speaker.status() };
}

export interface ControlSocket {
  close(): Promise<void>;
}

const longestLine = 256;

function serveConnection(connection: net.Socket, speaker: Controlled): void {
  let held = "";
  connection.setEncoding("utf8");
  connection.on("error", () => connection.destroy());
  connection.on("data", (text: string) => {
    held += text;
    for (let end = held.indexOf("\n"); end >= 0; end = held.indexOf("\n")) {
      const line = held.slice(0, end);
      held = held.slice(end + 1);
      if (line.trim() !== "")
        connection.write(`${stringifyJson(control(speaker, line.slice(0, longestLine)))}\n`);
    }
    if (held.length > longestLine) connection.destroy();
  });
  // `printf skip | nc` sends no line end.
  connection.on("end", () => {
    connection.end(held.trim() === "" ? "" : `${stringifyJson(control(speaker, held))}\n`);
  });
}

/** Whether somebody answers at a socket's path. */
function isAnswered(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(file);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}

function bind(server: net.Server, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // Binding happens within `listen`: the file never exists with the permissions of others.
    const before = process.umask(0o177);
    try {
      server.listen(file, () => {
        server.off("error", reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

function socketError(file: string, cause: NodeJS.ErrnoException): LimbeckError {
  return new LimbeckError("address_unavailable", `control socket ${file}: ${cause.code ?? cause.message}`, {
    cure: "Choose a path in a folder that can be written to; it may have about 100 characters.",
    fields: { path: file },
    cause,
  });
}

/**
 * Takes commands at a Unix socket that only this user can use: a command a line, a line of JSON in answer. The socket that
 * a crashed speaker left is replaced, another file never. Error: `address_unavailable`.
 */
export async function openControlSocket(file: string, speaker: Controlled): Promise<ControlSocket> {
  const connections = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (connection) => {
    connections.add(connection);
    connection.on("close", () => connections.delete(connection));
    serveConnection(connection, speaker);
  });
  try {
    await bind(server, file);
  } catch (thrown) {
    const error = thrown as NodeJS.ErrnoException;
    if (error.code !== "EADDRINUSE") throw socketError(file, error);
    if (!fs.lstatSync(file).isSocket()) {
      throw new LimbeckError(
        "address_unavailable",
        `control socket ${file}: expected no file there, got one`,
        {
          cure: "Choose another path: no file is overwritten.",
          fields: { path: file },
        },
      );
    }
    if (await isAnswered(file)) {
      throw new LimbeckError("address_unavailable", `control socket ${file}: another speaker answers there`, {
        cure: "Choose another path, or end the other speaker.",
        fields: { path: file },
      });
    }
    fs.unlinkSync(file);
    await bind(server, file).catch((second: NodeJS.ErrnoException) => {
      throw socketError(file, second);
    });
  }
  fs.chmodSync(file, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        for (const connection of connections) connection.destroy();
        // Node removes the file of a socket that it closes.
        server.close(() => resolve());
      }),
  };
}

/** Sends one command to the speaker at a socket; its answer. Error: `unreachable`. */
export function sendControl(file: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const connection = net.connect({ path: file, allowHalfOpen: true });
    let answer = "";
    connection.setEncoding("utf8");
    connection.on("data", (text: string) => {
      answer += text;
    });
    connection.on("end", () => resolve(answer.trim()));
    connection.on("error", (cause) =>
      reject(
        new LimbeckError("unreachable", `control socket ${file}: no speaker answers there`, {
          cure: "Start one with `limbeck speak --control` and this path.",
          fields: { path: file },
          cause,
        }),
      ),
    );
    connection.end(`${command}\n`);
  });
}
