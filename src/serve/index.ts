/** Entry point `limbeck/serve`: an OpenAI-compatible server over an open engine. */
export { openEngine } from "../runtime/engine.ts";
export { type Connection, createServeApp, type ServeApp } from "./app.ts";
export type { ServedEngine } from "./endpoints.ts";
export { type Listening, type ListenOptions, listen } from "./listen.ts";
export type { AccessEntry, ServeOptions } from "./options.ts";
