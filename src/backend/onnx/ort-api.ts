import type koffi from "koffi";
import { LimbeckError } from "../../base/errors.ts";
import { findOrtLibrary } from "./ort-library.ts";
import { silenceTelemetry } from "./ort-telemetry.ts";

/** An address in native memory; 0n is C's null. */
export type Handle = bigint;

/** What C functions take: numbers, addresses, texts, memory. */
type Argument = number | bigint | string | null | ArrayBufferView;

type Koffi = typeof koffi;
type NativeFunction = ((...args: readonly Argument[]) => unknown) & {
  async(...args: readonly unknown[]): void;
};

/** The version of the function table that we ask for; every library from 1.17 on has it. */
const apiVersion = 17;

const pathType = process.platform === "win32" ? "str16" : "str";

/**
 * The functions that we call: place in the API's table, which never changes, and parameter types. Each returns an
 * OrtStatus. Source: onnxruntime_c_api.h.
 */
const functions = {
  CreateEnv: [3, ["int", "str", "void*"]],
  CreateSession: [7, ["void*", pathType, "void*", "void*"]],
  CreateSessionFromArray: [8, ["void*", "void*", "size_t", "void*", "void*"]],
  Run: [9, ["void*", "void*", "void*", "void*", "size_t", "void*", "size_t", "void*"]],
  CreateSessionOptions: [10, ["void*"]],
  EnableProfiling: [14, ["void*", pathType]],
  DisableMemPattern: [17, ["void*"]],
  SetSessionGraphOptimizationLevel: [23, ["void*", "int"]],
  SetIntraOpNumThreads: [24, ["void*", "int"]],
  SetInterOpNumThreads: [25, ["void*", "int"]],
  SessionGetInputCount: [30, ["void*", "void*"]],
  SessionGetOutputCount: [31, ["void*", "void*"]],
  SessionGetInputTypeInfo: [33, ["void*", "size_t", "void*"]],
  SessionGetOutputTypeInfo: [34, ["void*", "size_t", "void*"]],
  SessionGetInputName: [36, ["void*", "size_t", "void*", "void*"]],
  SessionGetOutputName: [37, ["void*", "size_t", "void*", "void*"]],
  CreateTensorWithDataAsOrtValue: [49, ["void*", "void*", "size_t", "void*", "size_t", "int", "void*"]],
  GetTensorMutableData: [51, ["void*", "void*"]],
  CastTypeInfoToTensorInfo: [55, ["void*", "void*"]],
  GetTensorElementType: [60, ["void*", "void*"]],
  GetDimensionsCount: [61, ["void*", "void*"]],
  GetDimensions: [62, ["void*", "void*", "size_t"]],
  GetSymbolicDimensions: [63, ["void*", "void*", "size_t"]],
  GetTensorTypeAndShape: [65, ["void*", "void*"]],
  AllocatorFree: [76, ["void*", "void*"]],
  CreateMemoryInfo: [68, ["str", "int", "int", "int", "void*"]],
  GetAllocatorWithDefaultOptions: [78, ["void*"]],
  SessionEndProfiling: [110, ["void*", "void*", "void*"]],
  AddSessionConfigEntry: [130, ["void*", "str", "str"]],
} as const satisfies Record<string, readonly [number, readonly string[]]>;

/** What owns native memory: place of the function that frees it. */
const releases = {
  Status: 93,
  MemoryInfo: 94,
  Session: 95,
  Value: 96,
  TypeInfo: 98,
  TensorTypeAndShapeInfo: 99,
  SessionOptions: 100,
} as const;

export type OrtFunction = keyof typeof functions;
export type OrtResource = keyof typeof releases;

/** OrtErrorCode of "no kernel for this operator or type". */
const notImplemented = 9;

/** Memory for results of C calls; big enough that V8 keeps it in one place. */
function outCell(count: number): BigUint64Array {
  return new BigUint64Array(new ArrayBuffer(4096), 0, count);
}

/** ONNX Runtime's C API: typed, with its statuses as our errors. */
export class OrtApi {
  private readonly koffi: Koffi;
  private readonly table: readonly Handle[];
  private readonly known = new Map<number, NativeFunction>();
  private readonly errorCode: NativeFunction;
  private readonly errorMessage: NativeFunction;
  readonly version: string;
  /** Kept, since koffi unloads a library when nobody holds its handle, with its functions still in our hands. */
  readonly library: ReturnType<Koffi["load"]>;

  constructor(koffi: Koffi, file: string) {
    this.koffi = koffi;
    const pointers = (address: unknown, count: number): readonly Handle[] =>
      koffi.decode(address, koffi.array("void*", count)) as readonly Handle[];
    // struct OrtApiBase { GetApi(version); GetVersionString(); }
    this.library = koffi.load(file);
    const base = this.library.func("OrtGetApiBase", "void*", [])() as Handle;
    const [getApi, getVersion] = pointers(base, 2);
    const native = (address: unknown, result: string, parameters: readonly string[]): NativeFunction =>
      koffi.decode(address, koffi.proto(result, [...parameters])) as NativeFunction;
    this.version = native(getVersion, "str", [])() as string;
    const api = native(getApi, "void*", ["uint32_t"])(apiVersion);
    if (!api) {
      throw new LimbeckError(
        "backend_unavailable",
        `ONNX Runtime: expected API version ${apiVersion}, got a library of version ${this.version}`,
        { cure: "Install the version of onnxruntime-node that package.json names.", fields: { file } },
      );
    }
    const places = [...Object.values(functions).map(([place]) => place), ...Object.values(releases)];
    this.table = pointers(api, Math.max(...places) + 1);
    this.errorCode = native(this.table[1], "int", ["void*"]);
    this.errorMessage = native(this.table[2], "str", ["void*"]);
  }

