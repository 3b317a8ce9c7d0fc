import * as v8 from "node:v8";
import * as vm from "node:vm";

let collect: (() => void) | undefined;

/**
 * Collects the garbage of this thread now. For a thread that lets go of WebAssembly memories of tens of megabytes while its own
 * heap stays tiny: by itself V8 waits until some 300 MB have gathered. Some 10 ms; no thread but this one stops.
 */
export function collectGarbage(): void {
  if (collect === undefined) {
    // The flag shows in contexts that are made after it.
    v8.setFlagsFromString("--expose-gc");
    collect = vm.runInNewContext("gc") as () => void;
    v8.setFlagsFromString("--no-expose-gc");
  }
  collect();
}
