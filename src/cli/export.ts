import { exportArtefact, type Manifest } from "../model/artefact.ts";
import type { CliContext, CommandResult } from "./execute.ts";
import type { ExportFlags } from "./flags.ts";

/** `limbeck export`: writes the artefact and says how far it is from the training graph and from the checkpoint. */
export async function exportCommand(
  checkpoint: string,
  flags: ExportFlags,
  { signal }: Pick<CliContext, "signal">,
): Promise<CommandResult> {
  const { format, block, out, shapes, licence } = flags;
  const manifest = await exportArtefact(checkpoint, out, {
    format,
    signal,
    ...(block === undefined ? {} : { block }),
    ...(shapes === undefined ? {} : { shapes }),
    ...(licence === undefined ? {} : { licence }),
  });
  const held = manifest.block === null ? format : `${format}, blocks of ${manifest.block}`;
  return {
    text: [
      `exported ${checkpoint} as ${held} to ${out}`,
      `  ${manifest.parameters.toLocaleString("en-US")} parameters, ${(manifest.bytes / 1e6).toFixed(2)} MB, licence: ${manifest.licence}`,
      ...parityLines(manifest),
    ].join("\n"),
    document: { ...manifest, out },
    exitStatus: 0,
  };
}

function parityLines({ parity, weight_errors }: Manifest): string[] {
  const { max_abs_logit_error, limit, probe_tokens, float_activations, pieces, quantisation } = parity;
  const within = (error: number, most: number): string =>
    `within ${error.toExponential(1)} of the training graph over ${probe_tokens} tokens (limit ${most.toPrecision(2)})`;
  const lines = [`  parity: logits ${within(max_abs_logit_error, limit)}`];
  if (float_activations) {
    const { max_abs_logit_error: error, limit: most } = float_activations;
    lines.push(`    without rounding activations: ${within(error, most)}`);
  }
  if (pieces) {
    const nearest = pieces.reduce((a, b) => (a.max_abs_error * b.limit >= b.max_abs_error * a.limit ? a : b));
    const share = ((100 * nearest.max_abs_error) / nearest.limit).toFixed(0);
    lines.push(
      `    in ${pieces.length} pieces of the file: ${nearest.name} nearest to its limit (${share} % of it)`,
    );
  }
  if (!quantisation) return lines;
  const { mean_kl_divergence, top1_agreement } = quantisation;
  lines.push(
    `  against the checkpoint: KL ${mean_kl_divergence.toPrecision(2)} nats, the same next token at ${(100 * top1_agreement).toFixed(0)} % of positions`,
  );
  const [worst] = [...weight_errors].sort((a, b) => b.relative_error - a.relative_error);
  if (worst) {
    const mean =
      weight_errors.reduce((sum, { relative_error }) => sum + relative_error, 0) / weight_errors.length;
    lines.push(
      `  weights: relative error ${mean.toPrecision(2)} on average, most in ${worst.name} (${worst.relative_error.toPrecision(2)})`,
    );
  }
  return lines;
}
