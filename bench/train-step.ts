import * as os from "node:os";
import { LimbeckError } from "#limbeck/base/errors.js";
import { median } from "#limbeck/measure/statistics.js";
import { countFlops } from "#limbeck/passes/flops.js";
import { type Benchmark, lookAround, lookBack, note, peakRssMb, table } from "./benchmark.ts";
import { openCeiling, productsOf } from "./products.ts";
import { openTrainingStep, referenceSetting, stepGraph, type TrainingStep } from "./reference-step.ts";
import { oracleCure, withTemporaryFolder } from "./repository.ts";
import { type Contestant, ratioOf, runRounds } from "./rounds.ts";
import { openTorchPeer, type TorchPeer, whyNoTorch } from "./torch-peer.ts";

/** Losses of both systems may differ by this much in each of the steps before the rounds. */
const lossTolerance = 1e-3;

async function warmUp(ours: TrainingStep, peer: TorchPeer | null, steps: number): Promise<void> {
  for (let step = 1; step <= steps; step++) {
    const { loss } = await ours.step();
    const theirs = peer && (await peer.step()).loss;
    note(
      `warm-up step ${step}: loss ${loss.toFixed(6)}${theirs === null ? "" : `, PyTorch ${theirs.toFixed(6)}`}`,
    );
    if (theirs !== null && !(Math.abs(loss - theirs) <= lossTolerance)) {
      throw new LimbeckError(
        "internal",
        `train-step: expected PyTorch's loss within ${lossTolerance} at step ${step}, got ${loss} against ${theirs}`,
        { cure: "The two systems do not do the same work, so their times say nothing." },
      );
    }
  }
}

async function openPeer(folder: string, threads: number): Promise<TorchPeer | null> {
  const reason = whyNoTorch();
  if (reason !== null) {
    note(`pytorch_ratio will be null: ${reason}. ${oracleCure}`);
    return null;
  }
  const peer = await openTorchPeer(folder, referenceSetting, threads);
  note(`PyTorch ${peer.version} eager, ${peer.threads} threads, fused AdamW`);
  return peer;
}

async function run(options: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> {
  const { rounds = 1, threads = 1, "pause-ms": pauseMs = 1 } = options;
  const surroundings = await lookAround();
  const graph = stepGraph(referenceSetting);
  const products = productsOf(graph);
  const flops = countFlops(graph);
  note(
    `reference step: N 4, C 256, H 4, F 704, V 4096, B 8, T 256, fp32, AdamW; ${threads} threads; ` +
      `${(flops.matmul / 1e9).toFixed(1)} GFLOP in ${products.length} matrix products, ${((flops.total - flops.matmul) / 1e9).toFixed(2)} outside`,
  );
  return withTemporaryFolder(async (folder) => {
    const open: { close(): void | Promise<void> }[] = [];
    try {
      const ours = await openTrainingStep(referenceSetting, threads);
      open.push(ours);
      const peer = await openPeer(folder, threads);
      if (peer) open.push(peer);
      await warmUp(ours, peer, 3);
      // Before the ceilings' own memory is there.
      const peakMb = peakRssMb();
      const ceiling = await openCeiling(products, "as-written", threads);
      open.push(ceiling);
      const plain = await openCeiling(products, "plain", threads);
      open.push(plain);
      for (const { run: warm } of [ceiling, plain, ceiling, plain]) await warm();

      const overheads: number[] = [];
      const updates: number[] = [];
      const contestants: Record<"ceiling" | "plain" | "step", Contestant> & { pytorch?: Contestant } = {
        ceiling: ceiling.run,
        plain: plain.run,
        step: async () => {
          const { stepMs, overheadMs, updateMs } = await ours.step();
          overheads.push(overheadMs);
          updates.push(updateMs);
          return stepMs;
        },
      };
      if (peer) contestants.pytorch = async () => (await peer.step()).ms;
      const times = await runRounds(contestants as Record<string, Contestant>, { rounds, pauseMs });
      const [ceilingMs, plainMs, stepMs] = [times["ceiling"]!, times["plain"]!, times["step"]!];
      const torchMs = times["pytorch"] ?? null;

      const gflops = (samples: readonly number[]): number => ceiling.flops / median(samples) / 1e6;
      const fraction = ratioOf(stepMs, ceilingMs);
      const plainFraction = ratioOf(stepMs, plainMs);
      const torch = torchMs && ratioOf(stepMs, torchMs);
      const line = (label: string, samples: readonly number[]): string[] => [
        label,
        median(samples).toFixed(1),
        Math.min(...samples).toFixed(1),
        gflops(samples).toFixed(0),
        (median(samples) / median(stepMs)).toFixed(3),
      ];
      note(
        table([
          ["", "ms p50", "min", "GFLOPS", "of step"],
          line("matrix products alone", ceilingMs),
          line("the same, untransposed", plainMs),
          line("Limbeck's step", stepMs),
          ...(torchMs ? [line("PyTorch eager", torchMs)] : []),
        ]),
      );
      note(
        `of a step: gradient norm and AdamW ${median(updates).toFixed(1)} ms, own overhead ${median(overheads).toFixed(2)} ms; ` +
          `peak RSS ${peakMb.toFixed(0)} MB`,
      );
      return {
        ms_per_step: median(stepMs),
        ceiling_fraction: fraction.ratio,
        ceiling_fraction_interval: fraction.interval,
        plain_ceiling_fraction: plainFraction.ratio,
        pytorch_ratio: torch?.ratio ?? null,
        pytorch_ratio_interval: torch?.interval ?? null,
        pytorch_version: peer?.version ?? null,
        ceiling_gflops: gflops(ceilingMs),
        plain_ceiling_gflops: gflops(plainMs),
        step_gflops: gflops(stepMs),
        pytorch_gflops: torchMs && gflops(torchMs),
        overhead_ms: median(overheads),
        update_ms: median(updates),
        best_ms: Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, Math.min(...ms)])),
        peak_rss_mb: peakMb,
        matmul_gflop: ceiling.flops / 1e9,
        threads,
        rounds,
        samples: { ...times, overhead: overheads, update: updates },
        ...(await lookBack(surroundings)),
      };
    } finally {
      for (const resource of open.reverse()) await resource.close();
    }
  });
}

/** The reference training step against its own matrix products alone and against PyTorch, in interleaved rounds. */
export const trainStepBenchmark: Benchmark = {
  summary: "one training step against its matrix products alone and against PyTorch eager",
  options: {
    rounds: { value: 21, help: "timed rounds" },
    threads: { value: os.availableParallelism(), help: "threads of each system" },
    "pause-ms": { value: 100, help: "pause before each turn" },
  },
  run,
};
