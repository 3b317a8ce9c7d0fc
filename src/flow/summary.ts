import type { Verdict } from "../gate/verdict.ts";
import type { ModelFigures, QuickstartResult, RuleFigures } from "./quickstart-result.ts";

/** How parts of a text stand out; the identity where there are no colours. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
}

const identity = (text: string): string => text;
export const noPaint: Paint = {
  bold: identity,
  dim: identity,
  green: identity,
  red: identity,
  yellow: identity,
};

const marks: {
  readonly [V in Verdict]: { readonly mark: string; readonly colour: "green" | "red" | "yellow" };
} = {
  pass: { mark: "✓", colour: "green" },
  fail: { mark: "✗", colour: "red" },
  inconclusive: { mark: "?", colour: "yellow" },
};

const notMeasured = "–";

/** "12,345". */
function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

function formatBytes(bytes: number): string {
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e3).toFixed(0)} kB`;
}

function formatParameters(count: number): string {
  return count >= 1e6 ? `${(count / 1e6).toFixed(2)} M` : grouped(count);
}

const fixed =
  (digits: number) =>
  (value: number): string =>
    value.toFixed(digits);

interface Row {
  readonly label: string;
  readonly key: keyof ModelFigures;
  readonly format: (value: number) => string;
  /** What to say of student against teacher; null where the two columns say it. */
  readonly compare: ((teacher: number, student: number) => string) | null;
}

const timesLess =
  (word: string) =>
  (teacher: number, student: number): string =>
    student > 0 ? `${(teacher / student).toFixed(1)} × ${word}` : "";
const difference = (teacher: number, student: number): string =>
  `${student >= teacher ? "+" : "−"}${Math.abs(student - teacher).toFixed(3)}`;
const timesMore =
  (word: string) =>
  (teacher: number, student: number): string =>
    teacher > 0 ? `${(student / teacher).toFixed(1)} × ${word}` : "";

const rows: readonly Row[] = [
  { label: "parameters", key: "parameters", format: formatParameters, compare: timesLess("smaller") },
  { label: "artefact", key: "artefact_bytes", format: formatBytes, compare: timesLess("smaller") },
  { label: "F1 lax", key: "f1_lax", format: fixed(3), compare: difference },
  { label: "F1 strict", key: "f1_strict", format: fixed(3), compare: difference },
  { label: "valid arguments", key: "argument_valid_rate", format: fixed(3), compare: difference },
  { label: "false calls", key: "false_calls", format: grouped, compare: null },
  { label: "privacy leaks", key: "privacy_leaks", format: grouped, compare: null },
  { label: "tokens out, median", key: "tokens_out_median", format: fixed(0), compare: timesLess("fewer") },
  { label: "TTFA p95, tokens", key: "ttfa_tokens_p95", format: fixed(0), compare: timesLess("earlier") },
  { label: "TTFT p50, ms", key: "ttft_ms_p50", format: fixed(1), compare: timesLess("sooner") },
  { label: "TPS p50", key: "tps_p50", format: grouped, compare: timesMore("faster") },
];

/** One cell of the table of models: label, teacher, student, comparison. */
function tableCells({ teacher, student }: QuickstartResult): [string, string, string, string][] {
  return rows.map(({ label, key, format, compare }) => {
    const [t, s] = [teacher[key], student[key]];
    return [
      label,
      t === null ? notMeasured : format(t),
      s === null ? notMeasured : format(s),
      t === null || s === null || compare === null ? "" : compare(t, s),
    ];
  });
}

/** "value (limit x)", as far as there are such. */
function formatMeasured({ value, limit }: RuleFigures): string {
  const number = (x: number): string =>
    Number.isInteger(x) ? grouped(x) : x.toPrecision(4).replace(/\.?0+$/, "");
  if (value === null) return limit === null ? "" : `limit ${number(limit)}`;
  return limit === null ? number(value) : `${number(value)} (limit ${number(limit)})`;
}

function latencySentence({ teacher, student }: QuickstartResult): string | null {
  const { tokens_out_median: tokensOut, ttfa_tokens_p95: ttfa } = student;
  if (tokensOut === null || teacher.tokens_out_median === null) return null;
  const words = `The student says ${tokensOut.toFixed(0)} tokens where the teacher says ${teacher.tokens_out_median.toFixed(0)}`;
  if (ttfa === null || teacher.ttfa_tokens_p95 === null) return `${words}.`;
  return `${words}; 95 % of its first calls are whole after ${ttfa.toFixed(0)} tokens, the teacher's after ${teacher.ttfa_tokens_p95.toFixed(0)}.`;
}

