import type { Session } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { isStepwise } from "../lower/onnx/stepwise.ts";
import { type Manifest, openArtefactSession, openModel } from "../model/artefact.ts";
import { createDraftModel } from "./speculation/draft-model.ts";
import { createPromptLookup } from "./speculation/prompt-lookup.ts";
import { createSpeculation, type Speculation, type SpeculationRun } from "./speculation/speculation.ts";
import { createStepRunner, maxVerify, type SessionRunner } from "./step-runner.ts";
import type { TokenPredictor } from "./token-predictor.ts";
import type { SpeculationMode } from "./types.ts";

/** Most tokens of a draft, each of which may attend by itself. */
export const mostSteps = maxVerify - 1;

/** Drafting for one engine. */
export interface EngineSpeculation {
  /**
   * Begins a generation. The first one that may draft has the target model checked and timed, which takes some twenty
   * runs, and opened once more where its session does not let drafts attend token by token.
   */
  begin(mode: SpeculationMode): Promise<SpeculationRun>;
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
  /** Folder of the draft model's artefact. */
  readonly draft: string | undefined;
  readonly threads: number | null;
  readonly blocking: boolean;
}

/**
 * Prompt lookup, and the draft model where there is one; its artefact is opened at once.
 * Errors: those of `openArtefactSession`; `invalid_artefact` where its tokenizer is another one.
 */
export async function openEngineSpeculation(options: EngineSpeculationOptions): Promise<EngineSpeculation> {
  const { runner, session, artefactDir, manifest, draft, threads, onChecked } = options;
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
  let checked: Promise<Speculation> | undefined;
  return {
    begin: async (mode) => {
      checked ??= check();
      return (await checked).begin(mode);
    },
    close: async () => {
      for (const predictor of predictors) await predictor.close();
      model?.session.close();
      second?.close();
    },
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
