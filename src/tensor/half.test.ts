import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBfloat16, fromFloat16, toFloat16 } from "./half.ts";

test("every finite float16 survives the way to float32 and back", () => {
  const bits = new Uint16Array(65536).map((_, i) => i);
  const back = toFloat16(fromFloat16(bits));
  for (let i = 0; i < 65536; i++) {
    const isNaNPattern = (i & 0x7c00) === 0x7c00 && (i & 0x3ff) !== 0;
    if (isNaNPattern) assert.ok((back[i]! & 0x7c00) === 0x7c00 && (back[i]! & 0x3ff) !== 0, `NaN ${i}`);
    else assert.equal(back[i], i, `bits ${i.toString(16)} became ${back[i]!.toString(16)}`);
  }
});

test("rounding to float16 goes to the nearest, ties to even, overflow to infinity", () => {
  const cases: [number, number][] = [
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [65504, 0x7bff],
    [65519, 0x7bff],
    [65520, 0x7c00],
    [-70000, 0xfc00],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.5, 0x0001],
    [2 ** -14 - 2 ** -26, 0x0400],
    [-0, 0x8000],
  ];
  const got = toFloat16(Float32Array.from(cases, ([value]) => value));
  cases.forEach(([value, bits], i) => {
    assert.equal(got[i], bits, `${value}: ${got[i]!.toString(16)}, expected ${bits.toString(16)}`);
  });
});

test("bfloat16 is the upper half of a float32", () => {
  assert.deepEqual([...fromBfloat16(Uint16Array.of(0x3f80, 0xc000, 0x3e80))], [1, -2, 0.25]);
});
