import assert from "node:assert/strict";
import { test } from "node:test";
import {
  discreteLoss,
  discreteSchedule,
  type Prediction,
  precondition,
  varianceTerm,
} from "../../src/diffusion/index.ts";
import { evaluate, gradients, input } from "../../src/graph/index.ts";
import { normals } from "../../src/random/index.ts";
import { varianceFeeds, varianceInputs, varianceLoss } from "../../src/training/variance-loss.ts";

const [dims, steps] = [12, 30];
const table = { type: "cosine", steps } as const;
const schedule = discreteSchedule(table);
const timesteps = [0, 1, 7, 20, steps - 1];
const batch = timesteps.length;
const clean = normals(1, "clean", 0, batch * dims).map((v) => Math.max(-1, Math.min(1, Math.round(v * 127.5) / 127.5)));
const noise = normals(1, "noise", 0, batch * dims);
const row = (values: Float64Array, i: number) => values.subarray(i * dims, (i + 1) * dims);

/** What the training graph says of a batch with given outputs: each sample's loss, and its gradients by both outputs. */
function graph(
  prediction: Prediction,
  type: "learned-range" | "learned",
  output: Float64Array,
  variance: Float64Array,
) {
  const at = precondition({ type: prediction } as never);
  const term = varianceTerm({ type, lambda: 1 / steps }, schedule);
  const all = timesteps.map((t) => ({ ...at(schedule.sigmas[t]), ...term(t, at(schedule.sigmas[t]).cOut, 1) }));
  const [x, f, v] = ["x", "f", "v"].map((name) => input(name, [batch, dims]));
  const target = Float64Array.from(clean, (c, i) => {
    const { targetX, targetNoise } = all[Math.floor(i / dims)];
    return targetX * c + targetNoise * noise[i];
  });
  const error = f.sub(input("target", [batch, dims]));
  const losses = varianceLoss(x, error, v, varianceInputs(batch, 1));
  const feeds = { x: clean, f: output, v: variance, target, ...varianceFeeds(all) };
  const [values, onF, onV] = evaluate([losses, ...gradients(losses.sum(), [f, v])], feeds);
  return { values, onF, onV };
}

test("the graph's term and its gradient are those of the published hybrid loss", () => {
  const output = normals(2, "output", 0, batch * dims);
  const variance = normals(2, "variance", 0, batch * dims);
  for (const prediction of ["eps", "x", "v"] as const)
    for (const type of ["learned-range", "learned"] as const) {
      const logVariance = type === "learned" ? variance.map((v) => -4 + v) : variance;
      const { values, onF, onV } = graph(prediction, type, output, logVariance);
      for (const [i, t] of timesteps.entries()) {
        const expected = discreteLoss(
          { schedule, loss: "mse", variance: type, prediction },
          {
            t,
            clean: row(clean, i),
            noise: row(noise, i),
            output: Float64Array.of(...row(output, i), ...row(logVariance, i)),
          },
        );
        const what = `${prediction}, ${type}, t = ${t}`;
        assert.ok(
          Math.abs(values[i] - expected.boundPart) < 1e-5 * (1 + expected.boundPart),
          `${what}: ${values[i]} ${expected.boundPart}`,
        );
        for (let d = 0; d < dims; d++) {
          const gradient = expected.gradient[dims + d];
          assert.ok(Math.abs(row(onV, i)[d] - gradient) < 1e-5 * (1 + Math.abs(gradient)), `${what}: gradient`);
        }
      }
      assert.ok(
        onF.every((g) => g === 0),
        "no gradient reaches the mean",
      );
    }
});

test("an output far off gives finite numbers", () => {
  for (const scale of [1e3, 1e6]) {
    const { values, onV } = graph(
      "eps",
      "learned-range",
      normals(3, "far", 0, batch * dims).map((v) => scale * v),
      new Float64Array(batch * dims),
    );
    assert.ok([...values, ...onV].every(Number.isFinite));
  }
});
