import { failureCards } from "./failure-cards.ts";
import type { GateResult, RuleResult } from "./gate.ts";
import { rules } from "./rules.ts";
import { formatFigure, type Verdict } from "./verdict.ts";

const marks: { readonly [V in Verdict]: string } = { pass: "✓", fail: "✗", inconclusive: "?" };

function figure(value: number | null): string {
  return value === null ? "–" : formatFigure(value);
}

function baselineLine({ baseline }: GateResult): string {
  if (baseline === null)
    return "no blessed baseline: relative rules cannot decide; `limbeck bless` makes one";
  return `baseline blessed ${baseline.blessed_at} by ${baseline.blessed_by} on ${baseline.hardware_profile_key}`;
}

function countLine(result: GateResult): string {
  const count = (verdict: Verdict): number => result.rules.filter((rule) => rule.verdict === verdict).length;
  return `${count("pass")} pass, ${count("fail")} fail, ${count("inconclusive")} inconclusive`;
}

function rowsOf(results: readonly RuleResult[]): string[][] {
  return results.map((rule) => [
    marks[rule.verdict],
    rule.name,
    figure(rule.value),
    figure(rule.limit),
    rule.verdict === "pass" ? rules[rule.name].title : rule.reason,
  ]);
}

/** The failing rules' cards: likely causes and the next command. */
export function renderFailureCards(result: GateResult): string {
  return result.rules
    .filter((rule) => rule.verdict === "fail")
    .map(({ name, reason }) => {
      const card = failureCards[name];
      const causes = card.causes.map((cause) => `    - ${cause}`);
      return [`  ${name}: ${reason}`, "  likely causes:", ...causes, `  next: ${card.next}`].join("\n");
    })
    .join("\n\n");
}

/** The verdict as a table for a terminal, rule by rule, with the cards of what failed. No colour, no trailing newline. */
export function renderText(result: GateResult): string {
  const rows = [["", "rule", "value", "limit", ""], ...rowsOf(result.rules)];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const table = rows.map(([mark = "", name = "", value = "", limit = "", note = ""]) =>
    [
      mark.padEnd(widths[0] as number),
      name.padEnd(widths[1] as number),
      value.padStart(widths[2] as number),
      limit.padStart(widths[3] as number),
      note,
    ]
      .join("  ")
      .trimEnd(),
  );
  const skipped = result.skipped.map(({ name, reason }) => `-  ${name}: ${reason}`);
  const cards = renderFailureCards(result);
  return [
    ...table,
    ...skipped,
    "",
    `${marks[result.verdict]} ${result.verdict}: ${countLine(result)}`,
    baselineLine(result),
    ...(cards === "" ? [] : ["", cards]),
  ].join("\n");
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** The verdict as Markdown for a pull request. No trailing newline. */
export function renderMarkdown(result: GateResult): string {
  const rows = result.rules.map((rule) => {
    const cells = [
      `${marks[rule.verdict]} ${rule.verdict}`,
      `\`${rule.name}\``,
      figure(rule.value),
      figure(rule.limit),
    ];
    return `| ${[...cells, escapeCell(rule.reason)].join(" | ")} |`;
  });
  const cards = result.rules
    .filter((rule) => rule.verdict === "fail")
    .map(({ name }) => {
      const { causes, next } = failureCards[name];
      return [`**${name}**`, "", ...causes.map((cause) => `- ${cause}`), "", `Next: \`${next}\``].join("\n");
    });
  const skipped = result.skipped.map(({ name, reason }) => `- \`${name}\`: ${reason}`);
  return [
    `## ${marks[result.verdict]} Limbeck gate: ${result.verdict}`,
    "",
    `${countLine(result)}; ${baselineLine(result)}.`,
    "",
    "| verdict | rule | value | limit | reason |",
    "| --- | --- | ---: | ---: | --- |",
    ...rows,
    ...(skipped.length === 0 ? [] : ["", "Not applicable:", "", ...skipped]),
    ...(cards.length === 0 ? [] : ["", "### What to look at", "", cards.join("\n\n")]),
  ].join("\n");
}
