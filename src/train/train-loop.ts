// Longer than most: the whole life of one training, top to bottom in one place.
import * as path from "node:path";
import type { NamedTensors } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { parameterShapes } from "../model/decoder.ts";
import { addInto, createArena, fillArena, layOutParameters } from "./arena.ts";
import { countRows, emptyTotals } from "./batch.ts";
import { createLiveDecoder } from "./decoder.ts";
import { createEpochCursor, shapesFor } from "./epoch-cursor.ts";
import { createGuards } from "./guards.ts";
import type { LossPart } from "./losses.ts";
import { createOptimiser } from "./optimiser.ts";
import { checkCosines, createProbe, type LayerCosine, type QuantisationProbe } from "./qat.ts";
import { createRolloutTask } from "./rollouts.ts";
import { createRunAccount } from "./run-account.ts";
import { createRunnerPool, partsOf } from "./runner-pool.ts";
import { learningRateAt, rampAt } from "./schedule.ts";
import { type EventRecord, openTrainLog } from "./train-log.ts";
import { hasTrainState, loadTrainState, saveTrainState, type TrainProgress } from "./train-state.ts";
import type { LoopResult, LoopSetup } from "./train-types.ts";
import { createValidator } from "./validation.ts";

const startProgress: TrainProgress = {
  step: 0,
  epoch: 0,
  batch: 0,
  tokens: 0,
  earlyScale: 1,
  falseCalls: null,
  best: null,
};

/** Mutable lists of what happened, for the result. */
interface History {
  readonly epochs: LoopResult["epochs"][number][];
  readonly validations: LoopResult["validations"][number][];
  readonly length: LoopResult["length"][number][];
  readonly actions: string[];
}

/**
 * Trains until the recipe's last step. Files in `outDir`: train.jsonl, state/, best/, checkpoint/.
 * Errors: `training_diverged` (the last good state stays), `cancelled` (a state was written), `disk_full`,
 * `not_writable`, `invalid_checkpoint` (resuming another run), `invalid_dataset`.
 */
