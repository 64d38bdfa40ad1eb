import assert from "node:assert/strict";
import { test } from "node:test";
import { halfBits, halfValue, roundHalf } from "../../src/graph/index.ts";

test("every float16 number is its own nearest, and has its own bits", () => {
  for (let bits = 0; bits < 2 ** 16; bits++) {
    const value = halfValue(bits);
    if (Number.isNaN(value)) continue;
    assert.ok(Object.is(roundHalf(value), value), `${bits}`);
    assert.equal(halfBits(value), bits);
  }
});

test("what lies between two neighbours goes to the nearer, and from the middle to the even one", () => {
  for (let bits = 0; bits < 0x7c00; bits++) {
    const [low, high] = [halfValue(bits), bits === 0x7bff ? 65536 : halfValue(bits + 1)];
    const middle = (low + high) / 2;
    const above = bits === 0x7bff ? Infinity : high;
    for (const sign of [1, -1]) {
      assert.equal(roundHalf(sign * (low + (middle - low) * 0.999)), sign * low);
      assert.equal(roundHalf(sign * (low + (high - low) * 0.501)), sign * above);
      assert.equal(roundHalf(sign * middle), sign * (bits % 2 === 0 ? low : above));
    }
  }
});

test("no number stays no number", () => {
  assert.ok(Number.isNaN(roundHalf(Number.NaN)));
  assert.ok(Number.isNaN(halfValue(halfBits(Number.NaN))));
  assert.deepEqual([Infinity, -Infinity, 1e9, -1e9].map(roundHalf), [Infinity, -Infinity, Infinity, -Infinity]);
});
