/** What a network is told about the noise level: the number c_noise that its embedding receives. */
import { ConfigError, unknownName } from "../errors/index.ts";
import { type DiscreteSchedule, type DiscreteSpec, discreteSchedule } from "./discrete.ts";
import { type NoiseScheduleSpec, noiseSchedule } from "./log-snr.ts";
import type { NoiseSchedule } from "./schedule.ts";

/** The label of a noise level σ̃. */
export type NoiseLabel = (sigma: number) => number;

/** A labelling by name; every label is multiplied by `scale`. */
export type NoiseLabelSpec =
  /** ln σ̃; the default scale of ¼ is EDM's. */
  | { readonly type: "log-sigma"; readonly scale?: number }
  /** λ = −2 ln σ̃. */
  | { readonly type: "log-snr"; readonly scale?: number }
  /** σ̃ itself, as score_sde labels VE networks. */
  | { readonly type: "sigma"; readonly scale?: number }
  /**
   * t in [0, 1] of a continuous schedule. Song's VP networks: schedule linear, scale 999. Here and below, a label within
   * an objective may leave the schedule out, and has the objective's.
   */
  | { readonly type: "time"; readonly schedule?: NoiseScheduleSpec | NoiseSchedule; readonly scale?: number }
  /**
   * The timestep 0 … T − 1 of a discrete process, linear in ln σ̃ between two timesteps, or the nearer one if `round`.
   * Noise levels beyond the table get its first or last timestep. A respaced process gives the original timesteps.
   * `scale` 1000/T makes the labels of improved-diffusion with rescaled timesteps.
   */
  | {
      readonly type: "index";
      readonly schedule?: DiscreteSpec | DiscreteSchedule;
      readonly round?: boolean;
      readonly scale?: number;
    };

type Type = NoiseLabelSpec["type"];
type Spec<T extends Type> = Extract<NoiseLabelSpec, { readonly type: T }>;

const labels: { readonly [T in Type]: (spec: Spec<T>) => NoiseLabel } = {
  "log-sigma":
    ({ scale = 0.25 }) =>
    (sigma) =>
      scale * Math.log(sigma),
  "log-snr":
    ({ scale = 1 }) =>
    (sigma) =>
      -2 * scale * Math.log(sigma),
  sigma:
    ({ scale = 1 }) =>
    (sigma) =>
      scale * sigma,
  time: ({ schedule, scale = 1 }) => {
    const { time } = noiseSchedule(given("time", schedule));
    return (sigma) => scale * time(-2 * Math.log(sigma));
  },
  index: ({ schedule, round = false, scale = 1 }) => {
    const table = discreteSchedule(given("index", schedule));
    const { timesteps } = table;
    const last = table.logSnr.at(-1) === Number.NEGATIVE_INFINITY ? table.steps - 2 : table.steps - 1;
    if (last === 0) return () => scale * timesteps[0];
    const { time } = noiseSchedule({ type: "discrete", table });
    return (sigma) => {
      const index = sigma === Number.POSITIVE_INFINITY ? table.steps - 1 : last * time(-2 * Math.log(sigma));
      if (round) return scale * timesteps[Math.round(index)];
      const below = Math.min(Math.floor(index), last - 1);
      return scale * (timesteps[below] + (index - below) * (timesteps[below + 1] - timesteps[below]));
    };
  },
};

function given<T>(type: Type, schedule: T | undefined): T {
  if (schedule === undefined) throw new ConfigError(`noise label ${type}: needs a schedule.`);
  return schedule;
}

/** The names of the labellings. */
export const noiseLabelNames = Object.keys(labels) as readonly Type[];

/** The labelling of a spec, or any function of σ̃. */
export function noiseLabel(spec: NoiseLabelSpec | NoiseLabel): NoiseLabel {
  return typeof spec === "function" ? spec : labelOf(spec.type, spec);
}

function labelOf<T extends Type>(type: T, spec: Spec<T>): NoiseLabel {
  if (!Object.hasOwn(labels, type)) throw unknownName("noise label: type", type, noiseLabelNames);
  return labels[type](spec);
}
