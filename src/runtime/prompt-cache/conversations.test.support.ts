import { createRandom, type Random } from "../../base/random.ts";
import { generateStep } from "../generate-step.ts";
import { createSampler, resolveSampling } from "../sampling.ts";
import type { StepRunner } from "../step-runner.ts";
import type { CachedRunner } from "./cached-runner.ts";

/** One request of a conversation as it went with a cache and without. */
interface Answer {
  readonly ids: readonly number[];
  /** Logits [V] from which the last token was chosen, as they were before anything rewrote them. */
  readonly lastLogits: Float32Array;
}

const answerTokens = 5;

async function answer(runner: StepRunner, prompt: readonly number[], seed: number): Promise<Answer> {
  const { vocabSize } = runner.shape;
  const ids: number[] = [];
  const sampling = resolveSampling(seed % 3 === 0 ? { temperature: 1, topP: 0.9, seed } : { temperature: 0 });
  await generateStep(runner, createSampler(vocabSize), prompt, {
    sampling,
    endIds: new Set([3]),
    maxTokens: answerTokens,
    onToken: (id) => {
      ids.push(id);
      return true;
    },
  });
  // Read once more, whatever the sampler did to the logits before.
  await runner.decode(ids.at(-1) as number);
  return { ids, lastLogits: runner.logits.slice() };
}

const tokens = (random: Random, least: number, most: number, vocabSize: number): number[] =>
  Array.from({ length: least + random.integer(most - least + 1) }, () => random.integer(vocabSize));

export interface ConversationsCompared {
  readonly requests: number;
  /** Conversations, by number, of which an answer or a bit of its logits was another one. */
  readonly differing: readonly number[];
  /** Requests that had at least one kept token. */
  readonly hitRate: number;
  readonly cachedShare: number;
}

/**
 * Random conversations of one to three turns that begin with one of four system prompts, go on with the model's own
 * words, and take turns with each other: each answered by both runners.
 */
export async function compareConversations(
  cached: CachedRunner,
  plain: StepRunner,
  { conversations, seed }: { readonly conversations: number; readonly seed: number },
): Promise<ConversationsCompared> {
  const random = createRandom(seed);
  const { contextLength, vocabSize } = cached.shape;
  const systems = [7, 16, 25, 33].map((length) => tokens(random, length, length, vocabSize));
  const differing = new Set<number>();
  let open: { readonly name: number; prompt: number[]; turns: number }[] = [];
  let begun = 0;
  let requests = 0;
  while (begun < conversations || open.length > 0) {
    if (begun < conversations && open.length < 4) {
      open.push({
        name: begun++,
        prompt: [...(systems[random.integer(systems.length)] as number[])],
        turns: 1 + random.integer(3),
      });
    }
    const one = open[random.integer(open.length)] as (typeof open)[number];
    one.prompt.push(...tokens(random, 1, 12, vocabSize));
    if (one.prompt.length + answerTokens < contextLength) {
      const [a, b] = [await answer(cached, one.prompt, requests), await answer(plain, one.prompt, requests)];
      requests += 1;
      const isSame =
        a.ids.join() === b.ids.join() && a.lastLogits.every((logit, i) => Object.is(logit, b.lastLogits[i]));
      if (!isSame) differing.add(one.name);
      cached.keep(16);
      one.prompt.push(...a.ids);
    }
    one.turns -= 1;
    open = open.filter(({ turns }) => turns > 0);
    // Writes to the disk are done between requests.
    if (requests % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const { hits, prompts, cachedTokens, promptTokens } = cached.counts;
  return {
    requests,
    differing: [...differing],
    hitRate: hits / prompts,
    cachedShare: cachedTokens / promptTokens,
  };
}
