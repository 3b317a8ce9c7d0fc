// Runs every *.test.js below the folders given, or the files given, with node's own runner:
// `node scripts/test.mjs dist`. (Node 20 takes folders, later ones take patterns: a list of files suits all of them.)
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

const files = process.argv
  .slice(2)
  .flatMap((given) =>
    fs.statSync(given).isFile()
      ? [given]
      : fs.readdirSync(given, { recursive: true, encoding: "utf8" }).map((name) => path.join(given, name)),
  )
  .filter((name) => name.endsWith(".test.js"))
  .sort();
if (files.length === 0) {
  console.error(`no tests below ${process.argv.slice(2).join(", ") || "(no folder given)"}: build first`);
  process.exit(2);
}
const reporter = new URL("./test-reporter.mjs", import.meta.url);
const { status } = spawnSync(
  process.execPath,
  ["--test", `--test-reporter=${reporter}`, "--test-reporter-destination=stdout", ...files],
  {
    stdio: "inherit",
  },
);
process.exit(status ?? 1);
