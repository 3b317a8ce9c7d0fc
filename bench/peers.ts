import * as fs from "node:fs";
import * as path from "node:path";
import { LimbeckError } from "#limbeck/base/errors.js";
import { median } from "#limbeck/measure/statistics.js";
import { exportArtefact } from "#limbeck/model/artefact.js";
import {
  type BlockSize,
  blockSizes,
  defaultBlock,
  isInBlocks,
  type WeightFormat,
} from "#limbeck/model/weight-formats.js";
import { type Benchmark, lookAround, lookBack, note, pause, table } from "./benchmark.ts";
import {
  type Contestant,
  generateQuietly,
  mostOthers,
  type Sample,
  startContestant,
} from "./peer-contestant.ts";
import { writeGguf } from "./peer-gguf.ts";
import { writeTransformersFolder } from "./peer-onnx.ts";
import { repositoryPath, withTemporaryFolder } from "./repository.ts";
import { ratioOf } from "./rounds.ts";
import { halfBillion, writeSyntheticCheckpoint } from "./synthetic-checkpoint.ts";

const bitsNames = ["q4", "q8"] as const;
type Bits = (typeof bitsNames)[number];
/** What `--bits` is where both are compared. */
const bothBits = 48;
/**
 * transformers.js reads three kinds of models here: `transformers_js` products in blocks of 32, which its own conversion
 * writes at 4 bits unless told otherwise; `transformers_js_same` the very graph and weights that we run; and
 * `transformers_js_dynamic` the 8 bits of its conversion, which round all rows of a run by one scale: faster to read a
 * prompt, but a token's bits then depend on its company.
 */
const peerNames = [
  "node_llama_cpp",
  "transformers_js",
  "transformers_js_same",
  "transformers_js_dynamic",
] as const;
type Peer = (typeof peerNames)[number];
type System = "limbeck" | Peer;

/** Our format of as many bits, and that of blocks. */
const formats: { readonly [B in Bits]: WeightFormat } = { q4: "int4", q8: "int8-row" };
const blockFormats: { readonly [B in Bits]: WeightFormat } = { q4: "int4", q8: "int8-block" };
/** Llama.cpp's Q4_0 and Q8_0 have it too. */
const peerBlock: BlockSize = 32;
const gguf = { q4: "Q4_0", q8: "Q8_0" } as const;

const scripts: { readonly [S in System]: string } = {
  limbeck: "limbeck.mjs",
  node_llama_cpp: "node-llama-cpp.mjs",
  transformers_js: "transformers-js.mjs",
  transformers_js_same: "transformers-js.mjs",
  transformers_js_dynamic: "transformers-js.mjs",
};
const packages: { readonly [P in Peer]: string } = {
  node_llama_cpp: "node-llama-cpp",
  transformers_js: "@huggingface/transformers",
  transformers_js_same: "@huggingface/transformers",
  transformers_js_dynamic: "@huggingface/transformers",
};

/** Peers that are compared at only one number of bits. */
const onlyAt: { readonly [P in Peer]?: Bits } = { transformers_js_dynamic: "q8" };

const threads = 2;
const peersFolder = repositoryPath("bench", "peers");

/** Why a peer cannot be measured; null where it can. */
function whyAbsent(peer: Peer): string | null {
  const folder = path.join(peersFolder, "node_modules", packages[peer]);
  return fs.existsSync(folder)
    ? null
    : `${packages[peer]} is not installed: npm install --ignore-scripts in bench/peers`;
}

