/**
 * A training objective: which noise levels training looks at, what the network is asked there, and what counts. Every
 * combination is one formula, m(λ)·‖ε − ε̂‖² averaged over λ ~ p, seen as a weighted error of the network's own output.
 * What it optimises is the one function w_eff(λ) = m(λ)·p(λ), whichever factors it is made of.
 */
import { ConfigError } from "../errors/index.ts";
import { notNegative } from "./admissible.ts";
import { type Multiplier, type MultiplierSpec, multiplier } from "./multiplier.ts";
import { type NoiseAxis, noiseAxis, type ScheduleSpec } from "./noise-axis.ts";
import { type Precondition, type PreconditioningSpec, precondition } from "./preconditioning.ts";
import { type TimestepSpec, timestepSampler } from "./timestep.ts";
import type { TimestepLaw, TimestepSampler } from "./timestep-law.ts";
import type { UniformsSpec } from "./timestep-uniforms.ts";
import { type VarianceCoefficients, type VarianceSpec, type VarianceTerm, varianceTerm } from "./variance.ts";
import { type Weighting, type WeightingSpec, weighting } from "./weighting.ts";

/** An objective by the names of its factors. */
export interface ObjectiveSpec {
  /** What the network emits, on which path. A label of type "index" or "time" takes `schedule` unless it names its own. */
  readonly prediction: PreconditioningSpec;
  /**
   * Turns times and timesteps into noise levels. Laws of σ̃ or λ need none, except to correct a multiplier for how often
   * they look where, which is measured against it.
   */
  readonly schedule?: ScheduleSpec;
  /** Where training looks. */
  readonly timesteps: TimestepSpec;
  /** How the noise levels of one batch hang together; independent by default. */
  readonly uniforms?: UniformsSpec;
  /** What counts: a multiplier of the ε-error as papers publish them, or w(λ) itself. */
  readonly loss: { readonly multiplier: MultiplierSpec } | { readonly weighting: WeightingSpec };
  /**
   * Whether the loss is divided by how much more often than the schedule alone the timestep law visits a noise level, so
   * that the law changes the variance and not the objective. By default it is for a weighting and for laws that learn
   * from the losses, and is not for a published multiplier.
   */
  readonly importance?: boolean;
  /** What is done to the noise. */
  readonly noise?: NoiseSpec;
  /** A variance output and the loss for it; needs a discrete schedule. */
  readonly variance?: VarianceSpec;
}

/** Departures from plain Gaussian noise; 0 by default. They change the objective. */
export interface NoiseSpec {
  /**
   * γ of input perturbation: the network sees ε + γξ and is asked for ε (Ning et al. 2023, who use 0.1, and 0.15 on
   * CIFAR-10).
   */
  readonly perturbation?: number;
  /** Standard deviation of noise that all pixels of a channel share, added to ε everywhere (offset noise; usual: 0.1). */
  readonly offset?: number;
}

/** One sample's noise level. */
export interface Draw {
  /** What the law drew: a time, a timestep, σ̃ or λ. */
  readonly value: number;
  /** The timestep, where there are timesteps. */
  readonly step?: number;
  readonly sigma: number;
  readonly logSnr: number;
  /** The multiplier of ‖ε − ε̂‖² there. */
  readonly multiplier: number;
  /** The part of the multiplier that makes up for how often the law looks there. */
  readonly correction: number;
  /** Times the sample's loss, it is what a law that learns from losses is to be shown. */
  readonly feedback: number;
}

/** The numbers of one sample in the training step (see `training`): all that a network and its loss need to know. */
export interface Coefficients {
  /** c_in, and c_in·σ̃: the network's input is inX·x + inNoise·ε. */
  readonly inX: number;
  readonly inNoise: number;
  readonly cNoise: number;
  /** The network's target is targetX·x + targetNoise·ε. */
  readonly targetX: number;
  readonly targetNoise: number;
  /** 1/c_out: what the target moves by if the x that the network is asked for does, and its input does not. */
  readonly targetShift: number;
  /** The multiplier of the squared error of the network's output. */
  readonly weight: number;
  /** There exactly when the objective has a learned variance. */
  readonly variance?: VarianceCoefficients;
}

