import { chat, outOfScope } from "./toolbox/controls.ts";
import { deviceIntents } from "./toolbox/phrases-device.ts";
import { findIntents } from "./toolbox/phrases-find.ts";
import { peopleIntents } from "./toolbox/phrases-people.ts";
import { timeIntents } from "./toolbox/phrases-time.ts";
import { heldOutWords, parameterNames, toolVerbs } from "./words.ts";

/** Words that part a value from what surrounds it, or mean something to it: as values they would leave a doubt. */
const joints = new Set(
  "that this says saying called about into from with then also please thanks thank there they them robot".split(
    " ",
  ),
);

/** The words of training requests, replies and answers that may stand inside a value, each once. */
export const spokenWords: readonly string[] = (() => {
  const intents = [...timeIntents, ...peopleIntents, ...findIntents, ...deviceIntents];
  const texts = [
    ...intents.flatMap(({ requests, missing, leadIns, answers }) => [
      ...requests.train.flat(),
      ...missing.requests.train.flat(),
      ...leadIns,
      ...answers,
    ]),
    ...[chat, outOfScope].flatMap(({ requests, replies }) => [...requests.train.flat(), ...replies]),
    ...toolVerbs,
    ...parameterNames,
  ];
  const words =
    texts
      .join(" ")
      .replace(/\{\w+\}/g, " ")
      .toLowerCase()
      .match(/[a-z]{4,}/g) ?? [];
  return [...new Set(words)].filter((word) => !joints.has(word) && !heldOutWords.has(word)).sort();
})();
