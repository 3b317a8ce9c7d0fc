import type { Session } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { type Manifest, openArtefactSession } from "../model/artefact.ts";
import { createDraftModel } from "./speculation/draft-model.ts";
import { createPromptLookup } from "./speculation/prompt-lookup.ts";
import { createSpeculation, type Speculation, type SpeculationRun } from "./speculation/speculation.ts";
import { createStepRunner, type StepRunner } from "./step-runner.ts";
import type { TokenPredictor } from "./token-predictor.ts";
import type { SpeculationMode } from "./types.ts";

/** Drafting for one engine. */
export interface EngineSpeculation {
  /** Begins a generation. The first one has the target model checked and timed, which takes some ten runs. */
  begin(mode: SpeculationMode): Promise<SpeculationRun>;
  close(): Promise<void>;
}

export interface EngineSpeculationOptions {
  /** The target's own runner. */
  readonly runner: StepRunner;
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
  const { runner, manifest, draft, onChecked } = options;
  const model = draft === undefined ? null : await openDraft({ ...options, draft });
  const predictors = [createPromptLookup(), ...(model ? [model.predictor] : [])];
  const check = async (): Promise<Speculation> => {
    const speculation = await createSpeculation({ runner, format: manifest.format, predictors });
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