  private native(place: number, result: string, parameters: readonly string[]): NativeFunction {
    let found = this.known.get(place);
    if (!found) {
      const proto = this.koffi.proto(result, [...parameters]);
      found = this.koffi.decode(this.table[place], proto) as NativeFunction;
      this.known.set(place, found);
    }
    return found;
  }

  private of(name: OrtFunction): NativeFunction {
    const [place, parameters] = functions[name];
    return this.native(place, "void*", parameters);
  }

  /** Turns a status into our error, and frees it. Errors: `unsupported_op`, `backend_failed`. */
  private check(name: OrtFunction, what: string, status: unknown): void {
    if (!status) return;
    const code = this.errorCode(status as Handle) as number;
    const text = (this.errorMessage(status as Handle) as string).trim();
    this.release("Status", status as Handle);
    const isMissing = code === notImplemented;
    throw new LimbeckError(
      isMissing ? "unsupported_op" : "backend_failed",
      `ONNX Runtime: ${what}: ${text}`,
      {
        ...(isMissing ? { cure: "Use another dtype there, or the reference backend." } : {}),
        fields: { function: name, status: code },
      },
    );
  }

  /** Calls a function on this thread; `what` says in an error what failed. */
  call(name: OrtFunction, what: string, ...args: readonly Argument[]): void {
    this.check(name, what, this.of(name)(...args));
  }

  /** Calls a function whose last parameter is where its one result goes. */
  make(name: OrtFunction, what: string, ...args: readonly Argument[]): Handle {
    const out = outCell(1);
    this.call(name, what, ...args, out);
    return out[0] as Handle;
  }

  /** Calls a function on another thread. What it is given must stay alive until the promise settles. */
  async callAsync(name: OrtFunction, what: string, ...args: readonly Argument[]): Promise<void> {
    const status = await new Promise<unknown>((resolve, reject) => {
      this.of(name).async(...args, (error: unknown, result: unknown) => {
        if (error) reject(error instanceof Error ? error : new Error(String(error)));
        else resolve(result);
      });
    });
    this.check(name, what, status);
  }

  release(kind: OrtResource, handle: Handle): void {
    if (handle !== 0n) this.native(releases[kind], "void", ["void*"])(handle);
  }

  /** Address of the memory of an array. It stays valid while the array lives and is not transferred. */
  address(memory: ArrayBufferView): Handle {
    return this.koffi.address(memory);
  }

  /** Native memory as an ArrayBuffer, without a copy: valid as long as its owner. */
  view(address: Handle, bytes: number): ArrayBuffer {
    return this.koffi.view(address, bytes);
  }

  /** The text at an address. */
  text(address: Handle): string {
    return this.koffi.decode.string(address);
  }
}

async function loadKoffi(): Promise<Koffi> {
  try {
    return (await import("koffi")).default;
  } catch (cause) {
    throw new LimbeckError(
      "missing_dependency",
      `ONNX Runtime: the package koffi could not be loaded on ${process.platform} ${process.arch}`,
      { cure: "Run: npm install koffi", fields: { package: "koffi" }, cause },
    );
  }
}

/**
 * Native code runs on stacks that koffi makes. Its default for asynchronous calls, 128 KiB, is too little for ONNX
 * Runtime; it can be changed only before koffi loads its first library.
 */
function growStacks(koffi: Koffi): void {
  const stackBytes = 2 << 20;
  const { async_stack_size: asyncBytes = 0, sync_stack_size: syncBytes = 0 } = koffi.config();
  if (asyncBytes >= stackBytes && syncBytes >= stackBytes) return;
  try {
    koffi.config({ sync_stack_size: Math.max(syncBytes, stackBytes), async_stack_size: stackBytes });
  } catch (cause) {
    throw new LimbeckError(
      "backend_unavailable",
      `ONNX Runtime: expected stacks of ${stackBytes} bytes for native calls, got ${asyncBytes} from koffi`,
      { cure: "Open the first session before other code of this process uses koffi.", cause },
    );
  }
}

/** The library in use by this process, with its environment: loaded once, kept until the process ends. */
export interface Ort {
  readonly api: OrtApi;
  readonly env: Handle;
}

let loaded: Promise<Ort> | undefined;

async function load(): Promise<Ort> {
  const koffi = await loadKoffi();
  growStacks(koffi);
  silenceTelemetry(koffi);
  const api = new OrtApi(koffi, findOrtLibrary());
  // Severity 4, fatal: errors come back as statuses, there is no need to print them too.
  return { api, env: api.make("CreateEnv", "start", 4, "limbeck") };
}

/** ONNX Runtime. Errors: `missing_dependency`, `backend_unavailable`. */
export function loadOrt(): Promise<Ort> {
  loaded ??= load();
  return loaded;
}
