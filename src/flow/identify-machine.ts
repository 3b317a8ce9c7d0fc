import { describeMachine, type Machine } from "../hardware/machine.ts";
import { defaultBatchCandidates, loadProfiles, matchProfile } from "../hardware/profiles.ts";
import { packagePath } from "./package-files.ts";

export interface IdentifiedMachine {
  readonly machine: Machine;
  /** What reports and baselines compare; `unknown-…` where no profile names the machine. */
  readonly profileKey: string;
  readonly isProfileKnown: boolean;
  /** Rows that offline work may try here. */
  readonly batchCandidates: readonly number[];
}

/** This machine and its hardware profile, from a profiles file or the package's own. Error: `invalid_config`. */
export function identifyMachine(
  profilesFile: string = packagePath("configs", "hardware_profiles.yaml"),
): IdentifiedMachine {
  const machine = describeMachine();
  const { key, profile } = matchProfile(machine, loadProfiles(profilesFile));
  return {
    machine,
    profileKey: key,
    isProfileKnown: profile !== null,
    batchCandidates: profile?.batchCandidates ?? defaultBatchCandidates,
  };
}
