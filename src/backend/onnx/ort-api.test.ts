import assert from "node:assert/strict";
import { it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { loadOrt } from "./ort-api.ts";

// In a file, and so a process, of its own: without the handle a call ends in a segmentation fault.
it("the library stays loaded when the garbage is collected", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const { api } = await loadOrt();
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const options = api.make("CreateSessionOptions", "options");
  assert.notEqual(options, 0n);
  api.release("SessionOptions", options);
});

it("a failed call names what failed, the function and its status", async () => {
  const { api, env } = await loadOrt();
  const options = api.make("CreateSessionOptions", "options");
  const bytes = new Uint8Array(8);
  assert.throws(
    () => api.make("CreateSessionFromArray", "model X", env, bytes, bytes.length, options),
    (error: { code: string; message: string; fields: Record<string, unknown> }) => {
      assert.equal(error.code, "backend_failed");
      assert.match(error.message, /^ONNX Runtime: model X: ./);
      assert.equal(error.fields["function"], "CreateSessionFromArray");
      assert.equal(typeof error.fields["status"], "number");
      return true;
    },
  );
  api.release("SessionOptions", options);
});

it("is loaded once", async () => {
  assert.equal(await loadOrt(), await loadOrt());
});
