import { LimbeckError } from "../../base/errors.ts";
import { attendRow, firstSeen, rotateRow } from "./composite.ts";
import { dense } from "./dense.ts";
import type { RulesOf } from "./rule.ts";

/** The position of the first new token of a sequence. Error: `backend_failed` where the cache cannot hold them. */
function firstPosition(last: number, newTokens: number, capacity: number): number {
  const first = last - newTokens + 1;
  if (first < 0 || last >= capacity) {
    throw new LimbeckError(
      "backend_failed",
      `cachedAttention: expected positions within 0 and ${capacity - 1}, got ${first} to ${last}`,
      { cure: "Feed lastPosition = tokens before + new tokens − 1.", fields: { first, last, capacity } },
    );
  }
  return first;
}

/**
 * The semantics of com.microsoft.GroupQueryAttention with do_rotary = 1 and rotary_interleaved = 0. Every place of
 * the cache that the new tokens do not fill keeps what `past` holds there.
 */
export const cachedAttentionRules: RulesOf<"cachedAttention"> = {
  cachedAttention: (inputs, { heads, kvHeads, scale, window }) => {
    const [q, k, v, pastKey, pastValue, lastPosition, , cos, sin] = inputs;
    const [batch, tokens] = q!.shape as [number, number, number];
    const [, , capacity, width] = pastKey!.shape as [number, number, number, number];
    const out = dense(q!.shape); // [B, T, H·D]
    const presentKey = dense(pastKey!.shape, (i) => pastKey!.data[i]!); // [B, K, S, D]
    const presentValue = dense(pastValue!.shape, (i) => pastValue!.data[i]!);
    const rotated = new Float64Array(width);
    for (let b = 0; b < batch; b++) {
      const first = firstPosition(lastPosition!.data[b]!, tokens, capacity);
      const rotate = (from: Float64Array, t: number): Float64Array => {
        rotateRow({ from, to: rotated, offset: 0 }, cos!, sin!, first + t, false);
        return rotated;
      };
      for (let t = 0; t < tokens; t++) {
        for (let head = 0; head < kvHeads; head++) {
          const from = ((b * tokens + t) * kvHeads + head) * width;
          const to = ((b * kvHeads + head) * capacity + first + t) * width;
          presentKey.data.set(rotate(k!.data.subarray(from, from + width), t), to);
          presentValue.data.set(v!.data.subarray(from, from + width), to);
        }
      }
      for (let t = 0; t < tokens; t++) {
        for (let head = 0; head < heads; head++) {
          const at = ((b * tokens + t) * heads + head) * width;
          const seen = first + t + 1;
          const start = firstSeen(seen, window);
          const sequence = b * kvHeads + Math.floor((head * kvHeads) / heads);
          const cache = (sequence * capacity + start) * width;
          const weights = new Float64Array(seen - start);
          const query = rotate(q!.data.subarray(at, at + width), t);
          attendRow(query, presentKey.data.subarray(cache), scale, weights);
          weights.forEach((weight, s) => {
            for (let d = 0; d < width; d++) {
              out.data[at + d]! += weight * presentValue.data[cache + s * width + d]!;
            }
          });
        }
      }
    }
    return [out, presentKey, presentValue];
  },
};
