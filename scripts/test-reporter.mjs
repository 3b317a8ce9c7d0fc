// A reporter for node's test runner that is quiet where all is well: one line a file, every failure in full and again
// nothing else, skips with their reason, and the runner's own counts at the end.
import * as path from "node:path";
import { inspect } from "node:util";

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** The line of a file whose tests are done. */
function fileLine(name, { passed, failed, skipped, ms }) {
  const parts = [`${passed} passed`];
  if (failed > 0) parts.push(`${failed} failed`);
  if (skipped > 0) parts.push(`${skipped} skipped`);
  return `${failed > 0 ? "✖" : "✔"} ${name}  ${parts.join(", ")}  (${seconds(ms)})\n`;
}

/** What a test threw, without the runner's own wrapping. */
function describe(error) {
  const own = error?.cause ?? error;
  return (typeof own === "string" ? own : inspect(own, { depth: 6 })).replace(/^/gm, "    ");
}

export default async function* report(events) {
  const notes = [];
  let file = null;
  let counts = null;
  for await (const { type, data } of events) {
    if (type === "test:stderr" || type === "test:stdout") yield data.message;
    if (type === "test:diagnostic" && data.nesting === 0 && !data.file) notes.push(data.message);
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.file !== file) {
      if (counts !== null) yield fileLine(path.relative(process.cwd(), file ?? "tests"), counts);
      file = data.file;
      counts = { passed: 0, failed: 0, skipped: 0, ms: 0 };
    }
    if (data.nesting === 0) counts.ms += data.details.duration_ms;
    // A test whose subtests failed says nothing of its own.
    const isHeading = data.details.error?.failureType === "subtestsFailed";
    if (data.details.type === "suite") continue;
    if (data.skip !== undefined) {
      counts.skipped++;
      yield `- ${data.name}: skipped${typeof data.skip === "string" ? `, ${data.skip}` : ""}\n`;
    } else if (type === "test:pass") counts.passed++;
    else if (!isHeading) {
      counts.failed++;
      yield `✖ ${data.name}\n${describe(data.details.error)}\n`;
    }
  }
  if (counts !== null) yield fileLine(path.relative(process.cwd(), file ?? "tests"), counts);
  for (const note of notes) yield `# ${note}\n`;
}
