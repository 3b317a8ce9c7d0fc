import type { Automaton } from "./automaton.ts";
import { type Part, type Rule, reachableRules } from "./rules.ts";

/**
 * A grammar in xgrammar's notation. Automata become rules that call each other last: xgrammar then knows at compile time
 * what nearly every token does. (Written as `("a" | b)*`, a string's mask took 50 ms at 152k tokens, so 0.05 ms.)
 *
 * Bytes from 0x80 on stand in classes: in version 0.1.27 a class without `^` takes bytes, not characters, whatever is
 * written in it (a test holds this).
 */
export function writeEbnf(root: Rule): string {
  const rules = reachableRules(root);
  const names = new Map(rules.map((rule, i) => [rule, i === 0 ? "root" : `r${i}`]));
  const texts = new Map<Automaton, string>();
  const nameOf = (part: Part): string => {
    if (part.kind === "literal") return quote(part.text);
    if (part.kind === "rule") return names.get(part.rule)!;
    const known = texts.get(part.wide) ?? `t${texts.size}`;
    texts.set(part.wide, known);
    return `${known}_0`;
  };
  const lines = rules.map(
    (rule) =>
      `${names.get(rule)} ::= ${rule.alternatives
        .map((parts) => (parts.length === 0 ? '""' : parts.map(nameOf).join(" ")))
        .join(" | ")}`,
  );
  for (const [automaton, name] of texts) lines.push(...automatonLines(automaton, name));
  return lines.join("\n");
}

function quote(text: string): string {
  const escaped = text.replace(/[\\"]/g, "\\$&").replace(/\p{Cc}/gu, (control) => {
    return `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `"${escaped}"`;
}

const hex = (byte: number): string => `\\x${byte.toString(16).padStart(2, "0")}`;

/** A rule for each state that is reached in several ways, the others inside the rule that leads to them. */
function automatonLines({ states }: Automaton, name: string): string[] {
  const ways = states.map(() => 0);
  ways[0] = 2;
  for (const { edges } of states)
    for (const target of new Set(edges.map((edge) => edge.target))) ways[target]!++;
  const bodyOf = (at: number): string => {
    const { edges, isEnd } = states[at]!;
    const sets = new Map<number, string>();
    for (const { from, to, target } of edges) {
      // A class of one is read as a character; twice the same is a class of bytes.
      const range = from === to ? hex(from) + hex(from) : `${hex(from)}-${hex(to)}`;
      sets.set(target, (sets.get(target) ?? "") + range);
    }
    const options = [...sets].map(([target, ranges]) => {
      const set = `[${ranges}]`;
      const next = states[target]!;
      if (ways[target]! > 1) return `${set} ${name}_${target}`;
      if (next.edges.length === 0) return set;
      const rest = bodyOf(target);
      return rest.includes("|") ? `${set} (${rest})` : `${set} ${rest}`;
    });
    return [...(isEnd ? ['""'] : []), ...options].join(" | ");
  };
  return states.flatMap(({ edges }, at) =>
    ways[at]! > 1 ? [`${name}_${at} ::= ${edges.length === 0 ? '""' : bodyOf(at)}`] : [],
  );
}
