import { greedyChoice } from "../sampling.ts";
import type { StepRunner } from "../step-runner.ts";
import type { TokenPredictor } from "../token-predictor.ts";
import { readTurn } from "./decode-drafted.ts";

/**
 * Proposes what a smaller model with the same tokenizer would say, greedily: the likeliest token is the one that a
 * target at any temperature makes most often. It reads tokens when it is asked, so a draft model that nobody asks
 * costs nothing. Beyond its own context it has no idea. Closing it closes the runner.
 *
 * `vocabSize` is the target's: models of one tokenizer pad their vocabularies differently, and padding is no token.
 */
export function createDraftModel(runner: StepRunner, vocabSize: number): TokenPredictor {
  const shared = Math.min(vocabSize, runner.shape.vocabSize);
  const tokens: number[] = []; // what the target made, prompt first
  let guess: number[] = []; // what was read behind them
  let agreed = 0; // tokens at the head of the runner's sequence that are those of `tokens`

  return {
    name: "draft_model",
    begin: (promptIds) => {
      tokens.length = 0;
      tokens.push(...promptIds);
      guess = [];
      agreed = 0;
      runner.reset();
    },
    propose: async (most) => {
      const room = Math.min(most, runner.shape.contextLength - tokens.length);
      if (room <= 0) return [];
      // The logits of the last token are needed: where it was read already, it is read again.
      agreed = Math.min(agreed, tokens.length - 1);
      const unread = tokens.slice(agreed);
      if (unread.some((id) => id >= shared)) return [];
      runner.rewind(agreed);
      let logits = await readTurn(runner, unread);
      agreed = tokens.length;
      guess = [];
      for (;;) {
        const id = greedyChoice(logits.subarray(0, shared));
        guess.push(id);
        if (guess.length === room) return guess;
        logits = await readTurn(runner, [id]);
      }
    },
    accept: (ids) => {
      for (const id of ids) {
        const next = tokens.length;
        // The last token of a guess was proposed, but never read.
        if (agreed === next && next < runner.length && guess[0] === id) agreed++;
        guess = guess[0] === id ? guess.slice(1) : [];
        tokens.push(id);
      }
    },
    close: () => runner.close(),
  };
}
