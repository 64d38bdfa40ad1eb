import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fft, radialSpectrum, whiteNoisePower } from "../../src/analysis/index.ts";
import { normals } from "../../src/random/index.ts";

const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} (expected ${expected} ± ${tolerance})`);

test("the transform is the sum that defines it, for every length", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 0, max: 999 }), (n, seed) => {
      const [x, y] = [Float64Array.from(normals(seed, "re", 0, n)), Float64Array.from(normals(seed, "im", 0, n))];
      const [re, im] = [x.slice(), y.slice()];
      fft(n)(re, im);
      for (let k = 0; k < n; k++) {
        let [a, b] = [0, 0];
        for (let j = 0; j < n; j++) {
          const angle = (-2 * Math.PI * ((j * k) % n)) / n;
          a += x[j] * Math.cos(angle) - y[j] * Math.sin(angle);
          b += x[j] * Math.sin(angle) + y[j] * Math.cos(angle);
        }
        near(re[k], a, 1e-11 * n);
        near(im[k], b, 1e-11 * n);
      }
    }),
    { numRuns: 80 },
  );
  assert.throws(() => fft(0), /length 0/);
});

test("all power is accounted for (Parseval), and flips, shifts and offsets change nothing", () => {
  const [height, width] = [10, 7];
  const size = { height, width };
  const image = Float64Array.from(normals(1, "image", 0, height * width));
  const spectrum = radialSpectrum(image, size);
  const center = image.reduce((a, b) => a + b) / image.length;
  const energy = image.reduce((sum, value) => sum + (value - center) ** 2, 0);
  near(spectrum.total, energy * image.length, 1e-8);
  const shifted = image.map(
    (_, k) => image[((Math.floor(k / width) + 3) % height) * width + (((k % width) + 2) % width)],
  );
  for (const other of [image.map((value) => value + 5), image.slice().reverse(), shifted])
    radialSpectrum(other, size).power.forEach((value, k) => {
      near(value, spectrum.power[k], 1e-8);
    });
});

test("the power of white noise is that of every frequency", () => {
  const [height, width, sigma] = [16, 12, 1.5];
  const noise = normals(2, "noise", 0, 400 * height * width).map((value) => sigma * value);
  const { power } = radialSpectrum(noise, { height, width });
  const expected = whiteNoisePower(height, width, sigma);
  for (const value of power.subarray(1)) near(value / expected, 1, 0.05);
});

test("a wave is a line at its own radius", () => {
  const [height, width] = [12, 16];
  const wave = Float64Array.from({ length: height * width }, (_, k) =>
    Math.cos((2 * Math.PI * 3 * (k % width)) / width),
  );
  const { power, count } = radialSpectrum(wave, { height, width });
  near(power[3] * count[3], 2 * ((height * width) / 2) ** 2, 1e-6);
  for (const radius of [0, 1, 2, 4, 5, 6]) near(power[radius], 0, 1e-8);
});

test("bad input is refused", () => {
  const image = new Float64Array(12);
  assert.throws(() => radialSpectrum(image, { height: 5, width: 2 }), /expected a multiple of 5 × 2/);
  assert.throws(
    () => radialSpectrum(image, { height: 4, width: 3, rounding: "flor" as "floor" }),
    /Did you mean "floor"/,
  );
});