/** Writes what the systems read, where it is not there yet; returns how each is started. */
async function prepare(
  folder: string,
  { block, chosen, counts }: { block: BlockSize; chosen: readonly Bits[]; counts: readonly string[] },
): Promise<{ readonly name: string; readonly script: string; readonly args: readonly string[] }[]> {
  const checkpoint = path.join(folder, "checkpoint");
  const once = async (file: string, write: () => unknown): Promise<void> => {
    if (fs.existsSync(path.join(folder, file))) return;
    await write();
    note(`${path.dirname(file)}: written`);
  };
  await once("checkpoint/config.json", () => writeSyntheticCheckpoint(checkpoint, halfBillion));
  const starts: { name: string; script: string; args: readonly string[] }[] = [];
  for (const bits of chosen) {
    const add = (system: System, ...args: string[]): void => {
      starts.push({
        name: `${system}_${bits}`,
        script: scripts[system],
        args: [...args, ...counts, `${threads}`],
      });
    };
    const artefactOf = async (format: WeightFormat, size: BlockSize): Promise<string> => {
      const name = isInBlocks[format] ? `${format}-${size}` : format;
      const artefact = path.join(folder, name);
      const options = { format, ...(isInBlocks[format] ? { block: size } : {}) };
      await once(`${name}/manifest.json`, () => exportArtefact(checkpoint, artefact, options));
      return artefact;
    };
    const addTransformers = async (peer: Peer, artefact: string): Promise<void> => {
      if (whyAbsent(peer)) return;
      const isDynamic = peer === "transformers_js_dynamic";
      const name = `transformers-${path.basename(artefact)}${isDynamic ? "-dynamic" : ""}`;
      const model = path.join(folder, name);
      await once(`${name}/generation_config.json`, () =>
        writeTransformersFolder(artefact, model, { config: halfBillion, dtype: bits, isDynamic }),
      );
      add(peer, model, bits);
    };
    const artefact = await artefactOf(formats[bits], block);
    add("limbeck", repositoryPath(), artefact);
    if (!whyAbsent("node_llama_cpp")) {
      await once(`gguf/${bits}.gguf`, () => {
        fs.mkdirSync(path.join(folder, "gguf"), { recursive: true });
        writeGguf(path.join(folder, "gguf", `${bits}.gguf`), halfBillion, gguf[bits]);
      });
      add("node_llama_cpp", path.join(folder, "gguf", `${bits}.gguf`));
    }
    await addTransformers("transformers_js", await artefactOf(blockFormats[bits], peerBlock));
    await addTransformers("transformers_js_same", artefact);
    if (bits === "q8") await addTransformers("transformers_js_dynamic", artefact);
  }
  return starts;
}

/** For each peer and number of bits that are compared a figure, or null where the peer is absent. */
function overPeers(
  chosen: readonly Bits[],
  figure: (own: string, peer: string) => unknown,
): Readonly<Record<string, unknown>> {
  const pairs = chosen
    .flatMap((bits) => peerNames.map((peer) => ({ bits, peer })))
    .filter(({ bits, peer }) => (onlyAt[peer] ?? bits) === bits);
  return Object.fromEntries(
    pairs.map(({ bits, peer }) => [
      `${peer}_${bits}`,
      whyAbsent(peer) ? null : figure(`limbeck_${bits}`, `${peer}_${bits}`),
    ]),
  );
}

