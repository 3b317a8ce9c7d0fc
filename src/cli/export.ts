import { exportArtefact } from "../model/artefact.ts";
import type { CommandResult } from "./execute.ts";
import type { ExportFlags } from "./flags.ts";

/** `limbeck export`: writes the artefact and says how far its logits are from the training graph's. */
export async function exportCommand(checkpoint: string, flags: ExportFlags): Promise<CommandResult> {
  const { format, out, shapes } = flags;
  const manifest = await exportArtefact(checkpoint, out, {
    format,
    ...(shapes === undefined ? {} : { shapes }),
  });
  const { max_abs_logit_error: error, limit, probe_tokens: tokens } = manifest.parity;
  return {
    text: [
      `exported ${checkpoint} as ${format} to ${out}`,
      `  ${manifest.parameters.toLocaleString("en-US")} parameters, ${(manifest.bytes / 1e6).toFixed(2)} MB`,
      `  parity: logits within ${error.toExponential(1)} of the training graph over ${tokens} tokens (limit ${limit})`,
    ].join("\n"),
    document: { ...manifest, out },
    exitStatus: 0,
  };
}
