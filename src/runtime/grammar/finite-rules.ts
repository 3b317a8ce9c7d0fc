import { type Part, type Rule, reachableRules } from "./rules.ts";

/**
 * Rewrites rules, their texts kept: no rule calls itself before anything has come, and every alternative can come to an
 * end. A root of which nothing can is left without alternatives.
 */
export function makeFinite(root: Rule): void {
  const rules = reachableRules(root);
  cutCircles(rules);
  const finite = finiteRules(rules);
  for (const rule of rules)
    rule.alternatives = rule.alternatives.filter((parts) =>
      parts.every((part) => isFinitePart(part, finite)),
    );
}

const isFinitePart = (part: Part, finite: ReadonlySet<Rule>): boolean =>
  part.kind !== "rule" || finite.has(part.rule);

/** The rule that an alternative is, where it is a call and no more. */
function onlyCall(parts: readonly Part[]): Rule | null {
  const [first] = parts;
  return parts.length === 1 && first!.kind === "rule" ? first!.rule : null;
}

/** In a circle of bare calls each rule allows what all of them do, and is written as the choice of that. */
function cutCircles(rules: readonly Rule[]): void {
  const called = (rule: Rule): Rule[] =>
    rule.alternatives.map(onlyCall).filter((target): target is Rule => target !== null);
  const circular = rules.flatMap((rule) => {
    const reached = new Set(called(rule));
    for (const one of reached) for (const target of called(one)) reached.add(target);
    return reached.has(rule) ? [{ rule, reached }] : [];
  });
  const written = circular.map(({ reached }) =>
    [...reached].flatMap((one) => one.alternatives.filter((parts) => onlyCall(parts) === null)),
  );
  for (const [i, { rule }] of circular.entries()) rule.alternatives = written[i]!;
}

/** The rules that some finite text meets: a least fixed point, found from the ends backwards. */
function finiteRules(rules: readonly Rule[]): ReadonlySet<Rule> {
  const finite = new Set<Rule>();
  const callers = new Map<Rule, Rule[]>(rules.map((rule) => [rule, []]));
  for (const rule of rules)
    for (const part of rule.alternatives.flat()) if (part.kind === "rule") callers.get(part.rule)!.push(rule);
  const waiting = [...rules];
  for (let rule = waiting.pop(); rule !== undefined; rule = waiting.pop()) {
    if (finite.has(rule)) continue;
    if (!rule.alternatives.some((parts) => parts.every((part) => isFinitePart(part, finite)))) continue;
    finite.add(rule);
    waiting.push(...callers.get(rule)!);
  }
  return finite;
}
