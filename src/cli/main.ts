#!/usr/bin/env node
import { runCommandLine } from "./command-line.ts";

// The status is set by exiting, not left to the event loop: a native thread must not keep a finished command alive.
process.exit(
  await runCommandLine({
    words: process.argv.slice(2),
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
  }),
);
