import { type ErrorCode, LimbeckError } from "../../base/errors.ts";
import type { Direction } from "../types.ts";
import type { Family } from "./families.ts";

/** What the worker of a model is started with. */
export interface TransformersStart {
  /** The package, or the address of its entry file. */
  readonly module: string;
  /** A folder, or a name on the hub. */
  readonly model: string;
  readonly isLocal: boolean;
  readonly dtype: string;
  readonly threads: number | undefined;
  readonly direction: Direction;
}

export interface TransformersOrder {
  readonly id: number;
  readonly texts: readonly string[];
  /** An Int32; not zero: nobody waits for it any more. A message would come only after the work. */
  readonly stop: SharedArrayBuffer;
}

/** Ends the worker once what it does is done; orders that nobody waits for end at their next token. */
export const closeOrder = "close";
export type ToTransformers = TransformersOrder | typeof closeOrder;

export interface TransformersError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly cure: string | undefined;
}

export type FromTransformers =
  | { readonly kind: "opened"; readonly family: Family }
  | { readonly kind: "openFailed"; readonly error: TransformersError }
  | {
      readonly kind: "done";
      readonly id: number;
      readonly texts: readonly string[];
      readonly ids: number[][];
    }
  | { readonly kind: "failed"; readonly id: number; readonly error: TransformersError };

export function packError(thrown: unknown): TransformersError {
  if (thrown instanceof LimbeckError)
    return { code: thrown.code, message: thrown.message, cure: thrown.cure };
  return {
    code: "translation_failed",
    message: `transformers: ${(thrown as Error).message}`,
    cure: undefined,
  };
}

export function unpackError({ code, message, cure }: TransformersError): LimbeckError {
  return new LimbeckError(code, message, cure === undefined ? {} : { cure });
}
