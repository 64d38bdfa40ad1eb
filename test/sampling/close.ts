import assert from "node:assert/strict";

/** Fails unless every number is within `tolerance` of the expected one, relative to the larger of 1 and its size. */
export function close(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++)
    assert.ok(
      Math.abs(actual[i] - expected[i]) <= tolerance * Math.max(1, Math.abs(expected[i])),
      `[${i}]: ${actual[i]} (expected ${expected[i]} to ${tolerance})`,
    );
}
