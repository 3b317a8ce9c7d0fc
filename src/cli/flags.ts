import { InvalidArgumentError } from "commander";
import { type BlockSize, blockSizes, type WeightFormat } from "../model/weight-formats.ts";
import type { SpeculationMode } from "../runtime/types.ts";
import type { BatchRequest } from "../score/batch-report.ts";
import type { ControlCommand } from "../speech/control.ts";
import type { StreamFormat } from "../speech/parse/parser.ts";
import type { SpeechMode } from "../speech/settings.ts";
import type { TranslatorEngine } from "../speech/translate/translators.ts";

/** Flags that every command has. */
export interface CommonFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export interface QuickstartFlags extends CommonFlags {
  readonly seed: number;
  readonly out?: string;
  readonly baselineDir?: string;
  readonly recipe?: string;
  readonly examples?: number;
  readonly trainExamples?: number;
  readonly steps?: number;
  readonly rounds?: number;
}

export interface DistilFlags extends CommonFlags {
  readonly recipe: string;
  readonly student?: string;
  readonly teacher?: string;
  readonly tokenizer?: string;
  readonly data: string;
  readonly maxBad: number;
  readonly validation?: string;
  readonly out: string;
  readonly seed?: number;
  readonly steps?: number;
  readonly resume?: boolean;
  readonly dryRun?: boolean;
}

export interface ExportFlags extends CommonFlags {
  readonly format: WeightFormat;
  readonly block?: BlockSize;
  readonly out: string;
  readonly shapes?: readonly number[];
  readonly licence?: string;
}

export interface RunFlags extends CommonFlags {
  readonly artefact?: string;
  readonly tools?: string;
  readonly system?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP?: number;
  readonly seed: number;
}

export interface ChatFlags extends CommonFlags {
  readonly artefact?: string;
  readonly tools?: string;
  readonly system?: string;
  readonly maxTokens?: number;
  readonly temperature: number;
  readonly topP?: number;
  readonly seed: number;
  readonly speculate: SpeculationMode;
}

export interface PullFlags extends CommonFlags {
  readonly revision: string;
  readonly out?: string;
  readonly include?: readonly string[];
  readonly tokenFile?: string;
  readonly endpoint: string;
}

export interface ServeFlags extends CommonFlags {
  readonly artefact: string;
  readonly name?: string;
  readonly host: string;
  readonly port: number;
  readonly apiKeyFile?: string;
  readonly maxQueue: number;
  readonly deadlineS: number;
  readonly graceS: number;
  readonly maxTokens?: number;
  readonly maxBodyKb: number;
  readonly threads?: number;
  readonly draft?: string;
  readonly speculate: SpeculationMode;
  readonly cacheRamMb: number;
  readonly cacheDir?: string;
  readonly cacheDiskMb?: number;
  readonly accessLog?: boolean;
}

export interface MeasureFlags extends CommonFlags {
  readonly dataset: string;
  readonly maxBad: number;
  readonly shapes?: readonly number[];
  readonly prompts?: number;
  readonly rounds?: number;
  readonly warmups?: number;
  readonly limit?: number;
  readonly out?: string;
}

export interface ScoreFlags extends CommonFlags {
  readonly dataset: string;
  readonly maxBad: number;
  readonly limit?: number;
  readonly out?: string;
  readonly transcripts?: string;
  readonly resume?: boolean;
  readonly batch: BatchRequest;
}

export interface GateFlags extends CommonFlags {
  readonly baselineDir?: string;
  readonly allowCrossHw?: boolean;
  readonly markdown?: boolean;
}

export interface BlessFlags extends CommonFlags {
  readonly baselineDir?: string;
  readonly why?: string;
  readonly who?: string;
  readonly force?: boolean;
}

export interface SpeakFlags extends CommonFlags {
  readonly follow?: string;
  readonly fromStart?: boolean;
  readonly say?: string;
  readonly format: StreamFormat;
  readonly voice?: string;
  readonly language?: string;
  readonly translate?: TranslatorEngine;
  readonly translateModel?: string;
  readonly translateUrl?: string;
  readonly translateKeyFile?: string;
  readonly acceptNoncommercial?: boolean;
  readonly to?: string;
  readonly out?: string;
  readonly pace?: "real" | "fast";
  readonly srt?: string;
  readonly device?: string;
  readonly rate?: number;
  readonly volume?: number;
  readonly mode?: SpeechMode;
  readonly config?: string;
  readonly stats?: boolean;
  readonly control?: string;
  readonly send?: ControlCommand;
  readonly listVoices?: boolean;
  /** False with `--no-keys`. */
  readonly keys: boolean;
}

export interface DoctorFlags extends CommonFlags {
  readonly speech?: boolean;
  readonly voice?: string;
  readonly language?: string;
  readonly translate?: TranslatorEngine;
  readonly to?: string;
  readonly out?: string;
}

/** Reads an integer from `least` up; anything else is refused before the command starts. */
export function integerFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`Expected an integer of at least ${least}.`);
    }
    return value;
  };
}

/** Reads how many requests may run side by side. */
export function batchRequest(text: string): BatchRequest {
  if (text === "auto") return "auto";
  if (/^[1-4]$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected auto, 1, 2, 3 or 4.");
}

/** Reads how many weights share a scale. */
export function blockSize(text: string): BlockSize {
  const found = blockSizes.find((size) => `${size}` === text);
  if (found === undefined) throw new InvalidArgumentError(`Expected ${blockSizes.join(" or ")}.`);
  return found;
}

/** Reads the name of a licence. */
export function licenceName(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("Expected a licence, as apache-2.0.");
  return text.trim();
}

/** Reads "64,128" as prompt lengths. */
export function shapeList(text: string): readonly number[] {
  return text.split(",").map((part) => integerFrom(1)(part.trim()));
}

/** Reads a number within [least, most]. */
export function numberWithin(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value < least || value > most) {
      throw new InvalidArgumentError(`Expected a number from ${least} to ${most}.`);
    }
    return value;
  };
}