export interface Objective {
  readonly spec: ObjectiveSpec;
  readonly precondition: Precondition;
  readonly sampler: TimestepSampler;
  readonly uniforms: UniformsSpec;
  readonly noise: Required<NoiseSpec>;
  readonly axis: NoiseAxis;
  /** What somebody who chose these factors should know, a sentence each. */
  readonly warnings: readonly string[];
  /** The noise level that belongs to one uniform number, under a law of the sampler. */
  draw(law: TimestepLaw, u: number): Draw;
  /** The multiplier of ‖ε − ε̂‖² at λ under a law. */
  multiplier(law: TimestepLaw, logSnr: number): number;
  /** w_eff(λ) = multiplier × density of λ: what is optimised, up to a constant; 0 where the law never looks. */
  effectiveWeighting(law: TimestepLaw): Weighting;
  coefficients(draw: Draw): Coefficients;
}

/** λ is kept in this range, so that products of weights stay finite. */
const limit = 700;
const confine = (logSnr: number) => Math.min(Math.max(logSnr, -limit), limit);
const levelOf = (logSnr: number) => Math.exp(-logSnr / 2);

/** The objective that a spec names. Throws ConfigError. */
export function objective(spec: ObjectiveSpec): Objective {
  const sampler = timestepSampler(spec.timesteps);
  const learns = sampler.init().length > 0;
  const { importance = learns || "weighting" in spec.loss, uniforms = { type: "independent" }, noise = {} } = spec;
  const axis = noiseAxis(sampler.of, spec.schedule, "steps" in spec.timesteps ? spec.timesteps.steps : undefined);
  const conditioned = precondition(labelled(spec));
  const term = spec.variance && varianceTermOf(spec.variance, spec);
  const { perturbation = 0, offset = 0 } = noise;
  notNegative("objective: noise.perturbation", perturbation);
  notNegative("objective: noise.offset", offset);
  const ofLevels = sampler.of === "logSnr" || sampler.of === "sigma";
  const { uncorrected, corrected } = multipliers(spec, axis, { importance, ofLevels });

  const onLaw = (law: TimestepLaw, logSnr: number) => (importance ? corrected(law, logSnr) : uncorrected(logSnr));
  const correctionOf = (law: TimestepLaw, logSnr: number) =>
    importance ? 1 / (axis.relative ?? axis.density)(law, logSnr) : 1;
  // Laws of λ learn the loss as a density in λ, laws of timesteps the loss at a timestep, both without the correction.
  const feedbackOf = (law: TimestepLaw, logSnr: number) =>
    ofLevels && importance ? axis.density(law, logSnr) : 1 / correctionOf(law, logSnr);

  const built: Objective = {
    spec,
    precondition: conditioned,
    sampler,
    uniforms,
    noise: { perturbation, offset },
    axis,
    warnings: warningsOf(sampler, learns && !importance),
    multiplier: onLaw,
    effectiveWeighting: (law) => (logSnr) => {
      const density = axis.density(law, logSnr);
      return density === 0 ? 0 : density * onLaw(law, logSnr);
    },
    draw(law, u) {
      const value = law.draw(u);
      const visited = axis.visit(value);
      const logSnr = confine(visited.logSnr);
      return {
        value,
        ...(visited.step !== undefined && { step: visited.step }),
        // Only a timestep can be pure noise: for times that happens with probability 0.
        sigma: visited.step === undefined ? levelOf(logSnr) : levelOf(visited.logSnr),
        logSnr,
        multiplier: onLaw(law, logSnr),
        correction: correctionOf(law, logSnr),
        feedback: feedbackOf(law, logSnr),
      };
    },
    coefficients({ sigma, logSnr, step, multiplier: m, correction }) {
      const { cIn, cOut, cNoise, targetX, targetNoise } = conditioned(sigma);
      const pure = sigma === Number.POSITIVE_INFINITY;
      const almost = levelOf(logSnr);
      return {
        inX: pure ? 0 : cIn,
        inNoise: pure ? cIn : cIn * sigma,
        cNoise,
        targetX,
        targetNoise,
        targetShift: cOut === 0 ? 0 : 1 / cOut,
        weight: m * ((pure ? conditioned(almost).cOut : cOut) / almost) ** 2,
        ...(term && { variance: term(step ?? 0, cOut, correction) }),
      };
    },
  };
  checkLevels(built);
  return built;
}

