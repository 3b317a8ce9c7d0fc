import { monotonicMs } from "#limbeck/measure/clock.js";
import type { StepRunner } from "#limbeck/runtime/step-runner.js";

/** What one side did: its output, and the milliseconds that it was its turn, after the first token. */
export interface Side {
  readonly ids: readonly number[];
  readonly decodeMs: number;
}

/** Generates with the runner that it is given, calling `onToken` with each token. */
export type Generation = (runner: StepRunner, onToken: (id: number) => void) => Promise<unknown>;

/** One generation that stops before a run of its model whenever it has made enough tokens. */
interface Paused {
  readonly ids: readonly number[];
  readonly isDone: boolean;
  /** Goes on until there are `tokens` or it ends; resolves to the milliseconds that it took. */
  goOn(tokens: number): Promise<number>;
}

function startPaused(runner: StepRunner, generation: Generation): Paused {
  const ids: number[] = [];
  let enough = 0;
  let isDone = false;
  let startedAt = 0;
  let resume = (): void => undefined;
  let report: (ms: number) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;

  const gate = (): Promise<void> | undefined => {
    if (ids.length < enough) return undefined;
    report(monotonicMs() - startedAt);
    return new Promise((go) => {
      resume = go;
    });
  };
  const gated = Object.create(runner, {
    decode: { value: (id: number) => gate()?.then(() => runner.decode(id)) ?? runner.decode(id) },
    verify: {
      value: (part: readonly number[], together?: number) =>
        gate()?.then(() => runner.verify(part, together)) ?? runner.verify(part, together),
    },
  }) as StepRunner;

  let isStarted = false;
  const start = (): void => {
    isStarted = true;
    generation(gated, (id) => ids.push(id)).then(
      () => {
        isDone = true;
        report(monotonicMs() - startedAt);
      },
      (error: unknown) => fail(error),
    );
  };
  return {
    ids,
    get isDone() {
      return isDone;
    },
    goOn: async (tokens) => {
      // A draft may have brought more than its turn's tokens.
      if (isStarted && ids.length >= tokens) return 0;
      return new Promise((done, failed) => {
        report = done;
        fail = failed;
        enough = tokens;
        startedAt = monotonicMs();
        if (isStarted) resume();
        else start();
      });
    },
  };
}

/**
 * Two generations of the same output that take turns of `turnTokens` tokens: a b, b a, a b, … What drifts on the machine
 * over more than a few runs, both feel. Reading the prompt and making the first token are not timed. Runners must be
 * blocking and not share memory.
 */
export async function takeTurns(
  [a, b]: readonly [StepRunner, StepRunner],
  [generateA, generateB]: readonly [Generation, Generation],
  turnTokens: number,
  isFirstFirst: boolean,
): Promise<readonly [Side, Side]> {
  const first = { paused: startPaused(a, generateA), ms: 0 };
  const second = { paused: startPaused(b, generateB), ms: 0 };
  const sides = [first, second];
  for (const { paused } of sides) await paused.goOn(1);
  let isForward = isFirstFirst;
  for (let tokens = 1 + turnTokens; sides.some(({ paused }) => !paused.isDone); tokens += turnTokens) {
    for (const side of isForward ? sides : [second, first])
      if (!side.paused.isDone) side.ms += await side.paused.goOn(tokens);
    isForward = !isForward;
  }
  return [
    { ids: first.paused.ids, decodeMs: first.ms },
    { ids: second.paused.ids, decodeMs: second.ms },
  ];
}
