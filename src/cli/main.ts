#!/usr/bin/env node
import { silenceProcess } from "../backend/onnx/ort-telemetry.ts";
import { runCommandLine } from "./command-line.ts";

// Optional packages, as for translations, bring an ONNX Runtime of their own.
silenceProcess();

// The status is set by exiting, not left to the event loop: a native thread must not keep a finished command alive.
process.exit(
  await runCommandLine({
    words: process.argv.slice(2),
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
  }),
);