/** The multiplier of the ε-error as if λ came from the schedule alone (or, where there is none, evenly), and under a law. */
function multipliers(
  { loss }: ObjectiveSpec,
  axis: NoiseAxis,
  { importance, ofLevels }: { readonly importance: boolean; readonly ofLevels: boolean },
) {
  if ("weighting" in loss) {
    const w: Weighting = weighting(loss.weighting);
    return {
      uncorrected: (logSnr: number) => w(logSnr) / (ofLevels ? 1 : (axis.scheduled?.(logSnr) ?? 1)),
      corrected: (law: TimestepLaw, logSnr: number) => w(logSnr) / axis.density(law, logSnr),
    };
  }
  const published: Multiplier = multiplier(loss.multiplier);
  const { relative } = axis;
  if (importance && !relative)
    throw new ConfigError(
      'objective: importance has nothing to compare a law of noise levels with. Give a "schedule", or a weighting in place of the multiplier, or set importance to false.',
    );
  return {
    uncorrected: published,
    corrected: (law: TimestepLaw, logSnr: number) => published(logSnr) / (relative?.(law, logSnr) ?? 1),
  };
}

/** The prediction, with the objective's schedule for a label that needs one. */
function labelled({ prediction, schedule }: ObjectiveSpec): PreconditioningSpec {
  if (!("label" in prediction) || typeof prediction.label !== "object" || "schedule" in prediction.label)
    return prediction;
  const { type } = prediction.label;
  if (type !== "index" && type !== "time") return prediction;
  const [kind, what] = type === "index" ? (["discrete", "timesteps"] as const) : (["continuous", "time"] as const);
  if (schedule?.kind !== kind)
    throw new ConfigError(
      `objective: prediction.label: "${type}" needs the ${what} of a ${kind} schedule, which this objective has not. Give the label its own schedule, or take log-sigma.`,
    );
  const own = schedule.kind === "discrete" ? schedule.table : schedule.schedule;
  return { ...prediction, label: { ...prediction.label, schedule: own } } as PreconditioningSpec;
}

function varianceTermOf(variance: VarianceSpec, { schedule, timesteps }: ObjectiveSpec): VarianceTerm {
  const { of } = timestepSampler(timesteps);
  if (schedule?.kind !== "discrete" || (of !== "time" && of !== "step"))
    throw new ConfigError(
      "objective: a learned variance belongs to the steps of a discrete process. Give a discrete schedule and a law of its times or timesteps, or leave variance out.",
    );
  return varianceTerm(variance, schedule.table);
}

/** Every timestep that is visited has a question that the network can answer, and counts a finite amount. */
function checkLevels({ spec, axis, sampler, precondition: at, multiplier: m, coefficients }: Objective): void {
  if (!axis.levels) return;
  const law = sampler.law(sampler.init());
  for (const [step, level] of axis.levels.entries()) {
    if (axis.density(law, level) === 0) continue;
    const [sigma, logSnr] = [levelOf(level), confine(level)];
    if (sigma === Number.POSITIVE_INFINITY) {
      let label: number;
      try {
        label = at(sigma).cNoise;
      } catch (cause) {
        throw new ConfigError(
          `objective: ${spec.prediction.type} cannot be learned at zero terminal SNR: at timestep ${step} the network's input is nothing but the noise, so its noise is no question and says nothing of the image. Predict x, v or o, or leave zeroTerminalSnr out.`,
          { cause },
        );
      }
      if (!Number.isFinite(label))
        throw new ConfigError(
          `objective: prediction.label: is ${label} at timestep ${step}, where zero terminal SNR makes the noise level infinite. Take the label "index".`,
        );
    }
    const drawn = { value: step, step, sigma, logSnr, multiplier: m(law, logSnr), correction: 1, feedback: 1 };
    const { weight } = coefficients(drawn);
    if (!(weight >= 0 && Number.isFinite(weight)))
      throw new ConfigError(
        `objective: timestep ${step}, at log-SNR ${level.toPrecision(4)}, would count ${weight} times. Take another weighting or multiplier.`,
      );
  }
}

function warningsOf(sampler: TimestepSampler, drifts: boolean): string[] {
  return [
    ...(sampler.warning === undefined ? [] : [sampler.warning]),
    ...(drifts
      ? [
          "importance is false: as the timestep law learns, the objective changes with it. Set it to true to change the variance only.",
        ]
      : []),
  ];
}