export async function trainLoop(setup: LoopSetup): Promise<LoopResult> {
  const { backend, recipe, config, hooks, specials, topk, judge } = setup;
  const { loss, quant, threads } = recipe;
  const began = performance.now();
  const layout = layOutParameters(parameterShapes(config));
  const weights = createArena(layout);
  const gradients = createArena(layout);
  const sum = createArena(layout);
  fillArena(weights, setup.startWeights);
  const log = openTrainLog(path.join(setup.outDir, "train.jsonl"));
  const states = path.join(setup.outDir, "state");
  const history: History = { epochs: [], validations: [], length: [], actions: [] };
  let progress = startProgress;
  const emit = (event: EventRecord["event"], data: EventRecord["data"]): void => {
    const record: EventRecord = { kind: "event", event, step: progress.step, data };
    log.write(record);
    hooks.onEvent?.(record);
  };
  /** Everything that was opened, closed in the end whatever happens. */
  const open: { close(): void }[] = [];
  const keep = <T extends { close(): void }>(resource: T): T => {
    open.push(resource);
    return resource;
  };

  try {
    const optimiser = keep(
      await createOptimiser(
        backend,
        weights,
        gradients,
        {
          beta1: recipe.optimiser.beta1,
          beta2: recipe.optimiser.beta2,
          epsilon: recipe.optimiser.epsilon,
          weightDecay: recipe.optimiser.weight_decay,
        },
        { ema: recipe.optimiser.ema, ...(threads === null ? {} : { threads }) },
      ),
    );
    if (setup.resume && hasTrainState(states)) {
      progress = loadTrainState(states, setup.fingerprint, weights, optimiser);
      emit("resume", { step: progress.step });
    } else emit("start", { elements: layout.count, fingerprint: setup.fingerprint });

    const shapes = shapesFor(setup.source, recipe);
    const cursor = createEpochCursor(setup.source, shapes, recipe, progress, ({ epoch, plan, prepareMs }) => {
      const { plannedMix, realisedMix, paddingWaste, skipped, batches } = plan;
      const report = {
        epoch,
        plannedMix,
        realisedMix,
        paddingWaste,
        skipped: skipped.length,
        truncated: 0 as const,
      };
      history.epochs.push(report);
      emit("epoch", { ...report, batches: batches.length, prepare_ms: prepareMs });
    });
    const parts = partsOf(recipe, topk !== null);
    const pool = keep(
      createRunnerPool(
        backend,
        config,
        recipe,
        {
          shapes,
          parts,
          specials,
          hasGradients: true,
          onCompile: (shape, runner) =>
            emit("compile", { tokens: shape.tokens, rows: shape.rows, compile_ms: runner.compileMs }),
        },
        weights,
        gradients,
      ),
    );
    const hasValidation = recipe.validation.every > 0 && setup.validation.length > 0;
    const validator = hasValidation
      ? keep(
          createValidator(backend, config, recipe, setup.validation, setup.encode, specials, judge, weights),
        )
      : null;
    const hasLength = loss.length_weight > 0 && judge !== null;
    const hasAnswers = judge !== null && validator !== null && recipe.validation.rollouts > 0;
    const decoder =
      hasLength || hasAnswers ? keep(await createLiveDecoder(backend, config, weights, threads)) : null;
    const rollouts =
      hasLength && decoder
        ? keep(
            createRolloutTask(
              { backend, config, recipe, specials, judge, decoder, longest: shapes.at(-1)!.tokens },
              weights,
              gradients,
            ),
          )
        : null;
    const guards = createGuards({
      maxGradientNorm: recipe.guard.max_gradient_norm,
      explodingSteps: recipe.guard.exploding_steps,
    });
    const account = createRunAccount(hooks.ceilingGflops);
    const stepAfter = (fraction: number): number =>
      quant.enabled ? Math.floor(recipe.steps * fraction) : Number.POSITIVE_INFINITY;
    const quantStart = stepAfter(quant.start_fraction);
    const freezeStart = stepAfter(1 - quant.freeze_norms_fraction);
    const schedule = {
      learningRate: recipe.optimiser.learning_rate,
      warmupSteps: recipe.optimiser.warmup_steps,
      floor: recipe.optimiser.floor,
    };
    let probe: QuantisationProbe | null = null;
    let cosines: readonly LayerCosine[] = [];
    let isFrozen = false;

    const save = (): void => {
      saveTrainState(states, setup.fingerprint, progress, weights, optimiser, hooks.writeTensors);
      emit("checkpoint", { dir: "state" });
    };
    const result = (): NamedTensors => (optimiser.average ?? weights).tensors;

    const startQuantisation = async (): Promise<void> => {
      for (const part of [pool, validator, rollouts]) part?.quantise();
      const rows = [...(validator?.rows ?? []), ...cursor.current.rows].slice(0, 8);
      const tokens = shapes[shapes.length >> 1]!.tokens;
      const sequences = rows.map((row) => row.ids);
      probe = keep(await createProbe(backend, config, weights, sequences, tokens, threads));
      emit("quantisation", { start: quantStart });
    };
    const measureCosines = async (): Promise<void> => {
      if (!probe) return;
      cosines = await probe.measure();
      const worst = checkCosines(progress.step, cosines, quant.cosine_floor);
      emit("probe", { worst_layer: worst.layer, cosine: worst.cosine });
    };

    const validate = async (): Promise<void> => {
      if (!validator) return;
      const report = await validator.measure(decoder);
      history.validations.push({ step: progress.step, ...report });
      emit("validation", { ...report });
      if (!progress.best || report.loss < progress.best.loss) {
        progress = { ...progress, best: { step: progress.step, loss: report.loss } };
        setup.saveWeights(path.join(setup.outDir, "best"), result());
      }
      const falseCalls = report.proxies?.false_calls ?? null;
      const before = progress.falseCalls;
      // The failure card "hallucinated tools": acted on, not only printed.
      if (falseCalls !== null && before !== null && falseCalls > before) {
        const scale = progress.earlyScale / 2;
        progress = { ...progress, earlyScale: scale };
        history.actions.push(
          `step ${progress.step}: calls on controls rose from ${before} to ${falseCalls}; early weight halved to ${scale} of its target`,
        );
        emit("early_weight_halved", { false_calls: falseCalls, before, scale });
      }
      if (falseCalls !== null) progress = { ...progress, falseCalls };
    };

    const oneStep = async (): Promise<void> => {
      const { step } = progress;
      const epochsDone = cursor.progress;
      const micro = Array.from({ length: recipe.optimiser.accumulation }, () => cursor.next());
      const runners = [];
      for (const batch of micro) runners.push(await pool.get(batch.shape));
      const early = rampAt(loss.early_tool_weight, epochsDone) * progress.earlyScale;
      const partWeights: Readonly<Record<LossPart, number>> = {
        ce: loss.ce,
        kl: loss.kl,
        tail: loss.tail_weight,
        early_ce: early * loss.early_tool_ce_scale,
        early_prior: early * loss.early_tool_prior_scale,
        length: loss.length_weight,
      };
      const values: Partial<Record<LossPart, number>> = {};
      let total = 0;
      let held = 0;
      const hold = (): void => {
        if (held++ === 0) sum.data.set(gradients.data);
        else addInto(sum.data, gradients.data);
      };
      if (rollouts?.isDue(step)) {
        const { report, result: penalty } = await rollouts.run(step, cursor.current, partWeights);
        history.length.push({ step, ...report });
        emit("rollouts", { ...report });
        if (penalty) {
          hold();
          values.length = penalty.part;
          total += penalty.total;
        }
      }

      const start = performance.now();
      const totals = emptyTotals();
      for (const { rows } of micro) countRows(totals, rows, { priorOn: loss.early_tool_prior_on }, topk);
      guards.checkBatch(step, totals);
      let [tokens, flops, runMs] = [0, 0, 0];
      for (const [i, { rows }] of micro.entries()) {
        const done = await runners[i]!.run(rows, totals, partWeights, topk);
        parts.forEach((part, p) => {
          values[part] = (values[part] ?? 0) + done.parts[p]!;
        });
        total += done.total;
        tokens += done.tokens;
        runMs += done.runMs;
        flops += runners[i]!.flops;
        if (held > 0 || micro.length > 1) hold();
      }
      guards.checkLoss(step, total, values);
      if (held > 0) gradients.data.set(sum.data);
      const updateStart = performance.now();
      const norm = await optimiser.gradientNorm();
      guards.checkGradient(step, norm);
      const slower = probe ? quant.lr_multiplier : 1;
      const learningRate = learningRateAt(schedule, step, recipe.steps) * slower;
      await optimiser.update(step + 1, learningRate, Math.min(1, recipe.optimiser.clip_norm / norm));
      const end = performance.now();

      progress = {
        ...progress,
        step: step + 1,
        epoch: cursor.epoch,
        batch: cursor.batch,
        tokens: progress.tokens + tokens,
      };
      const record = account.add({
        step: step + 1,
        steps: recipe.steps,
        epoch: cursor.progress,
        shapes: micro.map((b) => shapes[b.shape]!.tokens),
        loss: total,
        parts: values,
        weights: partWeights,
        learningRate,
        gradientNorm: norm,
        isQuantised: probe !== null,
        tokens,
        flops,
        stepMs: end - start,
        runMs: runMs + end - updateStart,
      });
      log.write(record);
      hooks.onStep?.(record);
    };

    try {
      while (progress.step < recipe.steps) {
        if (hooks.signal?.aborted) {
          save();
          throw new LimbeckError("cancelled", `training: interrupted at step ${progress.step}`, {
            cure: "Run the same command with --resume to go on with the same bits.",
            fields: { step: progress.step },
          });
        }
        if (!probe && progress.step >= quantStart) {
          await startQuantisation();
          await measureCosines();
        }
        if (!isFrozen && progress.step >= freezeStart) {
          isFrozen = true;
          optimiser.freezeVectors();
          emit("norms_frozen", {});
        }
        await oneStep();
        if (progress.step % quant.probe_every === 0) await measureCosines();
        const isLast = progress.step === recipe.steps;
        if (hasValidation && (isLast || progress.step % recipe.validation.every === 0)) await validate();
        if (recipe.checkpoint_every > 0 && progress.step % recipe.checkpoint_every === 0) save();
      }
      await measureCosines();
    } catch (error) {
      // The checks of a step come before its update, so that these weights are still the last good ones.
      const isDiverged = error instanceof LimbeckError && error.code === "training_diverged";
      if (isDiverged && !hasTrainState(states)) save();
      throw error;
    }
    save();
    setup.saveWeights(path.join(setup.outDir, "checkpoint"), result());
    const outcome: LoopResult = {
      steps: progress.step,
      tokens: progress.tokens,
      tokensPerSecond: account.tokensPerSecond,
      seconds: (performance.now() - began) / 1000,
      overheadMsMedian: account.overheadMsMedian,
      ceilingFraction: account.ceilingFraction,
      finalLoss: account.last?.loss ?? null,
      finalParts: account.last?.parts ?? {},
      best: progress.best,
      cosines,
      earlyScale: progress.earlyScale,
      ...history,
    };
    emit("end", { ...outcome, epochs: history.epochs.length });
    return outcome;
  } finally {
    for (const resource of open.reverse()) resource.close();
  }
}
