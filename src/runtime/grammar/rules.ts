import type { Automaton } from "./automaton.ts";

/**
 * A grammar over bytes. `exact` automata decide; `wide` ones leave far counts out, so that masks are made in time, and
 * contain the exact ones.
 */
export type Part =
  | { readonly kind: "literal"; readonly text: string }
  | {
      readonly kind: "text";
      readonly exact: Automaton;
      readonly wide: Automaton;
      /** By state of `exact`: how many bytes may come until `wide` allows too much. */
      readonly room: readonly number[];
    }
  | { readonly kind: "rule"; readonly rule: Rule };

/**
 * One of the alternatives. A rule that goes on as long as one likes calls itself last, never first: so the tracker's
 * stack stays flat and a mask sees what comes next without leaving the rule.
 */
export interface Rule {
  alternatives: (readonly Part[])[];
}

export const literal = (text: string): Part => ({ kind: "literal", text });
export const call = (rule: Rule): Part => ({ kind: "rule", rule });

/** All rules that can be reached, the first one first. */
export function reachableRules(root: Rule): readonly Rule[] {
  const found = new Set<Rule>([root]);
  for (const rule of found)
    for (const part of rule.alternatives.flat()) if (part.kind === "rule") found.add(part.rule);
  return [...found];
}
