import { type ErrorCode, errorCodes } from "../base/errors.ts";

/** When each code is raised, for docs/errors.md. */
const meanings: { readonly [C in ErrorCode]: string } = {
  usage: "The command line or a function's options cannot be used as they are.",
  invalid_config: "A recipe, profile or schema has a wrong type, an unknown key or a value out of range.",
  invalid_dataset: "A dataset is empty, cut off, or has a line that breaks the format; names file and line.",
  invalid_checkpoint: "A checkpoint lacks a tensor or has one of another shape.",
  invalid_safetensors: "A safetensors file is damaged.",
  invalid_artefact: "An exported folder lacks a file, or its contents differ from its manifest.",
  invalid_report: "A report is no run report of a known schema version, or lacks a field.",
  invalid_json: "A file that should be JSON is not.",
  invalid_graph: "A graph is wrongly built: shapes, dtypes or names do not fit.",
  invalid_tensor: "A tensor that was given to a session is missing, unknown or of another shape or dtype.",
  invalid_request: "A request to generate cannot be served as it is.",
  context_length_exceeded: "Prompt and output do not fit into the model's context.",
  invalid_api_key: "A request to the server carries no API key, or another one.",
  not_found: "The server has no such path, or a hub no such model, revision or file.",
  model_not_found: "A request names a model that the server does not serve.",
  method_not_allowed: "The path exists, but not for this HTTP method.",
  body_too_large: "The body of a request is larger than the server takes.",
  unsupported_media_type: "The body of a request is not declared as JSON.",
  queue_full: "As many requests are open as the server holds; try again after `Retry-After` seconds.",
  shutting_down: "The server is stopping and takes no new request.",
  engine_unavailable:
    "The server's engine is still at a request that was cancelled long ago, or its worker has died.",
  deadline_exceeded: "A request was not answered in the time that the server gives it.",
  address_unavailable:
    "The server cannot listen there: the port is in use, or the address is not this machine's.",
  access_denied:
    "A hub gives a model only to those who may have it: its licence is not accepted, or the token is not good. A server on loopback without an API key is asked under another name than localhost.",
  unreachable: "Another server cannot be reached, or failed however often it was asked.",
  bad_download: "What another server sent is not what it had announced; the file is removed.",
  file_not_found: "A file or folder is not there.",
  not_writable: "A path cannot be written.",
  disk_full: "No space is left; what was complete is kept.",
  missing_dependency: "A package that this needs is not installed.",
  backend_unavailable: "A backend cannot be used on this machine.",
  backend_failed: "The native runtime refused or failed.",
  unsupported_op: "A backend or a lowering has no form of an operation.",
  vjp_missing: "An operation on the way of a gradient has no gradient rule.",
  translation_failed:
    "A translation engine gave no translation, too late, or one that lost what had to stay.",
  voice_failed: "A voice gave no sound for a text.",
  audio_unavailable: "No audio device takes sound; `--out FILE` writes it instead.",
  training_diverged:
    "Training was stopped: NaN, exploding or flat gradients, or a broken layer; the last good checkpoint is kept.",
  gate_failed: "A rule of the gate failed.",
  inconclusive: "There is not enough evidence for a verdict.",
  cancelled: "The caller stopped the work. The command line exits with 130.",
  internal: "A bug of Limbeck.",
};

/** docs/errors.md: every error code with its meaning, its exit status and its HTTP status. */
export function renderErrorReference(): string {
  const codes = Object.keys(errorCodes) as ErrorCode[];
  return [
    "# Error codes",
    "",
    "Written by `npm run docs` from `src/base/errors.ts`. Every error is a `LimbeckError`: `code`, `message` (what",
    "failed: expected X, got Y), `cure` (what to do) and `fields` (the data behind the message).",
    "",
    "| code | when | exit status | HTTP status |",
    "| --- | --- | --- | --- |",
    ...codes.map((code) => {
      const { exitStatus, httpStatus } = errorCodes[code];
      return `| \`${code}\` | ${meanings[code]} | ${exitStatus} | ${httpStatus} |`;
    }),
    "",
  ].join("\n");
}
