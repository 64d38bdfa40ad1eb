import assert from "node:assert/strict";
import { test } from "node:test";
import { alphaOf, discreteSchedule, gaussian, targetOf, timestepSpacing } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { ancestral, ddim, finish, type Network, networkDenoiser } from "../../src/sampling/index.ts";
import { close } from "./close.ts";

const data = gaussian({ mean: 0.3, std: 0.5, dims: 2 });

/** The ideal network of a prediction, told σ̃ by its label. */
const idealNetwork =
  (type: "x" | "eps" | "v" | "o", path: "vp" | "flow"): Network =>
  (z, sigma) => {
    const alpha = alphaOf(path, sigma);
    const pure = alpha === 0;
    const { x, eps } = targetOf(type, { alpha, sigma: pure ? 1 : alpha * sigma });
    const denoised = pure
      ? z.map(() => 0.3)
      : data.denoise(
          z.map((v) => v / alpha),
          sigma,
        );
    return denoised.map((d, i) => x * d + eps * (pure ? z[i] : (z[i] / alpha - d) / sigma));
  };

test("the ideal network of any prediction is the ideal denoiser", async () => {
  const x = Float64Array.of(3, -1);
  for (const path of ["vp", "flow"] as const)
    for (const type of ["x", "eps", "v", "o"] as const)
      for (const sigma of [0.01, 1, 50]) {
        const denoise = networkDenoiser(idealNetwork(type, path), { type, path, label: (s) => s });
        close(await denoise(x, sigma), data.denoise(x, sigma), 1e-9);
      }
});

test("at zero terminal SNR, sampling starts from pure noise with x, v or o, and is refused with ε", async () => {
  const { sigmas } = discreteSchedule({ type: "linear", steps: 1000, zeroTerminalSnr: true });
  const visited = timestepSpacing({ steps: 1000, count: 50, spacing: "trailing" }).map((t) => sigmas[t]);
  assert.equal(visited[0], Number.POSITIVE_INFINITY);
  const noise = Float64Array.of(0.4, -1.3);
  for (const [type, path] of [
    ["x", "vp"],
    ["v", "vp"],
    ["o", "flow"],
  ] as const) {
    const denoise = networkDenoiser(idealNetwork(type, path), { type, path, label: (s) => s });
    const x = await finish(ddim(denoise, noise, [...visited, 0]));
    close(
      x,
      noise.map((n) => 0.3 + 0.5 * n),
      0.05,
    );
    await finish(ancestral(denoise, noise, [...visited, 0], { noise: () => new Float64Array(2) }));
  }
  for (const type of ["eps", "score"] as const)
    await assert.rejects(
      async () => networkDenoiser((z) => z, { type, label: (s) => s })(noise, Number.POSITIVE_INFINITY),
      ConfigError,
    );
  for (const spec of [{ type: "edm" }, { type: "ve" }, { type: "v", path: "ve" }] as const)
    await assert.rejects(
      async () => networkDenoiser((z) => z, spec)(noise, Number.POSITIVE_INFINITY),
      /zero terminal SNR/,
    );
});
