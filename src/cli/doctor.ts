import pc from "picocolors";
import { type DoctorReport, runDoctor } from "../flow/doctor.ts";
import type { CliContext, CommandResult } from "./execute.ts";

function renderDoctor(report: DoctorReport, isColourful: boolean): string {
  const { bold, dim, green, red, yellow } = pc.createColors(isColourful);
  const { machine } = report;
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  const facts: readonly (readonly [string, string])[] = [
    ["limbeck", `${report.limbeck}, node ${machine.node}`],
    ["machine", [machine.soc, machine.model].filter((part) => part !== null).join(", ")],
    ["system", `${machine.os}, ${machine.arch}`],
    ["cores", String(machine.cores)],
    ["memory", `${gigabytes(machine.memory_bytes)}, ${gigabytes(report.memory_free_bytes)} free`],
    ["disk", `${gigabytes(report.disk_free_bytes)} free in this folder`],
    ["load", machine.load_average?.map((load) => load.toFixed(2)).join(", ") ?? "not known"],
    [
      "power",
      [
        machine.power_source ?? "source not known",
        machine.low_power_mode === true ? "low-power mode" : null,
        machine.thermal?.is_throttled === true ? `throttled (${machine.thermal.detail})` : null,
      ]
        .filter((part) => part !== null)
        .join(", "),
    ],
    [
      "profile",
      `${report.hardware_profile_key}${report.is_profile_known ? "" : dim("  (no profile names this machine; only the very same key compares)")}`,
    ],
  ];
  const backends = report.backends.map(({ name, isAvailable, version, max_abs_error, problem }) => {
    const mark = isAvailable ? green("✓") : red("✗");
    const parity = max_abs_error === null ? "" : `parity ${max_abs_error.toExponential(1)}`;
    return `  ${mark} ${name.padEnd(10)} ${(version ?? "").padEnd(8)} ${problem ?? parity}`.trimEnd();
  });
  const problems = report.problems.flatMap(({ severity, message, cure }) => [
    `  ${severity === "missing" ? red("✗") : yellow("!")} ${message}`,
    `    ${dim(cure)}`,
  ]);
  return [
    ...facts.map(([label, value]) => `${bold(label.padEnd(9))}${value}`),
    "",
    bold("backends"),
    ...backends,
    "",
    ...(problems.length > 0 ? [bold("problems"), ...problems, ""] : []),
    report.is_ready ? green("ready") : red("not ready"),
  ].join("\n");
}

/** `limbeck doctor`: exit status 3 when something that is needed is missing. */
export async function doctorCommand({ isColourful }: CliContext): Promise<CommandResult> {
  const report = await runDoctor();
  return {
    text: renderDoctor(report, isColourful),
    document: report,
    exitStatus: report.is_ready ? 0 : 3,
  };
}
