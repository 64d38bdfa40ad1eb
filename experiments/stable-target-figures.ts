/**
 * Regenerates the figures of docs/stable-targets.md into docs/images and prints its numbers: Xu, Tong & Jaakkola (2023),
 * Figure 3, for two Gaussians in 64 dimensions and for 4,096 digits. Run it as
 * `node dist/experiments/stable-target-figures.js` after a build; it takes a few minutes.
 */
import { join } from "node:path";
import { linePlot, phases, posteriorDivergence, type TargetPoint, targetPoint } from "../src/analysis/index.ts";
import { loadDataset } from "../src/data/files/index.ts";
import { elements, subset } from "../src/data/index.ts";
import { type ClosedForm, mixture } from "../src/diffusion/index.ts";
import { stream } from "../src/random/index.ts";
import { writeAtomic } from "../src/runs/index.ts";

const folder = join(import.meta.dirname, "../../docs/images");

interface Study {
  readonly name: string;
  readonly title: string;
  readonly data: ClosedForm;
  readonly references: readonly number[];
  readonly sigmas: readonly number[];
  readonly trials: number;
}

const levels = (from: number, to: number, count: number) =>
  Array.from({ length: count }, (_, i) => from * (to / from) ** (i / (count - 1)));

function curve({ name, title, data, references, sigmas, trials }: Study): readonly TargetPoint[] {
  const points = sigmas.map((sigma, i) => targetPoint({ data, sigma, references, trials, stream: stream(0, name, i) }));
  const dsm = points.map((point) => point.dsm.timesSigma2);
  const most = Math.max(...dsm);
  const x = sigmas.map(Math.log10);
  const lines = references.map((n, i) => ({
    name: `stable, n = ${n}`,
    x,
    y: points.map(({ stable }) => stable[i].timesSigma2 / most),
  }));
  const plot = linePlot({
    title,
    xLabel: "log₁₀ σ",
    yLabel: "variance of the target, in units of ε, scaled",
    series: [{ name: "plain", x, y: dsm.map((value) => value / most) }, ...lines],
  });
  writeAtomic(join(folder, `target-variance-${name}.svg`), [plot]);
  console.log(`${title}: middle phase`, phases(sigmas, dsm));
  for (const { sigma, dsm: plain, stable, spread } of points)
    console.log(
      sigma.toPrecision(3),
      "spread",
      spread.toPrecision(3),
      "V_DSM σ²",
      plain.timesSigma2.toPrecision(3),
      ...stable.map(
        ({ references: n, value, standardError, effectiveSampleSize }) =>
          `| n ${n}: /${(plain.value / value).toPrecision(3)} ± ${((100 * standardError) / value).toFixed(0)}% ESS ${effectiveSampleSize.toPrecision(3)}`,
      ),
    );
  return points;
}

const centre = new Array<number>(64).fill(0.5);
curve({
  name: "gaussians",
  title: "Two Gaussians in 64 dimensions",
  data: mixture({ means: [centre, centre.map((c) => -c)], stds: 0.005 }),
  references: [4, 16, 64],
  sigmas: levels(0.1, 50, 28),
  trials: 2000,
});

const loading = loadDataset("mnist");
let loaded = await loading.next();
while (!loaded.done) loaded = await loading.next();
const count = 4096;
const digits = subset(
  loaded.value,
  Array.from({ length: count }, (_, i) => i),
);
const dims = elements(digits.shape);
const values = new Float32Array(count * dims);
for (let i = 0; i < count; i++) digits.read(i, values, i * dims);
const means = Float64Array.from(values);
const sigmas = levels(0.2, 50, 15);
curve({
  name: "digits",
  title: "4,096 digits of MNIST",
  data: mixture({ means, dims }),
  references: [16, 128, 1024],
  sigmas,
  trials: 160,
});

console.log("D(σ) of the digits:");
for (const [i, sigma] of sigmas.entries()) {
  const noise = stream(1, "divergence", i).fillNormal(new Float64Array(8 * dims));
  const noisy = noise.map((e, k) => means[k] + sigma * e);
  const all = posteriorDivergence(means, noisy, dims, sigma);
  console.log(sigma.toPrecision(3), (all.reduce((a, b) => a + b, 0) / all.length).toPrecision(3));
}