/** The commands that make sense after this run. */
function nextCommands(result: QuickstartResult): readonly (readonly [string, string])[] {
  const bless = [
    "limbeck bless",
    "make this run the baseline; the next quickstart is held against it",
  ] as const;
  return [
    ['limbeck run "set a timer for 12 minutes"', "talk to the student"],
    ...(result.baseline === null && result.verdict !== "fail" ? [bless] : []),
    ["limbeck gate --markdown", "the verdict for a pull request"],
  ];
}

const verdictWords: { readonly [V in Verdict]: string } = {
  pass: "every rule passes",
  fail: "a rule fails",
  inconclusive: "no rule fails; some cannot be decided yet",
};

/** The summary for a terminal. */
export function renderSummary(result: QuickstartResult, paint: Paint): string {
  const cells = tableCells(result);
  const table = cells.map(([label, teacher, student, compared]) =>
    `  ${label.padEnd(20)}${teacher.padStart(11)}${paint.bold(student.padStart(11))}   ${paint.dim(compared)}`.trimEnd(),
  );
  const nameWidth = Math.max(0, ...result.rules.map(({ name }) => name.length));
  const rules = result.rules.map((rule) => {
    const { mark, colour } = marks[rule.verdict];
    const measured = formatMeasured(rule);
    const reason = rule.verdict === "pass" ? paint.dim(rule.reason) : rule.reason;
    return `  ${paint[colour](mark)} ${rule.name.padEnd(nameWidth)}  ${measured === "" ? "" : `${measured}  `}${reason}`.trimEnd();
  });
  const { mark, colour } = marks[result.verdict];
  const sentence = latencySentence(result);
  const { steps, tokens_per_second: rate, ceiling_fraction: ceiling } = result.train;
  const trained = [
    `${grouped(steps)} steps`,
    rate === null ? null : `${grouped(rate)} tokens/s`,
    ceiling === null ? null : `${(ceiling * 100).toFixed(0)} % of this machine's MatMul rate`,
  ].filter((part) => part !== null);
  const next = nextCommands(result);
  const nextWidth = Math.max(...next.map(([command]) => command.length));
  return [
    "",
    `  ${paint.bold("limbeck quickstart")}  ${paint.dim(`seed ${result.seed} · ${result.seconds.toFixed(0)} s · ${result.hardware_profile_key}`)}`,
    "",
    paint.dim(`  ${"".padEnd(20)}${"teacher".padStart(11)}${"student".padStart(11)}`),
    ...table,
    "",
    ...(sentence === null ? [] : [`  ${sentence}`]),
    `  ${paint.dim(`trained: ${trained.join(", ")}`)}`,
    "",
    `  ${paint[colour](paint.bold(`${mark} ${result.verdict}`))}  ${verdictWords[result.verdict]}`,
    "",
    ...rules,
    "",
    ...result.warnings.map((warning) => `  ${paint.yellow("!")} ${warning}`),
    ...(result.warnings.length > 0 ? [""] : []),
    ...next.map(([command, why]) => `  ${command.padEnd(nextWidth)}  ${paint.dim(why)}`),
    "",
    paint.dim(`  everything is in ${result.run}`),
    "",
  ].join("\n");
}

/** The same as Markdown, for summary.md. */
export function renderMarkdownSummary(result: QuickstartResult): string {
  const escapeCell = (text: string): string => text.replaceAll("|", "\\|");
  const sentence = latencySentence(result);
  return [
    `# ${marks[result.verdict].mark} ${result.verdict}: quickstart, seed ${result.seed}`,
    "",
    `${result.seconds.toFixed(0)} s on \`${result.hardware_profile_key}\`.${sentence === null ? "" : ` ${sentence}`}`,
    "",
    "| | teacher | student | |",
    "| --- | ---: | ---: | --- |",
    ...tableCells(result).map((cells) => `| ${cells.join(" | ")} |`),
    "",
    "| | rule | measured | why |",
    "| --- | --- | --- | --- |",
    ...result.rules.map(
      (rule) =>
        `| ${marks[rule.verdict].mark} | ${rule.name} | ${formatMeasured(rule)} | ${escapeCell(rule.reason)} |`,
    ),
    "",
    ...result.warnings.map((warning) => `- ${warning}`),
    "",
  ].join("\n");
}
