import { LimbeckError } from "../../base/errors.ts";
import type { AudioContextLike } from "./device-sink.ts";

const packageName = "node-web-audio-api";
const leastNode = 22;

interface DeviceInfo {
  readonly kind: string;
  readonly deviceId: string;
  readonly label: string;
}

/** What is called of the package. */
export interface WebAudioModule {
  readonly AudioContext: new (options: { latencyHint: "interactive"; sinkId?: string }) => AudioContextLike;
  readonly mediaDevices: { enumerateDevices(): Promise<readonly DeviceInfo[]> };
}

const toFile = "Or write to a file: --out FILE.wav.";

function missing(cause: unknown, nodeVersion: string): LimbeckError {
  const isOld = Number(nodeVersion.split(".")[0]) < leastNode;
  return new LimbeckError(
    "missing_dependency",
    `sound device: expected the package ${packageName}, which needs Node ${leastNode} or later, got ${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message} on Node ${nodeVersion}`,
    {
      cure: `${isOld ? `Update Node to ${leastNode} or later, then install it` : "Install it"}: npm install ${packageName}. ${toFile}`,
      cause,
      fields: { package: packageName, node: nodeVersion },
    },
  );
}

async function loadModule(): Promise<WebAudioModule> {
  try {
    return (await import(packageName as string)) as WebAudioModule;
  } catch (cause) {
    throw missing(cause, process.versions.node);
  }
}

/**
 * Opens the device that is named, else the system's own. Errors: `missing_dependency`, `audio_unavailable` (no such device, or none
 * at all).
 */
export async function openDeviceContext(
  device: string | undefined,
  load: () => Promise<WebAudioModule> = loadModule,
): Promise<{ readonly context: AudioContextLike; readonly name: string }> {
  const { AudioContext, mediaDevices } = await load();
  const unavailable = (why: string, cause?: unknown): LimbeckError =>
    new LimbeckError("audio_unavailable", `sound device: ${why}`, {
      cure: `Connect or choose one (--device). ${toFile}`,
      cause,
    });
  const outputs = (await mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "audiooutput");
  const found =
    device === undefined
      ? undefined
      : (outputs.find(({ deviceId, label }) => deviceId === device || label === device) ??
        outputs.find(({ label }) => label.toLowerCase().includes(device.toLowerCase())));
  if (outputs.length === 0) throw unavailable("expected an output device, there is none");
  if (device !== undefined && !found) {
    throw unavailable(`expected ${outputs.map(({ label }) => `"${label}"`).join(", ")}, got "${device}"`);
  }
  try {
    const context = new AudioContext({
      latencyHint: "interactive",
      ...(found ? { sinkId: found.deviceId } : {}),
    });
    return { context, name: found?.label ?? "default" };
  } catch (cause) {
    throw unavailable(`it cannot be opened: ${(cause as Error).message}`, cause);
  }
}
