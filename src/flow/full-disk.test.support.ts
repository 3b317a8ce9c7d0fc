// The default export is the object whose functions can be replaced; syncBuiltinESMExports carries that to every module.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import type { TestContext } from "node:test";

/**
 * Until the test ends, files whose path holds `part` take half of what is written to them and then no more, as on a
 * full disk.
 */
export function fillDiskAt(t: TestContext, part: string): void {
  const { openSync, writeFileSync } = fs;
  const full = new Set<unknown>();
  t.mock.method(fs, "openSync", (...args: Parameters<typeof openSync>): number => {
    const handle = openSync(...args);
    full.delete(handle);
    if (String(args[0]).includes(part)) full.add(handle);
    return handle;
  });
  t.mock.method(fs, "writeFileSync", (...args: Parameters<typeof writeFileSync>): void => {
    const [file, data] = args;
    if (!full.has(file)) {
      writeFileSync(...args);
      return;
    }
    const bytes = Buffer.from(data as Uint8Array);
    writeFileSync(file, bytes.subarray(0, bytes.length >> 1));
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  });
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
}
