// Removes from dist/ and .build/tools/ what was built from sources that are gone: the compiler leaves it, the test runner
// would run it and `npm pack` would ship it.
import * as fs from "node:fs";
import * as path from "node:path";

const root = path.resolve(import.meta.dirname, "..");

for (const [built, sources] of [
  ["dist", "src"],
  [".build/tools", "."],
]) {
  const folder = path.join(root, built);
  if (!fs.existsSync(folder)) continue;
  for (const name of fs.readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const source = name.replace(/(\.d\.ts|\.js)$/, ".ts");
    if (source !== name && !fs.existsSync(path.join(root, sources, source)))
      fs.rmSync(path.join(folder, name));
  }
}