async function run(options: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> {
  const {
    rounds = 1,
    prompt = 1,
    tokens = 1,
    block = defaultBlock,
    kept = 1,
    tries = 1,
    bits: asked = bothBits,
  } = options;
  const chosen = bitsNames.filter((name) => asked === bothBits || name === `q${asked}`);
  if (chosen.length === 0)
    throw new LimbeckError("usage", `bench peers: --bits: expected 4, 8 or ${bothBits}, got ${asked}`);
  const size = blockSizes.find((known) => known === block);
  if (size === undefined)
    throw new LimbeckError("usage", `bench peers: --block: expected ${blockSizes.join(", ")}, got ${block}`);
  const absent = Object.fromEntries(
    peerNames.flatMap((peer) => {
      const why = whyAbsent(peer);
      if (why) note(why);
      return why ? [[peer, why]] : [];
    }),
  );
  const surroundings = await lookAround();
  const inFolder: typeof withTemporaryFolder = (action) => {
    if (kept === 1) return withTemporaryFolder(action);
    const folder = repositoryPath(".build", "peers");
    fs.mkdirSync(folder, { recursive: true });
    return action(folder);
  };
  return inFolder(async (folder) => {
    const starts = await prepare(folder, {
      block: size,
      chosen,
      counts: [`${prompt}`, `${tokens + 1}`],
    });
    const contestants: Contestant[] = [];
    const peaks: Record<string, number> = {};
    try {
      for (const { name, script, args } of starts)
        contestants.push(await startContestant(name, path.join(peersFolder, script), args));
      for (const contestant of contestants) await contestant.generate();
      for (let round = 0; round < rounds; round++) {
        for (let turn = 0; turn < contestants.length; turn++) {
          const contestant = contestants[(round + turn) % contestants.length] as Contestant;
          await pause(300);
          contestant.samples.push(await generateQuietly(contestant, tries));
        }
        note(`round ${round + 1} of ${rounds}`);
      }
    } finally {
      for (const contestant of contestants) peaks[contestant.name] = await contestant.finish();
    }
    return {
      ...report(contestants, { chosen, peaks, prompt }),
      absent,
      block,
      models: kept === 1 ? "written for this run" : "kept in .build/peers",
      rounds,
      ...(await lookBack(surroundings)),
    };
  });
}

type Timed = Exclude<keyof Sample, "others">;

/** Ratios of medians with their intervals over rounds; above 1 is to our favour in all but memory. */
function report(
  contestants: readonly Contestant[],
  {
    chosen,
    peaks,
    prompt,
  }: {
    readonly chosen: readonly Bits[];
    readonly peaks: Readonly<Record<string, number>>;
    readonly prompt: number;
  },
): Readonly<Record<string, unknown>> {
  const of = (name: string, field: Timed): readonly number[] =>
    (contestants.find((contestant) => contestant.name === name)?.samples ?? []).map(
      (sample) => sample[field],
    );
  const faster = (field: Timed) => (own: string, peer: string) =>
    ratioOf(of(own, field), of(peer, field)).ratio;
  const interval = (field: Timed) => (own: string, peer: string) =>
    ratioOf(of(own, field), of(peer, field)).interval;
  const rows = contestants.map(({ name, facts, samples }) => ({
    name,
    facts,
    prefill_tokens_per_second: (1000 * prompt) / median(of(name, "ttft_ms")),
    decode_tokens_per_second: 1000 / median(of(name, "decode_ms_per_token")),
    ttft_ms: median(of(name, "ttft_ms")),
    peak_rss_mb: peaks[name] ?? null,
    disturbed_samples: samples.filter(({ others }) => others === null || others > mostOthers).length,
  }));
  note(
    table([
      ["", "prefill tok/s", "decode tok/s", "TTFT ms", "peak RSS MB"],
      ...rows.map((row) => [
        row.name,
        row.prefill_tokens_per_second.toFixed(0),
        row.decode_tokens_per_second.toFixed(1),
        row.ttft_ms.toFixed(0),
        row.peak_rss_mb?.toFixed(0) ?? "unknown",
      ]),
    ]),
  );
  return {
    decode_ratio: overPeers(chosen, faster("decode_ms_per_token")),
    prefill_ratio: overPeers(chosen, faster("ttft_ms")),
    peak_rss_ratio: overPeers(
      chosen,
      (own, peer) => (peaks[own] ?? Number.NaN) / (peaks[peer] ?? Number.NaN),
    ),
    decode_interval: overPeers(chosen, interval("decode_ms_per_token")),
    prefill_interval: overPeers(chosen, interval("ttft_ms")),
    systems: rows,
    samples: Object.fromEntries(contestants.map(({ name, samples }) => [name, samples])),
  };
}

/** The runtime that ships against two others on one machine, at one shape, with as many bits and threads. */
export const peersBenchmark: Benchmark = {
  summary:
    "prefill, decode and memory against node-llama-cpp and transformers.js (npm install --ignore-scripts in bench/peers first)",
  options: {
    rounds: { value: 7, help: "generations of each system" },
    prompt: { value: 512, help: "prompt tokens" },
    tokens: { value: 64, help: "tokens decoded after the first" },
    bits: { value: bothBits, help: `4 or 8, to compare these alone; ${bothBits} for both` },
    block: { value: defaultBlock, help: "weights that share a scale in our int4" },
    tries: { value: 3, help: "a generation beside which others were busy is made again, so often in all" },
    kept: { value: 1, help: "2: keep what is written in .build/peers, and read what is there" },
  },
  run,
};
