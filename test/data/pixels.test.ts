import assert from "node:assert/strict";
import { test } from "node:test";
import { type PixelConvention, pixelConventions, pixels, toBytes } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const names = Object.keys(pixelConventions) as PixelConvention[];
const bytes = Array.from({ length: 256 }, (_, byte) => byte);

for (const name of names) {
  const { toFloat, toByte } = pixels(name);

  test(`${name}: a byte survives the round trip`, () => {
    // Truncation loses a byte whose float lies a rounding error below it; half a level of margin shows the rest is right.
    const margin = name === "adm" || name === "unit" ? 1e-9 : 0;
    assert.deepEqual(
      bytes.map((byte) => toByte(toFloat(byte) + margin)),
      bytes,
    );
  });

  test(`${name}: every number becomes a byte, in order`, () => {
    let last = 0;
    for (let value = -3; value <= 3; value += 0.001) {
      const byte = toByte(value);
      assert.ok(Number.isInteger(byte) && byte >= last && byte <= 255, `${value} → ${byte}`);
      last = byte;
    }
    assert.deepEqual([toByte(Number.NEGATIVE_INFINITY), toByte(Number.POSITIVE_INFINITY)], [0, 255]);
  });
}

test("saving with adm is darker than with edm by half a level on average", () => {
  const values = Array.from({ length: 20_001 }, (_, i) => i / 10_000 - 1);
  const difference = values.reduce((sum, v) => sum + pixels("edm").toByte(v) - pixels("adm").toByte(v), 0);
  assert.ok(Math.abs(difference / values.length - 0.5) < 0.01);
});

test("dequantisation stays inside the byte's own bin", () => {
  const { toFloat, toByte } = pixels("uniform-dequantization");
  for (const byte of bytes) for (const u of [0, 0.3, 1 - 2 ** -30]) assert.equal(toByte(toFloat(byte, u)), byte);
  assert.equal(toFloat(7), pixels("vdm").toFloat(7));
});

test("arrays of numbers are saved at once; unknown conventions are refused", () => {
  assert.deepEqual(toBytes([-2, -1, 0, 1, Number.NaN]), Uint8Array.of(0, 0, 128, 255, 0));
  assert.deepEqual(toBytes(Float64Array.of(0, 0.5, 1), "unit"), Uint8Array.of(0, 127, 255));
  assert.throws(
    () => pixels("emd" as PixelConvention),
    (error) => error instanceof ConfigError && /"edm"/.test(error.message),
  );
  assert.throws(() => pixels("toString" as PixelConvention), ConfigError);
});
