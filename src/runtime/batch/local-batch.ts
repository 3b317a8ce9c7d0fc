import type { Session } from "../../backend/session.ts";
import { LimbeckError } from "../../base/errors.ts";
import { isStepwise } from "../../lower/onnx/stepwise.ts";
import { type ChatHooks, type ChatModel, chatOnce } from "../chat.ts";
import type { EngineTasks } from "../engine-tasks.ts";
import { createSampler } from "../sampling.ts";
import type { StepRunner } from "../step-runner.ts";
import type { ChatResult } from "../types.ts";
import { createBatchLane, type LaneHost } from "./batch-lane.ts";
import { type BatchStepper, createBatchStepper } from "./batch-stepper.ts";
import { checkRows, type RowCheck } from "./row-check.ts";
import { type BatchOpening, type BatchStats, mostRows } from "./types.ts";

/** The batch of one engine, where it has one. */
export interface LocalBatch {
  /** Errors: `invalid_request` (rows), `backend_failed`. */
  open(rows: number): Promise<BatchOpening>;
  chat(task: EngineTasks["batchChat"], hooks: ChatHooks): Promise<ChatResult>;
  /** Null: none is open. */
  stats(): BatchStats | null;
  close(): void;
}

export interface LocalBatchOptions extends Pick<LaneHost<unknown, unknown>, "takeTurn" | "isAwaited"> {
  readonly model: ChatModel;
  readonly session: Session;
  /** The engine's own runner: rows read prompts in runs of the same size. */
  readonly runner: StepRunner;
  readonly blocking: boolean;
}

interface Order {
  readonly task: EngineTasks["batchChat"];
  readonly hooks: ChatHooks;
}

interface OpenBatch {
  readonly stepper: BatchStepper | null;
  readonly opening: BatchOpening;
  readonly chat: ((order: Order) => Promise<ChatResult>) | null;
}

/** Why a session's graph has no rows; null: it has. */
function refusalOf(session: Session): string | null {
  if (session.inputs.find(({ name }) => name === "ids")?.shape[0] === 1) {
    return "the artefact was exported for one sequence at a time: export it again";
  }
  return isStepwise(session) ? "the engine was opened for drafts: open it without speculation" : null;
}

const nothingCompared = { compared: 0, differing: 0, maxLogitDifference: null, isKvEqual: false };

export function createLocalBatch(options: LocalBatchOptions): LocalBatch {
  const { model, session, runner, blocking, takeTurn, isAwaited } = options;
  let batch: OpenBatch | null = null;

  const close = (): void => {
    batch?.stepper?.close();
    batch = null;
  };

  const refused = (check: RowCheck): OpenBatch => ({
    stepper: null,
    opening: { check, kvBytes: 0 },
    chat: null,
  });

  const make = async (rows: number): Promise<OpenBatch> => {
    const refusal = refusalOf(session);
    if (refusal !== null) return refused({ ...nothingCompared, refusal });
    const stepper = createBatchStepper(session, runner.shape, rows, {
      blocking,
      prefillChunk: runner.prefillChunk,
    });
    try {
      const check = await checkRows(stepper);
      stepper.resetRuns();
      if (check.refusal !== null) {
        stepper.close();
        return refused(check);
      }
      const models = stepper.rows.map((row): ChatModel => {
        const { tokenizer, endIds } = model.generator;
        const sampler = createSampler(runner.shape.vocabSize);
        return { ...model, generator: { runner: row.runner, sampler, tokenizer, endIds } };
      });
      const chat = createBatchLane<Order, ChatResult>({
        rows: stepper.rows,
        answer: ({ task, hooks }, row, turnAt) =>
          chatOnce(models[row] as ChatModel, { ...task, turnAt: Math.max(turnAt, hooks.requestedAt) }, hooks),
        takeTurn,
        isAwaited,
      });
      return { stepper, opening: { check, kvBytes: stepper.kvBytes }, chat };
    } catch (error) {
      stepper.close();
      throw error;
    }
  };

  return {
    open: async (rows) => {
      if (!Number.isInteger(rows) || rows < 2 || rows > mostRows) {
        throw new LimbeckError("invalid_request", `batch: expected 2 to ${mostRows} rows, got ${rows}`, {
          fields: { option: "rows", value: rows },
        });
      }
      close();
      batch = await make(rows);
      return batch.opening;
    },
    chat: async (task, hooks) => {
      const { speculation = "off" } = task.options;
      if (speculation !== "off" && speculation !== "auto") {
        throw new LimbeckError("invalid_request", `batch: expected no speculation, got ${speculation}`, {
          cure: "Leave `speculation` out, or ask the engine itself.",
          fields: { option: "speculation", value: speculation },
        });
      }
      const chat = batch?.chat;
      if (chat) return chat({ task, hooks });
      const why = batch?.opening.check.refusal ?? "none is open";
      throw new LimbeckError("invalid_request", `batch: expected an open one, got none: ${why}`, {
        cure: "Ask the engine itself: its requests run one by one.",
      });
    },
    stats: () => (batch?.stepper ? { runs: [...batch.stepper.runs] } : null),
    close,
  };
}
