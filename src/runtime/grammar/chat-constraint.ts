import { invariant } from "../../base/errors.ts";
import type { TokenConstraint } from "../token-constraint.ts";
import type { GrammarFollower } from "./grammar-follower.ts";
import type { LogitMask } from "./logit-mask.ts";
import type { MarkWatch } from "./opening-marks.ts";

/** How calls are begun and ended, in tokens. */
export interface MarkTokens {
  /** Tokens that begin a call: one special token, or those of a mark in ordinary text; none: the JSON begins it. */
  readonly open: readonly number[];
  /** Special tokens any of which begins a call in free text. */
  readonly openers: readonly number[];
  /** Tokens that stand between a call and the next one, mark included. */
  readonly link: readonly number[];
  /** The special token that ends a call; null: its grammar ends by itself. */
  readonly close: number | null;
  /** Finds marks of ordinary text; null where the mark is a token. */
  readonly watch: MarkWatch | null;
  /** Where there are no marks: tokens that begin with a brace, and those of white space alone. */
  readonly bare: { readonly braces: readonly number[]; readonly isSpace: (id: number) => boolean } | null;
}

/** What an answer may be made of. */
export interface AnswerPlan {
  /** Free words may stand in it. */
  readonly mayTalk: boolean;
  /** How many calls: none at all, exactly one, at least one, or any number. */
  readonly calls: "none" | "one" | "some" | "any";
  readonly marks: MarkTokens;
  readonly endIds: readonly number[];
  /** A follower of one call, or of all calls where there are no marks; null where no tool is offered. */
  readonly openCall: (() => GrammarFollower) | null;
  /** Tokens of the shortest call, marks apart. */
  readonly leastCallTokens: number;
  /** The same behind a token that is the first one of a call's grammar; infinite where it cannot be. */
  readonly leastCallTokensAfter: (id: number) => number;
  /** A follower of the JSON that the answer must be; null where none is asked for. */
  readonly openJson: (() => GrammarFollower) | null;
  readonly masks: LogitMask;
  readonly onClose: () => void;
}

/** Where the answer stands. */
type Phase =
  /** Free words; `tail` is their end, where a mark could be in the making. */
  | { readonly kind: "words"; readonly tail: string; readonly isBlank: boolean }
  /** Tokens that must come, then a call. */
  | { readonly kind: "fixed"; readonly ids: readonly number[] }
  | { readonly kind: "call"; readonly follower: GrammarFollower }
  /** JSON as the answer; before its first token a call may come instead. */
  | { readonly kind: "json"; readonly follower: GrammarFollower; readonly isBegun: boolean }
  /** Behind a call. */
  | { readonly kind: "behind" }
  | { readonly kind: "ended" };

/**
 * The constraint of one answer. Free words cost nothing; a call or JSON that has begun is followed to its end, and
 * shortened to fit where the tokens run out.
 */
