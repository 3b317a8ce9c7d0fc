import { monotonicMs } from "../../measure/clock.ts";
import { maxVerify, type StepRunner } from "../step-runner.ts";
import type { TokenMaker } from "../token-maker.ts";
import type { FinishReason } from "../types.ts";
import type { Drafter } from "./drafter.ts";

/** Reads a turn in one run; gives the logits [V] after its last token. At once when the runner is blocking. */
export function readTurn(runner: StepRunner, turn: readonly number[]): Float32Array | Promise<Float32Array> {
  if (turn.length === 1) {
    const step = runner.decode(turn[0] as number);
    return step === undefined ? runner.logits : step.then(() => runner.logits);
  }
  if (turn.length > maxVerify) return runner.prefill(turn).then(() => runner.logits);
  const rows = runner.verify(turn);
  const { vocabSize } = runner.shape;
  return rows instanceof Promise
    ? rows.then((all) => rowOf(all, turn.length - 1, vocabSize))
    : rowOf(rows, turn.length - 1, vocabSize);
}

const none: readonly number[] = [];

function rowOf(rows: Float32Array, row: number, vocabSize: number): Float32Array {
  return rows.subarray(row * vocabSize, (row + 1) * vocabSize);
}

/** Milliseconds inside the session so far: what the event loop did before a run is no cost of the run. */
function sessionMsOf(runner: StepRunner): number {
  return runner.prefillSessionMs + runner.decodeSessionMs;
}

/** How many tokens of `turn` the draft foretold, from its token `from` on. */
function foretold(turn: readonly number[], draft: readonly number[], from: number): number {
  let same = 0;
  while (same < turn.length && turn[same] === draft[from + same]) same++;
  return same;
}

/**
 * The decode loop with drafts: one run reads the tokens made last and a draft behind them, and gives the logits after
 * each. Tokens are then made as in plain decoding, from one row after the other, for as long as they are those that
 * were drafted; what was drafted beyond is taken back.
 *
 * Why that is rejection sampling with the residual (Leviathan et al. 2023, arXiv:2211.17192; Chen et al. 2023,
 * arXiv:2302.01318): a draft that is a fixed token d has q(d) = 1. So d is accepted with min(1, p(d) / q(d)) = p(d), and
 * else the token comes from max(0, p − q) renormalised, which is p without d. Drawing x from p once does both: x = d
 * happens with p(d), and any other x has the residual's distribution. p is what `choose` draws from, all warpers in
 * force, and each token costs one random number as in plain decoding: the same seed gives the same tokens.
 *
 * The turn attends together, as in plain decoding, and each drafted token by itself, so that its logits, keys and values
 * are the bits of a run of its own. A runner that cannot do that rounds otherwise: a greedy choice within the tolerance
 * is then in doubt, the sequence is read again as plain decoding would have, turn by turn, and the choice made from its
 * own logits.
 */
export async function decodeDrafted(
  runner: StepRunner,
  maker: TokenMaker,
  drafter: Drafter,
  promptIds: readonly number[],
  isCancelled: () => boolean,
): Promise<FinishReason> {
  const { vocabSize } = runner.shape;
  const plainTurns: (readonly number[])[] = []; // what plain decoding would have read, run by run
  let isPlain = true; // whether every key and value is one that plain decoding would have made
  let turn: number[] = [];

  /** Makes the next turn; a promise only where it must be made sure of. */
  const make = (logits: Float32Array): FinishReason | null | Promise<FinishReason | null> => {
    const id = maker.choose(logits);
    if (isPlain || maker.isCertain(logits, id, drafter.tolerance)) return take(id);
    return replay().then((own) => take(maker.choose(own)));
  };

  const take = (id: number): FinishReason | null => {
    turn = [];
    const reason = maker.take(id, turn);
    plainTurns.push(turn);
    drafter.accept(turn);
    return reason;
  };

  const replay = async (): Promise<Float32Array> => {
    runner.rewind(promptIds.length);
    isPlain = true;
    drafter.replayed(plainTurns.length);
    let { logits } = runner;
    for (const past of plainTurns) logits = await readTurn(runner, past);
    return logits;
  };

  drafter.begin(promptIds);
  let reason = take(maker.choose(runner.logits));
  while (reason === null) {
    if (isCancelled()) return "cancelled";
    const startedAt = monotonicMs();
    // A run gives one token more than it verifies, so the last one that there is room for is never drafted.
    const room = Math.min(maxVerify - turn.length, maker.left - 1);
    const proposed = room > 0 ? drafter.draft(room) : none;
    const draft = maker.allowedOf(proposed instanceof Promise ? await proposed : proposed);
    const draftedAt = monotonicMs();
    const turnTokens = turn.length;
    const sessionMs = sessionMsOf(runner);
    const read = draft.length === 0 ? readTurn(runner, turn) : runner.verify([...turn, ...draft], turnTokens);
    const logits = read instanceof Promise ? await read : read;
    const rows = draft.length === 0 ? logits : logits.subarray((turnTokens - 1) * vocabSize);
    const runMs = sessionMsOf(runner) - sessionMs;
    const end = runner.length - draft.length;
    let kept = 0;
    if (draft.length > 0) isPlain = false;
    do {
      const made = make(draft.length === 0 ? rows : rowOf(rows, kept, vocabSize));
      reason = made instanceof Promise ? await made : made;
      if (isPlain) break; // Read again, or never drafted: nothing of the draft is left.
      const same = foretold(turn, draft, kept);
      kept += same;
      turn = turn.slice(same);
    } while (reason === null && turn.length === 0);
    if (!isPlain) runner.rewind(end + kept);
    drafter.settle({
      turn: turnTokens,
      drafted: draft.length,
      kept,
      draftMs: draftedAt - startedAt,
      runMs,
    });
  }
  return reason;
}
