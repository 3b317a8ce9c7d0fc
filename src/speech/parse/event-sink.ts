import type { JsonObject } from "../../tools/types.ts";
import type { AgentEvent } from "../types.ts";

/** Where the readers of formats put what they find. */
export interface EventSink {
  emit(event: AgentEvent): void;
  /** An event that is not in the format as we know it: counted by this name. */
  unknown(type: string): void;
}

/** One format: values in, events out. */
export interface FormatReader {
  read(value: JsonObject): void;
  /** The stream is over: what is open is closed. */
  end(): void;
}
