import * as fs from "node:fs";
import * as path from "node:path";
import { LimbeckError } from "../../base/errors.ts";
import { withFileErrors } from "../../base/files.ts";
import { toPcm16, wavHeader, wavHeaderBytes, wavMostDataBytes } from "../sound/wav.ts";
import type { SampleOutput } from "./paced-sink.ts";

/** What is called of `node:fs`; another one in tests, where a disk must be full. */
export type FileCalls = Pick<typeof fs, "openSync" | "writeSync" | "closeSync" | "mkdirSync">;

/**
 * Opens (and empties) a WAVE file that is valid after every write: samples first, then the header that counts them. A killed process leaves
 * at worst a last piece that is not counted. Errors: `disk_full`, `not_writable`.
 */
export function openWavFile(file: string, sampleRateHz: number, calls: FileCalls = fs): SampleOutput {
  return withFileErrors("write", file, () => {
    calls.mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    const handle = calls.openSync(file, "w");
    let dataBytes = 0;
    let isOpen = true;

    const put = (bytes: Uint8Array, at: number): void => {
      for (let done = 0; done < bytes.length; ) {
        done += calls.writeSync(handle, bytes, done, bytes.length - done, at + done);
      }
    };
    const close = (): void => {
      if (isOpen) calls.closeSync(handle);
      isOpen = false;
    };
    try {
      put(wavHeader(sampleRateHz, 0), 0);
    } catch (cause) {
      close();
      throw cause;
    }
    return {
      name: file,
      write(samples) {
        const bytes = toPcm16(samples);
        if (dataBytes + bytes.length > wavMostDataBytes) {
          throw new LimbeckError(
            "not_writable",
            `write ${file}: expected at most 4 GiB of sound in one WAVE file`,
            {
              cure: "Start again with another --out.",
              fields: { path: file },
            },
          );
        }
        withFileErrors("write", file, () => {
          put(bytes, wavHeaderBytes + dataBytes);
          put(wavHeader(sampleRateHz, dataBytes + bytes.length), 0);
        });
        dataBytes += bytes.length;
      },
      close: () => withFileErrors("write", file, close),
    };
  });
}
