import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gaussian } from "../../src/diffusion/index.ts";
import {
  type ConsistencySchedule,
  consistencyLoss,
  consistencyPair,
  consistencyScales,
  consistencyWeight,
} from "../../src/distillation/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { close } from "../sampling/close.ts";

describe("consistency schedules", () => {
  const growing: ConsistencySchedule = { scaleMode: "progressive", emaMode: "adaptive", totalSteps: 1000 };

  test("scales grow from first to last, and the average with them", () => {
    let before = { numScales: 0, targetEma: 0 };
    for (let step = 0; step <= 1000; step += 10) {
      const now = consistencyScales(growing, step);
      assert.ok(now.numScales >= before.numScales && now.targetEma >= before.targetEma && now.targetEma < 1);
      before = now;
    }
    assert.equal(consistencyScales(growing, 0).numScales, 2);
    assert.equal(consistencyScales(growing, 1000).numScales, 201);
    assert.deepEqual(consistencyScales({ scaleMode: "fixed", emaMode: "fixed", startScales: 18 }, 77), {
      numScales: 18,
      targetEma: 0.95,
    });
  });

  test("unknown modes and combinations without a meaning are refused", () => {
    const bad: object[] = [
      { ...growing, scaleMode: "linear" },
      { ...growing, emaMode: "none" },
      { ...growing, scaleMode: "fixed" },
      { ...growing, startScales: 1 },
      { ...growing, endScales: 1 },
      { ...growing, totalSteps: 0 },
      { ...growing, startEma: 1.5 },
    ];
    for (const given of bad) assert.throws(() => consistencyScales(given as ConsistencySchedule, 0), ConfigError);
  });
});

describe("consistency targets", () => {
  const data = gaussian({ mean: 0.3, std: 0.5, dims: 2 });
  const [x, noise] = [Float64Array.of(0.2, -0.4), Float64Array.of(1.1, 0.3)];

  test("the teacher's pair is on one trajectory, to third order in the distance", async () => {
    const error = async (next: number) => {
      const { xSigma, xNext } = await consistencyPair(x, noise, { sigma: 2, next }, data.denoise);
      return Math.abs(xNext[0] - data.flow(xSigma, 2, next)[0]);
    };
    const ratio = (await error(1.8)) / (await error(1.9));
    assert.ok(ratio > 6.5 && ratio < 10, `${ratio}`);
  });

  test("without a teacher, the pair is the same data and noise at two levels", async () => {
    const { xSigma, xNext } = await consistencyPair(x, noise, { sigma: 2, next: 1.5 });
    close(
      xSigma,
      x.map((v, i) => v + 2 * noise[i]),
      1e-15,
    );
    close(
      xNext,
      x.map((v, i) => v + 1.5 * noise[i]),
      1e-15,
    );
  });

  test("the exact consistency function has no loss", async () => {
    const { xSigma, xNext } = await consistencyPair(x, noise, { sigma: 2, next: 1.999 }, data.denoise);
    const [student, target] = [data.flow(xSigma, 2, 0.002), data.flow(xNext, 1.999, 0.002)];
    assert.ok(consistencyLoss(student, target, { norm: "l2" })[0] < 1e-18);
    close(consistencyLoss(Float64Array.of(1, 3), Float64Array.of(0, 0), { norm: "l1", weight: 2 }), [4], 1e-15);
    close(consistencyLoss(Float64Array.of(1, 3), Float64Array.of(0, 0), { norm: "l2", batch: 2 }), [1, 9], 1e-15);
  });

  test("levels out of order, and unknown names, are refused", async () => {
    await assert.rejects(consistencyPair(x, noise, { sigma: 1, next: 1 }), ConfigError);
    await assert.rejects(consistencyPair(x, noise, { sigma: 1, next: 0 }), ConfigError);
    // @ts-expect-error: not a weighting
    assert.throws(() => consistencyWeight("kaaras", 1), /Did you mean "karras"/);
    // @ts-expect-error: not a norm
    assert.throws(() => consistencyLoss(x, x, { norm: "l3" }), ConfigError);
  });
});
