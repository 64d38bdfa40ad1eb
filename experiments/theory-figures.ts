/**
 * Regenerates the figures of docs/sampling.md on how noise forgets data, and on what a start from pure noise costs, into
 * docs/images. Run it as `node dist/experiments/theory-figures.js` after a build.
 */
import { join } from "node:path";
import { linePlot } from "../src/analysis/index.ts";
import { ouMixing, ouStartError } from "../src/diffusion/index.ts";
import { writeAtomic } from "../src/runs/index.ts";

const folder = join(import.meta.dirname, "../../docs/images");
const save = (name: string, svg: string) => writeAtomic(join(folder, `${name}.svg`), [svg]);
const times = Float64Array.from({ length: 121 }, (_, i) => i / 30);

const mixing = Array.from(times, (t) => ouMixing(0.5, 0.4, t));
save(
  "theory-mixing",
  linePlot({
    title: "From N(0.5, 0.4²) to N(0, 1): distances and their bounds",
    xLabel: "time t",
    yLabel: "distance",
    log: true,
    legend: "outside",
    yRange: [1e-4, 2],
    series: [
      { name: "W₂", x: times, y: mixing.map(({ w2 }) => w2) },
      { name: "exp(−t) W₂(0)", x: times, y: mixing.map(({ w2Bound }) => w2Bound), dashed: true },
      { name: "KL", x: times, y: mixing.map(({ kl }) => kl) },
      { name: "exp(−2t) KL(0)", x: times, y: mixing.map(({ klBound }) => klBound), dashed: true },
      { name: "TV ≤ √(KL/2)", x: times, y: mixing.map(({ tvBound }) => tvBound), dashed: true },
    ],
  }),
);

const errors = Array.from(times, (t) => ouStartError(2, t));
save(
  "theory-start",
  linePlot({
    title: "Sampling N(2, 1) from N(0, 1) at time T, with the exact score",
    xLabel: "T",
    yLabel: "error of the samples",
    log: true,
    legend: "outside",
    yRange: [1e-4, 3],
    series: [
      { name: "W₂, ODE", x: times, y: errors.map(({ deterministic }) => deterministic) },
      { name: "W₂, SDE", x: times, y: errors.map(({ stochastic }) => stochastic) },
      { name: "TV, ODE", x: times, y: errors.map(({ deterministicTv }) => deterministicTv), dashed: true },
      { name: "TV, SDE", x: times, y: errors.map(({ stochasticTv }) => stochasticTv), dashed: true },
    ],
  }),
);
