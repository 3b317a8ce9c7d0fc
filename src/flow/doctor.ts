import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import { loadOrt } from "../backend/onnx/ort-api.ts";
import { referenceBackend } from "../backend/reference/session.ts";
import type { Backend, BackendName } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import type { Machine } from "../hardware/machine.ts";
import { identifyMachine } from "./identify-machine.ts";
import { packageRoot, packageVersion } from "./package-files.ts";
import { compareBackends } from "./self-check.ts";

export interface BackendCheck {
  readonly name: BackendName;
  readonly isAvailable: boolean;
  readonly version: string | null;
  /** Largest difference to the float64 twin on a small graph, forward and backward; null where it did not run. */
  readonly max_abs_error: number | null;
  readonly tolerance: number;
  /** Why it cannot be used, or null. */
  readonly problem: string | null;
  readonly cure: string | null;
}

export interface DoctorProblem {
  readonly severity: "missing" | "warning";
  readonly message: string;
  readonly cure: string;
}

export interface DoctorReport {
  readonly schema_version: 1;
  readonly kind: "doctor";
  readonly limbeck: string;
  readonly machine: Machine;
  readonly hardware_profile_key: string;
  readonly is_profile_known: boolean;
  readonly memory_free_bytes: number;
  readonly disk_free_bytes: number;
  readonly backends: readonly BackendCheck[];
  readonly problems: readonly DoctorProblem[];
  /** Whether nothing that is needed is missing. */
  readonly is_ready: boolean;
}

/** Quickstart writes about 100 MB and holds a little over 1 GB. */
const neededDiskBytes = 500e6;
const neededMemoryBytes = 1.5e9;

interface Candidate {
  readonly backend: Backend;
  readonly tolerance: number;
  readonly version: () => Promise<string>;
}

/** What every backend that this version knows is held to against float64. */
const candidates: readonly Candidate[] = [
  { backend: referenceBackend, tolerance: 0, version: async () => packageVersion() },
  {
    backend: onnxCpuBackend,
    tolerance: 1e-5,
    version: async () => (await loadOrt()).api.version,
  },
];

/** Tries one backend: whether it loads, and how far it is from its twin. Its own failures become the answer. */
export async function checkBackend({ backend, tolerance, version }: Candidate): Promise<BackendCheck> {
  const base = { name: backend.name, tolerance };
  try {
    const found = await version();
    const { maxAbsError, worstOutput } = await compareBackends(backend, referenceBackend);
    const isEqual = maxAbsError <= tolerance;
    return {
      ...base,
      isAvailable: isEqual,
      version: found,
      max_abs_error: Number.isFinite(maxAbsError) ? maxAbsError : null,
      problem: isEqual
        ? null
        : `differs from float64 by ${maxAbsError.toExponential(1)} in "${worstOutput}", allowed ${tolerance}`,
      cure: isEqual ? null : "Install the version of onnxruntime-node that package.json names.",
    };
  } catch (thrown) {
    if (!(thrown instanceof LimbeckError)) throw thrown;
    return {
      ...base,
      isAvailable: false,
      version: null,
      max_abs_error: null,
      problem: thrown.message,
      cure: thrown.cure ?? null,
    };
  }
}

function checkAssets(): DoctorProblem[] {
  return ["assets/teacher", "assets/base", "configs/recipes/quickstart.yaml"]
    .filter((name) => !fs.existsSync(path.join(packageRoot, name)))
    .map((name) => ({
      severity: "missing",
      message: `the package lacks ${name}, quickstart needs it`,
      cure: "Install the package again; in a clone of the repository, check the file out.",
    }));
}

function checkRoom(diskBytes: number, memoryBytes: number): DoctorProblem[] {
  const problems: DoctorProblem[] = [];
  if (diskBytes < neededDiskBytes) {
    problems.push({
      severity: "missing",
      message: `${(diskBytes / 1e6).toFixed(0)} MB free in this folder, quickstart needs ${neededDiskBytes / 1e6}`,
      cure: "Free some space, or work in another folder.",
    });
  }
  if (memoryBytes < neededMemoryBytes) {
    problems.push({
      severity: "warning",
      message: `${(memoryBytes / 1e9).toFixed(1)} GB of memory free, quickstart wants ${neededMemoryBytes / 1e9}`,
      cure: "Close other programs.",
    });
  }
  return problems;
}

/** Looks at this machine: hardware, profile, backends with a parity check of each, room, shipped files. */
export async function runDoctor(folder: string = process.cwd()): Promise<DoctorReport> {
  const { machine, profileKey, isProfileKnown } = identifyMachine();
  const { bavail, bsize } = fs.statfsSync(folder);
  const diskFree = bavail * bsize;
  const memoryFree = os.freemem();
  const backends: BackendCheck[] = [];
  for (const candidate of candidates) backends.push(await checkBackend(candidate));
  const problems: DoctorProblem[] = [
    ...backends
      .filter(({ isAvailable }) => !isAvailable)
      .map(
        ({ name, problem, cure }): DoctorProblem => ({
          severity: "missing",
          message: `backend ${name}: ${problem}`,
          cure: cure ?? "See the message.",
        }),
      ),
    ...checkAssets(),
    ...checkRoom(diskFree, memoryFree),
  ];
  return {
    schema_version: 1,
    kind: "doctor",
    limbeck: packageVersion(),
    machine,
    hardware_profile_key: profileKey,
    is_profile_known: isProfileKnown,
    memory_free_bytes: memoryFree,
    disk_free_bytes: diskFree,
    backends,
    problems,
    is_ready: problems.every(({ severity }) => severity !== "missing"),
  };
}
