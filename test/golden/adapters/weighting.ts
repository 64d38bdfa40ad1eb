import {
  type EdmConstants,
  edmPeak,
  isMonotonic,
  type MultiplierSpec,
  multiplierOn,
  noiseSchedule,
  type Prediction,
  unbiasedMultiplier,
  type WeightingSpec,
  weighting,
} from "../../../src/diffusion/index.ts";
import type { Adapters } from "../vectors.ts";
import { noiseScheduleSpec } from "./schedule.ts";

/** The vectors' names for multipliers that have another name here, being the same. */
const aliases: Readonly<Record<string, MultiplierSpec["type"] | undefined>> = {
  snr: "simple",
  karras: "edm",
  uniform: "uniform-x",
};

/** A golden `{ weighting, …constants }` as a spec of ours. */
export const multiplierSpec = ({ weighting: name, ...constants }: { readonly weighting: string }) =>
  ({ ...constants, type: aliases[name] ?? name }) as MultiplierSpec;

const denoiserForms = { edm: "edm", softMinSnr: "soft-min-snr", snr: "simple", vpOrVe: "simple" } as const;

export const weightings: Adapters = {
  "weighting.discrete": ({ snr, sigma, ...input }) => {
    if (input.weighting === "edm-denoiser-forms")
      return Object.fromEntries(
        Object.entries(denoiserForms).map(([key, type]) => [
          key,
          sigma.map((s: number) => multiplierOn("x", { ...input, type })(-2 * Math.log(s))),
        ]),
      );
    const spec = multiplierSpec(input);
    const on = (target: Prediction) => snr.map((v: number) => multiplierOn(target, spec)(Math.log(v)));
    return { onEps: on("eps"), onX: on("x"), onV: on("v") };
  },
  "weighting.lambda": (input) => {
    const spec = input.weighting as WeightingSpec;
    const w = weighting(spec);
    const [min, max] = input.range;
    const peak = spec.type === "edm-monotonic" ? edmPeak(spec as EdmConstants) : undefined;
    return {
      weight: input.lambda.map(w),
      nonIncreasing: isMonotonic(w, { min, max }),
      peakLambda: peak?.logSnr,
      peakValue: peak?.value,
    };
  },
  "weighting.monte-carlo": ({ weighting: spec, schedule, lambda }) => {
    const { density } = noiseSchedule(noiseScheduleSpec(schedule));
    const onEps = unbiasedMultiplier(weighting(spec as WeightingSpec), density);
    const on = (target: Prediction) => lambda.map(multiplierOn(target, onEps));
    return { density: lambda.map(density), weightOnEps: on("eps"), weightOnX: on("x"), weightOnV: on("v") };
  },
};
