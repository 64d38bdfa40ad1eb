/**
 * Regenerates the figures of docs/explain.md into docs/images: Kingma & Gao (2023), Table 1 with Figures 2 and 3, and the
 * sampling laws of Zheng et al. (2024), Figure 2. Run it as `node dist/experiments/objective-figures.js` after a build.
 */
import { join } from "node:path";
import { linePlot, type Series } from "../src/analysis/index.ts";
import {
  type NoiseScheduleSpec,
  noiseSchedule,
  type TimestepSpec,
  timestepSampler,
  type WeightingSpec,
  weighting,
} from "../src/diffusion/index.ts";
import { writeAtomic } from "../src/runs/index.ts";

const folder = join(import.meta.dirname, "../../docs/images");
const save = (name: string, svg: string) => writeAtomic(join(folder, `${name}.svg`), [svg]);
const range = (from: number, to: number, count: number) =>
  Float64Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));

const schedules: Readonly<Record<string, NoiseScheduleSpec>> = {
  cosine: { type: "cosine" },
  "EDM (training)": { type: "edm-training" },
  "EDM (sampling)": { type: "edm-sampling" },
  "flow matching": { type: "flow" },
};
const times = range(0.001, 0.999, 400);
const logSnrs = range(-15, 15, 601);
const built = Object.entries(schedules).map(([name, spec]) => [name, noiseSchedule(spec)] as const);
save(
  "schedules",
  linePlot({
    title: "Noise schedules",
    xLabel: "time t",
    yLabel: "log-SNR λ",
    series: built.map(([name, { logSnr }]) => ({ name, x: times, y: times.map((t) => logSnr(t)) })),
  }),
);
save(
  "schedule-densities",
  linePlot({
    title: "The same schedules as densities p(λ) = −dt/dλ",
    xLabel: "log-SNR λ",
    yLabel: "p(λ)",
    series: built.map(([name, { density }]) => ({ name, x: logSnrs, y: logSnrs.map(density) })),
  }),
);

/** A weighting, scaled so that its maximum over the plotted range is 1. */
function scaled(name: string, spec: WeightingSpec): Series {
  const w = logSnrs.map(weighting(spec));
  const most = w.reduce((a, b) => Math.max(a, b));
  return { name, x: logSnrs, y: w.map((value) => value / most) };
}
save(
  "weightings-rising",
  linePlot({
    title: "Weightings that rise somewhere",
    xLabel: "log-SNR λ",
    yLabel: "w(λ), scaled",
    series: [
      scaled("iDDPM (ε, cosine)", { type: "iddpm-cosine" }),
      scaled("EDM", { type: "edm" }),
      scaled("P2, γ = 0.5", { type: "p2", gamma: 0.5 }),
      scaled("P2, γ = 1", { type: "p2", gamma: 1 }),
      scaled("Min-SNR-5", { type: "min-snr" }),
    ],
  }),
);
save(
  "weightings-monotonic",
  linePlot({
    title: "Weightings that never rise",
    xLabel: "log-SNR λ",
    yLabel: "w(λ), scaled",
    series: [
      scaled("ELBO", { type: "elbo" }),
      scaled("v + cosine, FM-OT", { type: "v-cosine" }),
      scaled("InDI", { type: "indi" }),
      scaled("sigmoid, k = 2", { type: "sigmoid", k: 2 }),
      scaled("EDM-monotonic", { type: "edm-monotonic" }),
      scaled("5-bit", { type: "low-bit" }),
    ],
  }),
);

const laws: Readonly<Record<string, TimestepSpec>> = {
  uniform: { type: "uniform" },
  "p = 0.5": { type: "bernoulli", p: 0.5, threshold: 0.8 },
  "p = 0.7": { type: "bernoulli", p: 0.7, threshold: 0.8 },
  "p = 0.8 (the uniform law)": { type: "bernoulli", p: 0.8, threshold: 0.8 },
  "p = 0.9": { type: "bernoulli", p: 0.9, threshold: 0.8 },
};
save(
  "bernoulli-laws",
  linePlot({
    title: "Bernoulli timestep sampling with t_δ/T = 0.8",
    xLabel: "time t",
    yLabel: "density",
    yRange: [0, 3.5],
    series: Object.entries(laws).map(([name, spec], i) => {
      const sampler = timestepSampler(spec);
      const { density } = sampler.law(sampler.init());
      return { name, x: times, y: times.map((t) => density(t)), dashed: i === 3 };
    }),
  }),
);
