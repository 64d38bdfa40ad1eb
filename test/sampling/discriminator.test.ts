import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gaussian } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import {
  counted,
  type Discriminator,
  discriminatorCorrection,
  discriminatorGuided,
  discriminatorHeun,
  finish,
  heun,
} from "../../src/sampling/index.ts";
import { close } from "./close.ts";
import { karras } from "./gaussian.ts";

const [real, model] = [gaussian({ mean: 0.5, std: 0.6 }), gaussian({ mean: 0.1, std: 0.9 })];

/** ln p_real/p_model at VP time τ, exactly, and its gradient. */
const ideal: Discriminator = (z, tau) => {
  const b = 0.1 * tau + 0.5 * 19.9 * tau ** 2;
  const [alpha, sigma] = [Math.exp(-b / 2), Math.sqrt(Math.expm1(b))];
  const x = z.map((v) => v / alpha);
  const [p, q] = [real.logDensity(x, sigma), model.logDensity(x, sigma)];
  const [sp, sq] = [real.score(x, sigma), model.score(x, sigma)];
  return { logit: p.map((v, i) => v - q[i]), gradient: sp.map((v, i) => (v - sq[i]) / alpha) };
};

const everywhere = { timeMin: 0, timeMax: 2 };
const sigmas = karras(40, 20, 0.002);
const start = Float64Array.of(15, -9, 2);

describe("discriminator guidance", () => {
  test("the ideal discriminator turns the model into the data", async () => {
    const x = Float64Array.of(0.9, -0.5);
    for (const sigma of [0.01, 1, 30]) {
      const { correction, active } = await discriminatorCorrection(ideal, x, [sigma, sigma], everywhere);
      assert.ok(active);
      close(
        model.denoise(x, sigma).map((v, i) => v - correction[i]),
        real.denoise(x, sigma),
        1e-9,
      );
    }
    const guided = discriminatorGuided(model.denoise, ideal, { batch: 3, ...everywhere });
    close(await finish(heun(guided, start, karras(120, 20, 0.002))), real.flow(start, 20, 0.002), 1e-3);
  });

  test("with equal weights at both ends of a step, the sampler is Heun's on the guided denoiser", async () => {
    const options = { weightFirstOrder: 1.5, weightSecondOrder: 1.5, batch: 3, range: everywhere };
    const guided = discriminatorGuided(model.denoise, ideal, { weight: 1.5, batch: 3, ...everywhere });
    close(
      await finish(discriminatorHeun(model.denoise, start, sigmas, { ...options, discriminator: ideal })),
      await finish(heun(guided, start, sigmas)),
      1e-12,
    );
  });

  test("outside its time window nothing is asked", async () => {
    const silent: Discriminator = () => assert.fail("asked");
    const { active, correction, logRatio } = await discriminatorCorrection(silent, start, [1e-3, 1, 1]);
    assert.equal(active, false);
    close(correction, [0, 0, 0], 0);
    assert.deepEqual([...logRatio], new Array(3).fill(Number.POSITIVE_INFINITY));
  });

  test("a sure discriminator is clipped, and pushes no more", async () => {
    const sure: Discriminator = (z) => ({ logit: z.map(() => -40), gradient: z.map(() => 1) });
    const { logRatio, correction } = await discriminatorCorrection(sure, Float64Array.of(1), [1]);
    close(logRatio, [-Math.log((1 - 1e-5) / 1e-5)], 1e-12);
    close(correction, [0], 0);
  });

  test("boosting churns only doubtful samples: one more evaluation where levels differ", async () => {
    const doubtful: Discriminator = (z) => ({ logit: Float64Array.of(1, -1), gradient: z.map(() => 0) });
    const watched = counted(model.denoise);
    const draws = { count: 0 };
    const steps = karras(6, 20, 0.1);
    for await (const _ of discriminatorHeun(watched, Float64Array.of(5, 5), steps, {
      discriminator: doubtful,
      boosting: "on",
      batch: 2,
      range: everywhere,
      noise: () => {
        draws.count++;
        return Float64Array.of(0.3, 0.3);
      },
    }));
    // Step 5 is boosted (step 0 too, but there nobody is in doubt yet): two levels, three evaluations instead of two.
    assert.equal(watched.sigmas.length, 2 * 6 + 1);
    assert.equal(draws.count, 6);
    assert.ok(watched.sigmas.includes(steps[5]) && watched.sigmas.some((s) => s > steps[5] && s < steps[4]));
  });

  test("what cannot run is refused", async () => {
    const run = (options: object) => finish(discriminatorHeun(model.denoise, start, sigmas, options));
    await assert.rejects(run({}), /discriminator is missing/);
    await assert.rejects(run({ discriminator: ideal, batch: 3, boosting: "on" }), /noise is missing/);
    await assert.rejects(run({ discriminator: ideal, batch: 3, sChurn: 2 }), /noise is missing/);
    await assert.rejects(run({ discriminator: ideal, batch: 2 }), /does not divide/);
    await assert.rejects(run({ discriminator: ideal, batch: 1, range: everywhere }), ConfigError);
  });
});
