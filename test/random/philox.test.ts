import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { philox } from "../../src/random/index.ts";

const words = (out: Uint32Array) => Array.from(out, (word) => word.toString(16).padStart(8, "0")).join(" ");

// The vectors published with Random123.
const known = [
  { counter: [0, 0, 0, 0], key: [0, 0], expected: "6627e8d5 e169c58d bc57ac4c 9b00dbd8" },
  {
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    expected: "408f276d 41c83b0e a20bc7c6 6d5451fd",
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    expected: "d16cfe09 94fdcceb 5001e420 24126ea1",
  },
];

for (const { counter, key, expected } of known)
  test(`known answer of counter ${counter[0].toString(16)}…`, () => {
    const out = new Uint32Array(4);
    philox(out, counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
    assert.equal(words(out), expected);
  });

/** The definition, with big integers. */
function reference(counter: readonly number[], key: readonly number[]): Uint32Array {
  let [c0, c1, c2, c3] = counter.map(BigInt);
  let [k0, k1] = key.map(BigInt);
  for (let round = 0; round < 10; round++) {
    const [p0, p1] = [0xd2511f53n * c0, 0xcd9e8d57n * c2];
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & 0xffffffffn, (p0 >> 32n) ^ c3 ^ k1, p0 & 0xffffffffn];
    [k0, k1] = [(k0 + 0x9e3779b9n) & 0xffffffffn, (k1 + 0xbb67ae85n) & 0xffffffffn];
  }
  return Uint32Array.from([c0, c1, c2, c3], Number);
}

test("any counter and key agree with the definition, signed or unsigned", () => {
  const word = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), ([a, b, c, d], [k0, k1]) => {
      const expected = reference([a, b, c, d], [k0, k1]);
      const out = new Uint32Array(4);
      philox(out, a, b, c, d, k0, k1);
      assert.deepEqual(out, expected);
      philox(out, a | 0, b | 0, c | 0, d | 0, k0 | 0, k1 | 0);
      assert.deepEqual(out, expected);
    }),
    { numRuns: 300 },
  );
});
