import type { Session } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { isStepwise } from "../lower/onnx/stepwise.ts";
import { type Manifest, openArtefactSession, openModel } from "../model/artefact.ts";
import { roundsActivations } from "../model/weight-formats.ts";
import { createDraftModel } from "./speculation/draft-model.ts";
import { createPromptLookup } from "./speculation/prompt-lookup.ts";
import {
  createSpeculation,
  type Speculation,
  type SpeculationRun,
  withoutDrafts,
} from "./speculation/speculation.ts";
import { createStepRunner, maxVerify, type SessionRunner } from "./step-runner.ts";
import type { TokenPredictor } from "./token-predictor.ts";
import type { SpeculationMode } from "./types.ts";

/** Most tokens of a draft, each of which may attend by itself. */
export const mostSteps = maxVerify - 1;

/**
 * From so many bytes of weights in memory on a model that may draft is opened once, so that they are held once. Below, a
 * plain session beside the stepwise one spares each plain step the stepwise one's further nodes (about 10 µs a layer).
 */
const oneSessionBytes = 2 ** 28;

/** How many steps the target's own session must have. */
export function stepsFor(
  { format, bytes, parameters }: Pick<Manifest, "format" | "bytes" | "parameters">,
  mode: SpeculationMode,
): { readonly steps?: number } {
  // Weights of the other formats are widened when the model loads.
  const inMemory = roundsActivations[format] ? bytes : Float32Array.BYTES_PER_ELEMENT * parameters;
  return mode !== "off" && inMemory >= oneSessionBytes ? { steps: mostSteps } : {};
}

/** Drafting for one engine. */
export interface EngineSpeculation {
  /**
   * Begins a generation. The first one that may draft has the target model checked and timed, which takes some twenty
   * runs, and opened once more where its session does not let drafts attend token by token. Without a mode it is the
   * engine's own; null where nobody asked for drafts.
   */
  begin(mode: SpeculationMode | undefined): Promise<SpeculationRun | null>;
  close(): Promise<void>;
}

export interface EngineSpeculationOptions {
  /** The target's own runner and session, and the folder that they come from. */
  readonly runner: SessionRunner;
  readonly session: Session;
  readonly artefactDir: string;
  /** Called once the target was checked: what its runner held is lost. */
  readonly onChecked: () => void;
  readonly manifest: Manifest;
  /** For requests that do not say. */
  readonly mode: SpeculationMode;
  /** Folder of the draft model's artefact. */
  readonly draft: string | undefined;
  readonly threads: number | null;
  readonly blocking: boolean;
}

/**
 * Prompt lookup, and the draft model where there is one; its artefact is opened at once.
 * Errors: those of `openArtefactSession`; `invalid_artefact` where its tokenizer is another one; `invalid_request` for a
 * mode that there is nothing for.
 */
export async function openEngineSpeculation(options: EngineSpeculationOptions): Promise<EngineSpeculation> {
  const { runner, session, artefactDir, manifest, draft, threads, mode: own, onChecked } = options;
  const model = draft === undefined ? null : await openDraft({ ...options, draft });
  const predictors = [createPromptLookup(), ...(model ? [model.predictor] : [])];
  let second: Session | undefined;
  const check = async (): Promise<Speculation> => {
    if (!isStepwise(session)) {
      second = await openModel(artefactDir, {
        steps: mostSteps,
        ...(threads === null ? {} : { threads }),
      });
    }
    runner.attendStepwise(second ?? session);
    const speculation = await createSpeculation({
      runner,
      format: manifest.format,
      isStepwise: true,
      predictors,
    });
    onChecked();
    return speculation;
  };
  const close = async (): Promise<void> => {
    for (const predictor of predictors) await predictor.close();
    model?.session.close();
    second?.close();
  };
  let checked: Promise<Speculation> | undefined;
  if (own !== "off") {
    try {
      checked = check();
      (await checked).begin(own); // a mode that there is nothing for is refused here, not at the first request
    } catch (error) {
      await close();
      throw error;
    }
  }
  return {
    begin: async (asked) => {
      const mode = asked ?? own;
      if (mode === "off")
        return asked === undefined ? null : withoutDrafts(mode, "the request asks for none");
      checked ??= check();
      return (await checked).begin(mode);
    },
    close,
  };
}

interface OpenDraft {
  readonly predictor: TokenPredictor;
  readonly session: Session;
}

async function openDraft({
  draft,
  manifest: target,
  threads,
  blocking,
  runner,
}: EngineSpeculationOptions & { readonly draft: string }): Promise<OpenDraft> {
  const { manifest, config, session } = await openArtefactSession(draft, threads === null ? {} : { threads });
  const [expected, got] = [target.fingerprints.tokenizer, manifest.fingerprints.tokenizer];
  if (expected !== got) {
    session.close();
    throw new LimbeckError(
      "invalid_artefact",
      `draft ${draft}: expected the tokenizer of the model that it drafts for, ${expected}, got ${got}`,
      { cure: "Use a draft model that was trained with the same tokenizer.", fields: { path: draft } },
    );
  }
  const predictor = createDraftModel(createStepRunner(session, config, { blocking }), runner.shape.vocabSize);
  return { predictor, session };
}
