import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { type Controlled, control, controlCommands, openControlSocket, sendControl } from "./control.ts";

let folder = "";
before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-control-"));
});
after(() => fs.rmSync(folder, { recursive: true }));

/** A speaker that writes down what it is told. */
function recorder(): Controlled & { readonly told: string[] } {
  const told: string[] = [];
  let state = { isPaused: false, rate: 1, volume: 0.5 };
  return {
    told,
    interrupt: () => told.push("interrupt"),
    skip: () => told.push("skip") > 0,
    repeat: () => told.push("repeat") > 0,
    pause: () => {
      state = { ...state, isPaused: true };
    },
    resume: () => {
      state = { ...state, isPaused: false };
    },
    setRate: (rate) => {
      state = { ...state, rate };
    },
    setVolume: (volume) => {
      state = { ...state, volume };
    },
    status: () => state,
  };
}

test("every command does what it says and answers with the state afterwards", () => {
  const speaker = recorder();
  for (const command of controlCommands) assert.equal(control(speaker, command)["ok"], true, command);
  assert.deepEqual(speaker.told, ["interrupt", "skip", "repeat"]);
  assert.deepEqual(speaker.status(), { isPaused: true, rate: 1, volume: 0.5 });
  assert.ok((control(speaker, "slower")["status"] as { rate: number }).rate < 0.9);
  assert.ok((control(speaker, "louder")["status"] as { volume: number }).volume > 0.6);
  assert.equal((control(speaker, " pause ")["status"] as { isPaused: boolean }).isPaused, false);
  assert.deepEqual(control(speaker, "skp"), {
    ok: false,
    error: { code: "usage", message: "unknown command skp", nearest: "skip" },
  });
});

test("a socket of this user alone takes a command a line and answers with JSON", async () => {
  const file = path.join(folder, "speaker.sock");
  const speaker = recorder();
  const socket = await openControlSocket(file, speaker);
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  const answer = JSON.parse(await sendControl(file, "skip")) as Record<string, unknown>;
  assert.deepEqual(answer, {
    ok: true,
    command: "skip",
    skipped: true,
    status: { isPaused: false, rate: 1, volume: 0.5 },
  });
  const many = (await sendControl(file, "interrupt\n\nwhat\nstatus")).split("\n");
  assert.deepEqual(
    many.map((line) => (JSON.parse(line) as { ok: boolean }).ok),
    [true, false, true],
  );
  await socket.close();
  assert.ok(!fs.existsSync(file));
  await assert.rejects(sendControl(file, "skip"), { code: "unreachable" });
});

test("a command without a line end counts, a line without an end is cut off, and neither hurts others", async () => {
  const file = path.join(folder, "rough.sock");
  const speaker = recorder();
  const socket = await openControlSocket(file, speaker);
  const said = (bytes: string): Promise<string> =>
    new Promise((resolve) => {
      const connection = net.connect({ path: file, allowHalfOpen: true });
      let answer = "";
      connection.on("data", (piece) => {
        answer += piece.toString("utf8");
      });
      connection.on("error", () => undefined);
      connection.on("close", () => resolve(answer));
      connection.on("end", () => connection.end());
      connection.end(bytes);
    });
  assert.match(await said("skip"), /"ok":true/);
  assert.equal(await said("x".repeat(100_000)), "");
  const gone = net.connect(file);
  gone.on("connect", () => gone.destroy());
  assert.match(await sendControl(file, "status"), /"ok":true/);
  await socket.close();
});

test("a socket that nobody answers is replaced; one that is answered and any other file are not", async () => {
  const file = path.join(folder, "stale.sock");
  const first = await openControlSocket(file, recorder());
  await assert.rejects(openControlSocket(file, recorder()), {
    code: "address_unavailable",
    message: /another speaker/,
  });
  // What a process that was killed leaves behind: the file without anybody behind it.
  const kept = path.join(folder, "kept.sock");
  fs.renameSync(file, kept);
  await first.close();
  assert.ok(fs.lstatSync(kept).isSocket());
  const second = await openControlSocket(kept, recorder());
  assert.match(await sendControl(kept, "status"), /"ok":true/);
  await second.close();
  const other = path.join(folder, "notes.txt");
  fs.writeFileSync(other, "mine");
  await assert.rejects(openControlSocket(other, recorder()), {
    code: "address_unavailable",
    message: /no file/,
  });
  assert.equal(fs.readFileSync(other, "utf8"), "mine");
  await assert.rejects(openControlSocket(path.join(folder, "no", "where.sock"), recorder()), {
    code: "address_unavailable",
  });
});
