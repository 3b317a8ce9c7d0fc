import { isMainThread } from "node:worker_threads";
import type koffi from "koffi";

const variable = "ORT_DISABLE_TELEMETRY";

/**
 * Tells ONNX Runtime to report nothing, whoever loads it in this process or in one that it starts. Else its builds for Linux
 * and macOS keep a device id and a database for their maker in the user's cache, hold an address to send it to, and match
 * the command line with a regular expression that recurses for each character: beyond some 7,000 characters it ran over
 * the stack and took the process with it. From a worker this reaches only its own copy of the environment.
 */
export function silenceProcess(): void {
  process.env[variable] = "1";
}

/** The same on any thread, before koffi loads ONNX Runtime. */
export function silenceTelemetry({ load }: Pick<typeof koffi, "load">): void {
  silenceProcess();
  // Native code does not see a worker's process.env. On Windows the variable is not read.
  if (isMainThread || process.platform === "win32") return;
  load(null).func("setenv", "int", ["str", "str", "int"])(variable, "1", 1);
}
