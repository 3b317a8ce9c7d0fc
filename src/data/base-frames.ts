/** The sentences around the made-up tools of the base corpus. Slots: verb, noun, adj, city, args, name, value, field. */

export const openers: readonly string[] = [
  "Sure",
  "Of course",
  "Okay",
  "Certainly",
  "Gladly",
  "Yes",
  "Right away",
  "Fine",
];
export const beforeRequest: readonly string[] = [
  "",
  "",
  "",
  "please ",
  "hey, ",
  "ok, ",
  "can you ",
  "could you ",
  "i want you to ",
  "now ",
  "kindly ",
];
export const afterRequest: readonly string[] = ["", "", "", ", please", ", thanks", " now", ".", ".", "?"];
export const bodies: readonly string[] = [
  "{verb} the {noun}{args}",
  "{verb} the {noun}{args}",
  "{verb} a {noun}{args}",
  "{verb} my {noun}{args}",
  "{verb} {noun}{args}",
  "i want to {verb} the {noun}{args}",
  "i need to {verb} a {noun}{args}",
  "let us {verb} the {adj} {noun}{args}",
  "for the {noun}, {verb}{args}",
  "the {noun} needs a {verb}{args}",
  "do a {noun} {verb}{args}",
  "it is time to {verb} the {noun}{args}",
  "{verb} that {adj} {noun} in {city}{args}",
  "use {noun} and {verb}{args}",
];
export const implicitLinks: readonly string[] = [
  "to",
  "for",
  "in",
  "at",
  "on",
  "called",
  "about",
  "by",
  "with",
  "as",
  "of",
  "into",
  "from",
  "saying",
  "that says",
  ":",
  "",
];
export const explicitFrames: readonly string[] = [
  "with {name} {value}",
  "{name} {value}",
  "where the {name} is {value}",
  "and {name} {value}",
  "its {name} is {value}",
  "the {name} is {value}",
  "using {value} as {name}",
];

export const answerFrames: readonly string[] = [
  "The {noun} has {field} {value}.",
  "Done, the {field} is {value}.",
  "The {field} is {value}.",
  "It is {value} for the {noun}.",
  "I got {value} as {field}.",
  "Your {noun} is at {value}.",
];

export const remarks: readonly string[] = [
  "the {noun} was {adj}",
  "my {noun} looks {adj} and {adj2}",
  "yesterday i saw a {adj} {noun}",
  "a {noun} is never {adj}",
  "there was a {noun} in {city}",
  "i think that {noun} is {adj}",
  "we had {noun} and {noun2}",
  "{city} is {adj}, is it not",
  "such a {adj} {noun}",
  "people in {city} love {noun}",
];
export const remarkReplies: readonly string[] = [
  "I see. What can I do?",
  "How nice. Tell me what you need.",
  "Good to know. I can help with tools.",
  "I understand. Do you need something?",
];
export const refusals: readonly string[] = [
  "I have no tool for that.",
  "None of my tools can do that.",
  "I cannot do that here.",
  "Sorry, there is no tool for it.",
];

/** Puts words into the slots of a frame; a slot without a word stays empty. */
export const fillFrame = (frame: string, words: Readonly<Record<string, string>>): string =>
  frame.replace(/\{(\w+)\}/g, (_, key: string) => words[key] ?? "");
