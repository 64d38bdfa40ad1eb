import assert from "node:assert/strict";
import { test } from "node:test";
import { gaussian, mixture } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals } from "../../src/random/index.ts";
import {
  evaluations,
  finish,
  inpainted,
  karrasSigmas,
  type SamplerName,
  type SamplerSpec,
  samplers,
  solve,
} from "../../src/sampling/index.ts";

const sigmas = karrasSigmas({ steps: 12, sigmaMin: 0.01, sigmaMax: 80 });
const [batch, dims] = [40, 3];
const start = normals(0, "start", 0, batch * dims).map((v) => 80 * v);
const known = normals(0, "known", 0, batch * dims);
const mask = Float64Array.of(1, 0, 1);

test("every sampler keeps what is given and draws the rest", async () => {
  const { denoise } = gaussian({ mean: 2, std: 0.1 });
  for (const type of Object.keys(samplers) as SamplerName[]) {
    let k = 0;
    const noise = () => normals(1, "noise", k++, batch * dims);
    const spec = { type } as SamplerSpec;
    assert.ok(evaluations(spec, 12) !== 0);
    const out = await finish(solve(spec, inpainted(denoise, { known, mask }), start, sigmas, { noise }));
    for (const [i, value] of out.entries())
      if (mask[i % dims] === 0) assert.ok(Math.abs(value - known[i]) < 0.02, `${type}: ${value}, ${known[i]}`);
      else assert.ok(Math.abs(value - 2) < 1, `${type}: ${value}`);
  }
});

test("the part that is drawn goes with the part that is given", async () => {
  const means = [
    [-1, -1],
    [1, 1],
  ];
  const { denoise } = mixture({ means, stds: 0.1 });
  const given = Float64Array.from({ length: 200 }, (_, i) => (i % 4 < 2 ? 1 : -1));
  const x = normals(2, "start", 0, 200).map((v) => 80 * v);
  const told = inpainted(denoise, { known: given, mask: Float64Array.of(0, 1) });
  const right = async (sChurn: number) => {
    let k = 0;
    const noise = () => normals(4, "noise", k++, 200);
    const spec = { type: "heun", sChurn } as const;
    const out = await finish(solve(spec, told, x, karrasSigmas({ steps: 60 }), { noise }));
    return Array.from({ length: 100 }, (_, row) => Math.abs(out[2 * row + 1] - given[2 * row]) < 0.5).filter(Boolean)
      .length;
  };
  const [plain, resampled] = [await right(0), await right(60)];
  assert.ok(plain > 75 && resampled > Math.max(plain, 95), `${plain}, with noise on the way ${resampled}`);
});

test("a mask between 0 and 1 is a mean, all of it no change, and what does not fit is refused", async () => {
  const { denoise } = gaussian({ mean: 2, std: 0.5 });
  const x = normals(3, "x", 0, 6);
  const same = await inpainted(denoise, { known: new Float64Array(6), mask: Float64Array.of(1, 1) })(x, 1);
  const free = await denoise(x, 1);
  assert.deepEqual(same, free);
  const half = await inpainted(denoise, { known: new Float64Array(6), mask: Float64Array.of(0.5, 0.5) })(x, 1);
  assert.deepEqual(
    half,
    free.map((v) => v / 2),
  );
  for (const bad of [new Float64Array(0), new Float64Array(4), Float64Array.of(0, 2), Float64Array.of(0, Number.NaN)])
    assert.throws(() => inpainted(denoise, { known: new Float64Array(6), mask: bad }), ConfigError);
  await assert.rejects(
    async () => inpainted(denoise, { known: new Float64Array(4), mask: new Float64Array(2) })(x, 1),
    ConfigError,
  );
});
