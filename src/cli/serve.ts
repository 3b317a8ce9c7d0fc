import * as fs from "node:fs";
import { withFileErrors } from "../base/files.ts";
import { stringifyJson } from "../base/json.ts";
import { describeKv } from "../model/kv-cache.ts";
import { openEngine } from "../runtime/engine.ts";
import type { EngineInfo, OpenOptions } from "../runtime/engine-contract.ts";
import { createServeApp } from "../serve/app.ts";
import { isLoopback } from "../serve/host-check.ts";
import { type Listening, listen } from "../serve/listen.ts";
import type { ServeOptions } from "../serve/options.ts";
import type { CliContext, CommandResult } from "./execute.ts";
import { renderError } from "./fail.ts";
import type { ServeFlags } from "./flags.ts";
import { readSecret } from "./secret-input.ts";

const mib = 2 ** 20;

/**
 * The key that clients must send: of the file, else of LIMBECK_API_KEY; undefined: none is asked. It is no flag, since
 * whoever lists processes reads those. Errors: `file_not_found`, `usage` for an empty one.
 */
export function readApiKey(file: string | undefined, environment: NodeJS.ProcessEnv): string | undefined {
  return readSecret({ what: "an API key", file, variable: "LIMBECK_API_KEY" }, environment);
}

function openOptions(flags: ServeFlags): OpenOptions {
  const { cacheRamMb, cacheDir, cacheDiskMb, draft, threads, speculate } = flags;
  const hasCache = cacheRamMb > 0 || cacheDir !== undefined;
  if (cacheDir !== undefined) {
    withFileErrors("create", cacheDir, () => fs.mkdirSync(cacheDir, { recursive: true }));
  }
  return {
    ...(threads === undefined ? {} : { threads }),
    ...(draft === undefined ? {} : { draft }),
    speculation: speculate,
    ...(hasCache
      ? {
          promptCache: {
            ramBytes: cacheRamMb * mib,
            ...(cacheDir === undefined ? {} : { diskDir: cacheDir }),
            ...(cacheDiskMb === undefined ? {} : { diskBytes: cacheDiskMb * mib }),
          },
        }
      : {}),
  };
}

function describe({ url }: Listening, model: string, info: EngineInfo, apiKey: string | undefined): string {
  const millions = (info.parameters / 1e6).toFixed(1);
  return [
    `serving ${model} at ${url}/v1${apiKey === undefined ? "" : ", for those who have the API key"}`,
    `${millions}M parameters, ${info.format}, context ${info.contextLength}, backend ${info.backend}, opened in ${info.openMs.toFixed(0)} ms`,
    describeKv(info.kv),
  ].join("\n");
}

/** `limbeck serve`: answers until it is told to stop, then lets open requests end. Errors: `address_unavailable`. */
export async function serveCommand(
  flags: ServeFlags,
  { output, signal, isJson }: CliContext,
): Promise<CommandResult> {
  const apiKey = readApiKey(flags.apiKeyFile, process.env);
  const engine = await openEngine(flags.artefact, openOptions(flags));
  let requests = 0;
  try {
    const options: ServeOptions = {
      maxQueue: flags.maxQueue,
      deadlineMs: flags.deadlineS * 1000,
      maxBodyBytes: flags.maxBodyKb * 1024,
      ...(flags.name === undefined ? {} : { model: flags.name }),
      ...(flags.maxTokens === undefined ? {} : { maxTokens: flags.maxTokens }),
      ...(apiKey === undefined ? {} : { apiKey }),
      onAccess: (entry) => {
        requests++;
        if (flags.accessLog === true) output.note(stringifyJson(entry));
      },
      onWarning: (text) => output.note(`warning: ${text}`),
      onFault: (error, requestId) =>
        output.note(`${requestId} ${renderError(error, process.env["DEBUG"] === "1").trimEnd()}`),
    };
    const app = createServeApp(engine, options);
    const listening = await listen(app, { host: flags.host, port: flags.port });
    const text = describe(listening, app.model, engine.info, apiKey);
    if (isJson) output.note(text);
    else output.print(text);
    if (flags.draft !== undefined && flags.speculate === "off") {
      output.note("warning: a draft model is open, and nothing is drafted: --speculate is off");
    }
    if (!isLoopback(flags.host) && apiKey === undefined) {
      output.note(`warning: ${flags.host} can be reached from other machines, and no API key is asked for`);
    }
    if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
    await listening.close(flags.graceS * 1000);
    return {
      text: `stopped after ${requests} requests`,
      document: { schema_version: 1, kind: "serve", model: app.model, url: listening.url, requests },
      exitStatus: 0,
      isEndedByInterrupt: true,
    };
  } finally {
    await engine.close();
  }
}
