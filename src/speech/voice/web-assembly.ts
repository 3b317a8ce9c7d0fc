/** The part of WebAssembly that engines use: the compiler's `es2023` library does not describe it, its `dom` would bring a browser. */
export interface WasmModule {
  /** Never there: keeps other objects from being taken for a module. */
  readonly isWasmModule?: never;
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

interface WasmNamespace {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: Readonly<Record<string, object>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

export const wasm: WasmNamespace = (globalThis as unknown as { readonly WebAssembly: WasmNamespace })
  .WebAssembly;