export function createChatConstraint(plan: AnswerPlan): TokenConstraint {
  const {
    mayTalk,
    calls,
    marks,
    endIds,
    openCall,
    leastCallTokens,
    leastCallTokensAfter,
    openJson,
    masks,
    onClose,
  } = plan;
  let isClosed = false;
  const followers: GrammarFollower[] = [];
  /** What stood before each token, and the follower that took it. */
  const trail: { readonly before: Phase; readonly taker: GrammarFollower | null }[] = [];
  let taker: GrammarFollower | null = null;
  let most = Number.POSITIVE_INFINITY;

  const watched = (follower: GrammarFollower): GrammarFollower => {
    followers.push(follower);
    return follower;
  };
  const beginCall = (): Phase => {
    invariant(openCall !== null, "a call began where no tool is offered");
    return { kind: "call", follower: watched(openCall()) };
  };
  const begin = (): Phase => {
    if (openJson !== null && calls !== "one" && calls !== "some")
      return { kind: "json", follower: watched(openJson()), isBegun: false };
    if (mayTalk) return { kind: "words", tail: "", isBlank: true };
    return marks.open.length > 0 ? { kind: "fixed", ids: marks.open } : beginCall();
  };
  let phase: Phase | undefined;
  const now = (): Phase => {
    phase ??= begin();
    return phase;
  };

  /** Tokens that are needed behind the call at hand: its mark and an end. */
  const reserved = (): number => (marks.close === null ? 1 : 2);
  const afterCall = (): Phase => (mayTalk ? { kind: "words", tail: "", isBlank: false } : { kind: "behind" });
  const mayCallAgain = calls === "any" || calls === "some";
  /** Whether a call of so many tokens fits behind so many others, with its mark and an end. */
  const hasRoomToCall = (before: number, call = leastCallTokens): boolean =>
    most - trail.length >= before + call + reserved();
  const hasRoomToCallAgain = (): boolean => mayCallAgain && hasRoomToCall(marks.link.length);
  const endOfCall: readonly number[] = marks.close === null ? endIds : [marks.close];

  const maskWords = ({ tail, isBlank }: Extract<Phase, { kind: "words" }>, logits: Float32Array): boolean => {
    let isChanged = false;
    const forbid = (id: number): void => {
      logits[id] = Number.NEGATIVE_INFINITY;
      isChanged = true;
    };
    // What could not be brought to its end is not begun.
    const mayCall = calls !== "none" && hasRoomToCall(1);
    if (!mayCall) marks.openers.forEach(forbid);
    if (marks.bare !== null && isBlank) {
      for (const id of marks.bare.braces)
        if (calls === "none" || !hasRoomToCall(1, leastCallTokensAfter(id))) forbid(id);
    }
    for (const { exact, beyond } of marks.watch?.completions(tail) ?? []) {
      beyond.forEach(forbid);
      if (!mayCall) exact.forEach(forbid);
    }
    return isChanged;
  };

  const feed = (follower: GrammarFollower, id: number): void => {
    follower.accept(id);
    taker = follower;
  };

  const wordsAfter = (words: Extract<Phase, { kind: "words" }>, id: number): Phase => {
    if (endIds.includes(id)) return { kind: "ended" };
    if (calls !== "none") {
      if (marks.openers.includes(id)) return beginCall();
      if (marks.bare !== null && words.isBlank && marks.bare.braces.includes(id)) return intoCall(id);
    }
    const tail = marks.watch?.after(words.tail, id) ?? "";
    if (calls !== "none" && marks.watch?.isComplete(tail)) return beginCall();
    return { kind: "words", tail, isBlank: words.isBlank && (marks.bare?.isSpace(id) ?? false) };
  };

  const intoCall = (id: number): Phase => {
    const begun = beginCall();
    if (begun.kind === "call") feed(begun.follower, id);
    return begun;
  };

  const isCall = ({ kind }: Phase): boolean => kind === "fixed" || kind === "call";

  const refuse = (id: number, expected: string): never => {
    invariant(false, `token ${id}: expected ${expected}`);
  };

  const next = (from: Phase, id: number): Phase => {
    switch (from.kind) {
      case "words":
        return wordsAfter(from, id);
      case "fixed": {
        if (id !== from.ids[0]) return refuse(id, `the token ${from.ids[0]} of a mark`);
        return from.ids.length > 1 ? { kind: "fixed", ids: from.ids.slice(1) } : beginCall();
      }
      case "call":
        if (endOfCall.includes(id)) {
          if (!from.follower.progress.isEnd) return refuse(id, "the call to be brought to its end");
          return marks.close === null ? { kind: "ended" } : afterCall();
        }
        feed(from.follower, id);
        // A mark of ordinary text is part of the grammar.
        return marks.close === null && marks.bare === null && from.follower.isWhole ? afterCall() : from;
      case "json":
        if (endIds.includes(id)) {
          return from.follower.progress.isEnd
            ? { kind: "ended" }
            : refuse(id, "the JSON to be brought to its end");
        }
        if (!from.isBegun && calls !== "none" && id === marks.open[0]) {
          return marks.open.length > 1 ? { kind: "fixed", ids: marks.open.slice(1) } : beginCall();
        }
        feed(from.follower, id);
        return from.isBegun ? from : { ...from, isBegun: true };
      case "behind":
        if (endIds.includes(id)) return { kind: "ended" };
        if (mayCallAgain && id === marks.link[0]) {
          return marks.link.length > 1 ? { kind: "fixed", ids: marks.link.slice(1) } : beginCall();
        }
        return refuse(id, "the end, or another call");
      case "ended":
        return refuse(id, "nothing behind the end");
    }
  };

  const mask = (logits: Float32Array): boolean => {
    const at = now();
    const left = most - trail.length;
    switch (at.kind) {
      case "words":
        return maskWords(at, logits);
      case "fixed":
        masks.keepOnly(at.ids.slice(0, 1), logits);
        return true;
      case "call":
        at.follower.mask(logits, left, reserved());
        return true;
      case "json": {
        const mayCall = !at.isBegun && calls !== "none" && hasRoomToCall(marks.open.length);
        const begins = mayCall ? marks.open[0] : undefined;
        const logit = begins === undefined ? 0 : logits[begins]!;
        at.follower.mask(logits, left, 1);
        if (begins !== undefined) logits[begins] = logit;
        return true;
      }
      case "behind":
        masks.keepOnly(hasRoomToCallAgain() ? [...endIds, marks.link[0]!] : endIds, logits);
        return true;
      case "ended":
        masks.keepOnly(endIds, logits);
        return true;
    }
  };

  const forced = (): readonly number[] => {
    const at = now();
    switch (at.kind) {
      case "fixed":
        return at.ids;
      case "behind":
        return hasRoomToCallAgain() ? [] : endIds.slice(0, 1);
      case "call": {
        const { ids, isWhole } = at.follower.forced();
        if (!isWhole || marks.bare !== null) return isWhole ? [...ids, endIds[0]!] : ids;
        const isLast = !mayTalk && !mayCallAgain;
        return [
          ...ids,
          ...(marks.close === null ? [] : [marks.close]),
          ...(isLast ? endIds.slice(0, 1) : []),
        ];
      }
      case "json": {
        if (!at.isBegun && calls !== "none") return [];
        const { ids, isWhole } = at.follower.forced();
        return isWhole ? [...ids, endIds[0]!] : ids;
      }
      case "words":
      case "ended":
        return [];
    }
  };

  return {
    begin: (tokens) => {
      most = tokens;
    },
    mask,
    accept: (id) => {
      const before = now();
      taker = null;
      phase = next(before, id);
      trail.push({ before, taker });
    },
    forced,
    rollback: (tokens) => {
      for (let i = 0; i < tokens; i++) {
        const last = trail.pop();
        invariant(last !== undefined, "rollback: expected fewer tokens than were accepted");
        last.taker?.rollback(1);
        phase = last.before;
      }
    },
    get isComplete() {
      const at = now();
      if (at.kind === "json" || (at.kind === "call" && marks.bare !== null))
        return at.follower.progress.isEnd;
      return at.kind === "words" || at.kind === "behind" || at.kind === "ended";
    },
    get isOpen() {
      const at = now();
      return at.kind === "fixed" || at.kind === "call" || (at.kind === "json" && at.isBegun);
    },
    get isInCall() {
      const before = trail.at(-1)?.before;
      return before !== undefined && (isCall(before) || isCall(now()));
    },
    close: () => {
      for (const follower of followers) follower.close();
      followers.length = 0;
      if (!isClosed) onClose();
      isClosed = true;
    },
  };
}
