import * as fs from "node:fs";
import * as path from "node:path";
import { z } from "zod";
import { LimbeckError } from "../base/errors.ts";
import { readText, withFileErrors, writeFileAtomic } from "../base/files.ts";
import { parseJson, stringifyJson } from "../base/json.ts";
import type { ScoreFingerprints } from "./score-report.ts";
import type { ExampleTranscript } from "./transcript.ts";

/**
 * A file of transcripts, JSONL: a header that says of what, then one line an example as soon as it is done. A run
 * that was interrupted resumes after the last whole line.
 */
export interface TranscriptHeader {
  readonly schema_version: 1;
  readonly kind: "transcript_header";
  readonly runner: string;
  readonly fingerprints: ScoreFingerprints;
}

const callSchema = z.object({ name: z.string(), arguments: z.record(z.string(), z.json()) });

const transcriptSchema = z.object({
  kind: z.literal("transcript"),
  id: z.string(),
  turns: z.array(
    z.object({
      text: z.string(),
      content: z.string(),
      calls: z.array(callSchema),
      malformed: z.array(z.string()),
      results: z.array(z.object({ result: z.json(), hit: z.boolean().nullable() })),
      tokens: z.number(),
      prompt_tokens: z.number(),
      finish_reason: z.enum(["stop", "length", "cancelled"]),
      ttft_ms: z.number(),
      total_ms: z.number(),
    }),
  ),
  ttfa_tokens: z.number().nullable(),
  ttfa_ms: z.number().nullable(),
});

function refuse(file: string, what: string): LimbeckError {
  return new LimbeckError("invalid_report", `${file}: ${what}`, {
    cure: "Give another file for the transcripts, or leave out --resume to begin anew.",
    fields: { path: file },
  });
}

function checkHeader(file: string, line: string, header: TranscriptHeader): void {
  const found = parseJson(line, `${file}:1`);
  // Both are written by stringifyJson from the same keys in the same order.
  if (stringifyJson(found) !== stringifyJson(header)) {
    throw refuse(file, "expected transcripts of this model, dataset and runner, got those of another");
  }
}

function parseLine(file: string, line: string, number: number): ExampleTranscript {
  const result = transcriptSchema.safeParse(parseJson(line, `${file}:${number}`));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw refuse(
    file,
    `line ${number}: expected a transcript, got ${issue?.path.join(".")}: ${issue?.message}`,
  );
}

/**
 * Reads the transcripts of `file`, which must carry `header`. A last line without its newline was being written when
 * the run ended and is left out. Errors: `invalid_report` (another header, a line that is no transcript, an id
 * twice), `invalid_json`, `file_not_found`.
 */
export function readTranscripts(file: string, header: TranscriptHeader): ExampleTranscript[] {
  const lines = readText(file).split("\n");
  // After the last newline there is either nothing or the unfinished line.
  lines.pop();
  const [first, ...rest] = lines;
  if (first === undefined) return [];
  checkHeader(file, first, header);
  const transcripts = rest.map((line, i) => parseLine(file, line, i + 2));
  const seen = new Set<string>();
  for (const { id } of transcripts) {
    if (seen.has(id)) throw refuse(file, `expected each example once, got ${id} twice`);
    seen.add(id);
  }
  return transcripts;
}

export interface TranscriptWriter {
  append(transcript: ExampleTranscript): void;
  close(): void;
}

/** Starts `file` with the header and what is `kept`, atomically, and appends to it from then on. */
export function openTranscripts(
  file: string,
  header: TranscriptHeader,
  kept: readonly ExampleTranscript[],
): TranscriptWriter {
  const text = [header, ...kept].map((line) => `${stringifyJson(line)}\n`).join("");
  writeFileAtomic(path.resolve(file), text);
  const handle = withFileErrors("open", file, () => fs.openSync(file, "a"));
  return {
    append: (transcript) =>
      withFileErrors("write", file, () => {
        fs.appendFileSync(handle, `${stringifyJson(transcript)}\n`);
      }),
    close: () => withFileErrors("close", file, () => fs.closeSync(handle)),
  };
}
