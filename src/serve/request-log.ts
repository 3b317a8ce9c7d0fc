import { randomUUID } from "node:crypto";
import type { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import type { GenerateResult } from "../runtime/types.ts";
import type { EngineHealth } from "./engine-health.ts";
import type { ServeMetrics } from "./metrics.ts";
import type { ServeOptions } from "./options.ts";

/** What is known of one request while it goes on. */
export interface RequestRecord {
  readonly requestId: string;
  /** Whether it took a place: then it may end long after its response began. */
  isAdmitted: boolean;
  generated(result: GenerateResult): void;
  /** It has ended: counts and logs it. */
  end(status: number, error: LimbeckError | null): void;
}

/** Opens a record for a request of `method` on `path`; `route` is the path where it is one of ours. */
export type OpenRecord = (method: string, path: string, route: string) => RequestRecord;

/** Records that end up in metrics, in the access log, and where the fault is ours, with whoever wants to know. */
export function createRequestLog(
  metrics: ServeMetrics,
  health: EngineHealth,
  { onAccess, onFault }: Pick<ServeOptions, "onAccess" | "onFault">,
): OpenRecord {
  return (method, path, route) => {
    const requestId = `req_${randomUUID()}`;
    const startedAt = monotonicMs();
    let made: GenerateResult | null = null;
    return {
      requestId,
      isAdmitted: false,
      generated: (result) => {
        made = result;
        metrics.generated(result);
        void health.refresh();
      },
      end: (status, error) => {
        const durationMs = monotonicMs() - startedAt;
        metrics.ended(route, status, durationMs / 1000);
        onAccess?.({
          time: new Date().toISOString(),
          request_id: requestId,
          method,
          path,
          status,
          duration_ms: durationMs,
          error_code: error?.code ?? null,
          prompt_tokens: made?.promptTokens ?? null,
          cached_tokens: made?.cachedTokens ?? null,
          output_tokens: made?.tokens.length ?? null,
        });
        if (error !== null && error.httpStatus >= 500) onFault?.(error, requestId);
      },
    };
  };
}
