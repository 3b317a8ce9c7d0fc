import type { Random } from "../../base/random.ts";
import type { JsonObject } from "../../tools/types.ts";
import { fillSlots, type Intent } from "./intent.ts";

/** The scripted teacher: it talks before it calls, so that brevity has something to win. */

const openers = ["Sure", "Of course", "Okay", "Certainly", "No problem", "Gladly", "All right", "Yes"];

const leadInsToSeveral = [
  "let me do both of them",
  "I will do both for you",
  "both of them come now",
  "I will see to both",
];

/** The spoken lead-in to one or more calls, about 12 to 18 tokens. */
export function drawLeadIn(random: Random, intents: readonly Intent[]): string {
  const phrase = intents.length === 1 ? random.pick(intents[0]!.leadIns) : random.pick(leadInsToSeveral);
  return `${random.pick(openers)}, ${phrase}.`;
}

/** The final answer: it cites a field of every result. */
export function drawAnswer(
  random: Random,
  steps: readonly { readonly intent: Intent; readonly result: JsonObject }[],
): string {
  return steps
    .map(({ intent, result }) => fillSlots(random.pick(intent.answers), (field) => String(result[field])))
    .join(" ");
}

const before = ["", "", "", "", "", "hey, ", "hi, ", "ok, ", "hello, ", "now ", "please, "];
const beforeImperative = [
  "please ",
  "can you ",
  "could you ",
  "would you ",
  "can you please ",
  "could you please ",
  "i need you to ",
  "i want you to ",
];
const after = ["", "", "", "", "", ", please", ", thanks", ", thank you"];

const beforeChat = ["", "", "", "hey, ", "hi, ", "ok, ", "well, "];

const imperatives = new Set(
  (
    "set start count begin run give put make create let time tell beep wake ring have add get switch program schedule book plan " +
    "enter block reserve remind send text message write drop shoot call phone dial place connect try note take save jot keep " +
    "translate say turn show check find search look locate do google browse convert change express calculate work play open " +
    "launch bring go load adjust order buy pay transfer wash clean bake cook repair fix print water feed walk drive lock close " +
    "paint draw build delete charge record sell cancel pick lend sweep fry boil polish carry move brush fly park unlock rent shut film frame scan " +
    "copy sign cut plant grow hang vote stop empty fill invest trade ship return mail sing read"
  ).split(" "),
);

/** Small talk as a person types it. */
export function dressChat(random: Random, phrase: string): string {
  return finish(random, random.pick(beforeChat) + phrase, /^(how|who|what|are|can|do you)\b/.test(phrase));
}

/** A capital letter or not, a mark at the end or not. */
function finish(random: Random, request: string, isQuestion: boolean): string {
  const start = random.next() < 0.4 ? request.charAt(0).toUpperCase() : request.charAt(0);
  const mark = random.next() < 0.45 ? (isQuestion ? "?" : ".") : "";
  return start + request.slice(1) + mark;
}

/** The request as a person types it: polite words around the phrase, a capital letter or not, a mark at the end or not. */
export function dressRequest(random: Random, phrase: string): string {
  const firstWord = phrase.split(/[ ,]/)[0]!;
  const isImperative =
    imperatives.has(firstWord) && !phrase.startsWith("do not") && !phrase.startsWith("do i");
  const prefix = isImperative && random.next() < 0.4 ? random.pick(beforeImperative) : random.pick(before);
  const isQuestion = /^(what|how|will|is|do i|can|could|would|where|who|are)\b/.test(prefix + phrase);
  return finish(
    random,
    `${prefix}${phrase}${prefix.includes("please") ? "" : random.pick(after)}`,
    isQuestion,
  );
}
