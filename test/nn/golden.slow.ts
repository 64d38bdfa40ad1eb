// The golden networks once more, in float64 and to 1e-9, and with the checksums of every parameter's gradient.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { evaluate } from "../../src/graph/index.ts";
import { type Engine, wholeNetwork } from "../golden/adapters/network.ts";
import { check, readVectors } from "../golden/vectors.ts";

const float64: Engine = async (nodes, feeds) => evaluate(nodes, feeds);
const folder = process.env.GOLDEN_DIR ?? join(import.meta.dirname, "../../../test/golden/vectors");

for (const golden of readVectors(folder).filter(({ name }) => /^network\..*-unet$/.test(name)))
  for (const one of golden.cases)
    test(`${golden.name}: ${one.input.tag}`, async () => {
      const actual = await wholeNetwork(one.input, float64);
      const { rtolOut: _rtolOut, ...rest } = one;
      assert.deepEqual(await check(golden, { ...rest, rtol: 1e-9, atol: 1e-12 }, () => actual), []);
      const most = actual.maxAbsGrad;
      for (const [k, { name, shape, gradNorm, gradDot }] of one.input.parameters.entries()) {
        const { gradNorm: norm, gradDot: dot } = actual.checksums[k];
        const size = Math.sqrt(shape.reduce((n: number, m: number) => n * m, 1));
        // The checksums are written with 11 digits.
        assert.ok(Math.abs(norm - gradNorm) <= 1e-9 * (gradNorm + most), `${name}: ${norm} (expected ${gradNorm})`);
        assert.ok(Math.abs(dot - gradDot) <= 1e-9 * size * (gradNorm + most), `${name}: ${dot} (expected ${gradDot})`);
      }
    });
