import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { describe, it } from "node:test";
import { findOrtLibrary } from "./ort-library.ts";

describe("the shared library of ONNX Runtime", () => {
  it("is found for this machine", () => {
    assert.ok(fs.statSync(findOrtLibrary()).isFile());
  });

  it("is named as each platform names it", (t) => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-ort-"));
    t.after(() => fs.rmSync(root, { recursive: true }));
    const files: readonly [NodeJS.Platform, string, string][] = [
      ["linux", "arm64", "libonnxruntime.so.1"],
      ["darwin", "arm64", "libonnxruntime.1.30.0.dylib"],
      ["win32", "x64", "onnxruntime.dll"],
    ];
    for (const [platform, architecture, name] of files) {
      const folder = path.join(root, "bin", "napi-v6", platform, architecture);
      fs.mkdirSync(folder, { recursive: true });
      fs.writeFileSync(path.join(folder, name), "");
      fs.writeFileSync(path.join(folder, "onnxruntime_binding.node"), "");
      assert.equal(findOrtLibrary(platform, architecture, root), path.join(folder, name));
    }
    assert.throws(() => findOrtLibrary("darwin", "x64", root), {
      code: "backend_unavailable",
      message: /darwin x64.*onnxruntime-node/,
    });
    assert.throws(() => findOrtLibrary("aix", "ppc64", root), { code: "backend_unavailable" });
  });
});
