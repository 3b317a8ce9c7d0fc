import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRamTier, type PathBlock, type RamTier } from "./ram-tier.ts";

const blockBytes = 4;
const tierOf = (blocks: number): RamTier => createRamTier(blocks * blockBytes + 3, blockBytes);

/** The path of a text whose letters are blocks: upper case is the system prompt's part. */
function pathOf(text: string, onRead: (key: string) => void = () => undefined): PathBlock[] {
  return [...text].map((letter, i) => {
    const key = text.slice(0, i + 1).toLowerCase();
    return {
      key,
      role: letter === letter.toUpperCase() ? "system" : "turn",
      read: () => {
        onRead(key);
        return Uint8Array.of(i, i, i, i);
      },
    };
  });
}
const holds = (tier: RamTier, ...keys: string[]): boolean[] => keys.map((key) => tier.get(key) !== undefined);

test("a path is held once, and only what is missing is read", () => {
  const tier = tierOf(10);
  const read: string[] = [];
  tier.keep(pathOf("ABcd", (key) => read.push(key)));
  tier.keep(pathOf("ABce", (key) => read.push(key)));
  assert.deepEqual(read.sort(), ["a", "ab", "abc", "abcd", "abce"]);
  assert.deepEqual([tier.blocks, tier.bytes], [5, 20]);
  assert.deepEqual(tier.get("abc"), Uint8Array.of(2, 2, 2, 2));
});

test("the turn used longest ago goes first, its end before its beginning", () => {
  const tier = tierOf(5);
  tier.keep(pathOf("abc"));
  tier.keep(pathOf("xy"));
  tier.keep(pathOf("abc"));
  tier.keep(pathOf("q"));
  assert.deepEqual(holds(tier, "a", "ab", "abc", "x", "xy", "q"), [true, true, true, true, false, true]);
  assert.equal(tier.evictedBlocks, 1);
});

test("a system prompt outlives turns that are younger, and yields only to another one", () => {
  const tier = tierOf(4);
  tier.keep(pathOf("AB"));
  for (const turn of ["xyz", "uvw", "klm"]) tier.keep(pathOf(turn));
  assert.deepEqual(holds(tier, "a", "ab", "k", "kl", "klm"), [true, true, true, true, false]);
  tier.keep(pathOf("CDEF"));
  assert.deepEqual(holds(tier, "a", "ab", "c", "cdef"), [false, false, true, true]);
  tier.keep(pathOf("xyz"));
  assert.deepEqual(holds(tier, "x", "c", "cdef"), [false, true, true]);
});

test("of a path longer than the budget its beginning is held", () => {
  const tier = tierOf(3);
  tier.keep(pathOf("ABCDef"));
  assert.deepEqual(holds(tier, "a", "ab", "abc", "abcd"), [true, true, true, false]);
  const none = tierOf(0);
  none.keep(pathOf("Ab"));
  assert.equal(none.blocks, 0);
});

test("whatever is kept, the budget holds and no block stands without those before it", () => {
  const letter = fc.constantFrom(..."abc");
  const prompt = fc.tuple(fc.array(letter, { maxLength: 6 }), fc.nat(6)).map(([letters, system]) => {
    const text = letters.join("");
    return text.slice(0, system).toUpperCase() + text.slice(system);
  });
  fc.assert(
    fc.property(fc.array(prompt, { maxLength: 30 }), fc.nat(8), (prompts, capacity) => {
      const tier = tierOf(capacity);
      const keys = new Set<string>();
      for (const text of prompts) {
        tier.keep(pathOf(text));
        for (let i = 1; i <= text.length; i++) keys.add(text.slice(0, i).toLowerCase());
        const held = [...keys].filter((key) => tier.get(key) !== undefined);
        assert.ok(held.length === tier.blocks && tier.bytes <= tier.budgetBytes, `${tier.blocks} blocks`);
        for (const key of held) {
          assert.ok(key.length === 1 || tier.get(key.slice(0, -1)), `${key} without what is before it`);
        }
        // The prompt read last is held as far as there is room beside system prompts.
        const systems = text.replace(/[a-z]/g, "").length;
        for (let i = 1; i <= Math.min(systems, capacity); i++) {
          assert.ok(tier.get(text.slice(0, i).toLowerCase()), `${text}: its system block ${i} is gone`);
        }
      }
    }),
    { numRuns: 500 },
  );
});
