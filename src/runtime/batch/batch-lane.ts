import { monotonicMs } from "../../measure/clock.ts";
import type { BatchRow } from "./batch-stepper.ts";

/** How a request is answered in the row that it is given. */
export type AnswerIn<Task, Answer> = (task: Task, row: number, turnAt: number) => Promise<Answer>;

export interface LaneHost<Task, Answer> {
  readonly rows: readonly BatchRow[];
  readonly answer: AnswerIn<Task, Answer>;
  /** Queues an action behind the engine's other requests: the lane's turn. */
  takeTurn(action: () => Promise<void>): void;
  /** Whether a request that is not the lane's waits for the engine. */
  isAwaited(): boolean;
}

interface Waiting<Task, Answer> {
  readonly task: Task;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Offline requests on their way into rows: as many at a time as there are rows, the next one as soon as one ends. They
 * have the engine for a turn, as any request has. Once another request waits the turn takes no more in: it ends with
 * those that are under way, and the rest wait their turn behind that request.
 */
export function createBatchLane<Task, Answer>({
  rows,
  answer,
  takeTurn,
  isAwaited,
}: LaneHost<Task, Answer>): (task: Task) => Promise<Answer> {
  const queue: Waiting<Task, Answer>[] = [];
  const free = rows.map((_, b) => b);
  let hasTurn = false;
  let endTurn: (() => void) | null = null;

  const start = ({ task, resolve, reject }: Waiting<Task, Answer>, b: number): void => {
    const row = rows[b] as BatchRow;
    row.enter();
    answer(task, b, monotonicMs())
      .finally(() => {
        row.leave();
        free.push(b);
        free.sort((x, y) => x - y);
        setImmediate(admit);
      })
      .then(resolve, reject);
  };

  const admit = (mayAlways = false): void => {
    if (endTurn === null) return;
    while (queue.length > 0 && free.length > 0 && (mayAlways || !isAwaited()))
      start(queue.shift() as Waiting<Task, Answer>, free.shift() as number);
    if (free.length < rows.length) return;
    const end = endTurn;
    endTurn = null;
    hasTurn = false;
    if (queue.length > 0) askForTurn();
    end();
  };

  const askForTurn = (): void => {
    hasTurn = true;
    takeTurn(
      () =>
        new Promise<void>((resolve) => {
          endTurn = resolve;
          // What waits came before those that wait behind this turn.
          admit(true);
        }),
    );
  };

  return (task) =>
    new Promise((resolve, reject) => {
      queue.push({ task, resolve, reject });
      if (hasTurn) admit();
      else askForTurn();
    });
}
