// Runs the whole quickstart and holds its JSON document against what the main job promises. Every figure is printed.
import { spawnSync } from "node:child_process";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");
const run = spawnSync("npm", ["run", "-s", "quickstart", "--", "--json"], {
  cwd: root,
  encoding: "utf8",
  stdio: ["ignore", "pipe", "inherit"],
  maxBuffer: 1 << 28,
});
const document = JSON.parse(run.stdout.trim().split("\n").at(-1) ?? "null");
if (!document?.student) {
  console.error(run.stdout);
  console.error(`quickstart ended with status ${run.status} and no result`);
  process.exit(1);
}
const { student, teacher, train, verdict, seconds } = document;
// The promise of 360 s is for two whole cores. What a shared machine leaves of them shows in the rate of matrix products that
// the run itself measured, as tokens a second of training that does nothing else: 58,000 on the README's machine; or, where
// a neighbour came later, in training itself, which takes at least half of that rate. Below two thirds of the README's
// machine the time may be longer in proportion: a neighbour must not fail this check. Speed itself is `bench -- train-step`.
const promised = { seconds: 360, tokensPerSecond: 40_000 };
const rate = train.tokens_per_second / Math.max(0.5, train.ceiling_fraction);
const most = promised.seconds * Math.max(1, promised.tokensPerSecond / rate);
const checks = [
  [
    `seconds < ${most.toFixed(0)} (360 at ${promised.tokensPerSecond} tokens/s of products, here ${rate.toFixed(0)})`,
    seconds,
    seconds < most,
  ],
  ["training >= 0.25 of the machine's matrix rate", train.ceiling_fraction, train.ceiling_fraction >= 0.25],
  ["student F1 lax >= 0.90", student.f1_lax, student.f1_lax >= 0.9],
  ["student F1 strict >= 0.85", student.f1_strict, student.f1_strict >= 0.85],
  ["student TTFA p95 <= 25 tokens", student.ttfa_tokens_p95, student.ttfa_tokens_p95 <= 25],
  [
    "tokens out <= 0.85 of the teacher's",
    student.tokens_out_median / teacher.tokens_out_median,
    student.tokens_out_median <= 0.85 * teacher.tokens_out_median,
  ],
  ["false calls = 0", student.false_calls, student.false_calls === 0],
  ["privacy leaks = 0", student.privacy_leaks, student.privacy_leaks === 0],
  ["teacher F1 lax >= 0.97", teacher.f1_lax, teacher.f1_lax >= 0.97],
  ["exit status follows the verdict", run.status, run.status === (verdict === "fail" ? 1 : 0)],
];
for (const [name, value, holds] of checks) console.log(`${holds ? "ok   " : "FAIL "} ${name}: ${value}`);
console.log(`verdict ${verdict}, valid arguments ${student.argument_valid_rate}`);
for (const { name, verdict: rule, reason } of document.rules)
  console.log(`      ${rule.padEnd(12)} ${name}: ${reason}`);
const failed = checks.filter(([, , holds]) => !holds).length;
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
