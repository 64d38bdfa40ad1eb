/** What `explain` says of an objective, in words and as plots. */
import { type Comparison, linePlot, type ObjectiveProfile, profileOf, scheduleInvariance } from "../analysis/index.ts";
import type { Objective } from "../diffusion/index.ts";
import type { NamedObjective } from "./loss-spread.ts";

/** Lines of a table: a title and a text each. `state` is what a timestep law has learned. */
export function* objectiveLines(
  objective: Objective,
  state?: Float64Array,
): Generator<readonly [title: string, text: string]> {
  const { spec, noise, uniforms, warnings } = objective;
  const profile = profileOf(objective, state && { state });
  const { logSnr, density, effective } = profile;
  const peak = logSnr[effective.indexOf(1)];
  const loss =
    "weighting" in spec.loss ? `weighting ${spec.loss.weighting.type}` : `multiplier ${spec.loss.multiplier.type}`;
  const extras = [
    ...(uniforms.type === "independent" ? [] : [`${uniforms.type} in a batch`]),
    ...(noise.perturbation > 0 ? [`input perturbation ${noise.perturbation}`] : []),
    ...(noise.offset > 0 ? [`offset noise ${noise.offset}`] : []),
    ...(spec.variance ? [`variance ${spec.variance.type}`] : []),
  ];
  yield [
    "objective",
    [`${spec.prediction.type}-prediction`, scheduleName(objective), timesName(objective), loss, ...extras].join(", "),
  ];
  yield [
    "looks at",
    `log-SNR ${shown(quantile(logSnr, density, 0.05))} to ${shown(quantile(logSnr, density, 0.95))}, nine times in ten`,
  ];
  yield [
    "counts",
    `most at log-SNR ${shown(peak)}; half of the weight lies below ${shown(quantile(logSnr, effective, 0.5))}`,
  ];
  yield ["bound", boundOf(profile)];
  const estimates = scheduleInvariance(objective);
  const values = estimates.map(({ value }) => value);
  const apart = (Math.max(...values) / Math.min(...values) - 1) * 100;
  yield [
    "invariant",
    `the loss of a Gaussian's ideal denoiser is the same to ${apart.toPrecision(2)}% under ${estimates.map(({ schedule, spread }) => `${schedule} (spread ${spread.toPrecision(2)})`).join(", ")}`,
  ];
  for (const warning of warnings) yield ["note", warning];
}

function scheduleName({ spec: { schedule } }: Objective): string {
  if (!schedule) return "no schedule";
  return schedule.kind === "discrete" ? `${schedule.table.type} timesteps` : `${schedule.schedule.type} schedule`;
}

function timesName({ spec: { timesteps } }: Objective): string {
  if (timesteps.type !== "bernoulli") return `times ${timesteps.type}`;
  return `times bernoulli (p = ${timesteps.p} below t = ${timesteps.threshold})`;
}

/** Whether the objective is an ELBO with Gaussian augmentation, and how much noise that adds. */
function boundOf({ rise, mixture, logSnr, time }: ObjectiveProfile): string {
  if (!mixture)
    return `no ELBO: the weighting rises from log-SNR ${shown(rise ?? Number.NaN)} on (not monotonic, so Theorem 1 of Kingma & Gao 2023 says nothing)`;
  const { massAtZero, cumulative } = mixture;
  if (massAtZero > 0.999) return "the ELBO itself: the weighting is constant";
  // `cumulative` falls along λ: the median noise is where it passes one half.
  const half = Math.max(
    0,
    cumulative.findIndex((share) => share <= 0.5),
  );
  return `an ELBO of data with Gaussian noise (the weighting never rises): none with probability ${massAtZero.toPrecision(2)}, in the median up to t = ${time[half].toFixed(2)} (log-SNR ${shown(logSnr[half])})`;
}

/** What a comparison comes to, in a sentence or two. */
export function comparisonText({ same, deviation, factor, range, differences }: Comparison): string {
  const where = `on log-SNR ${shown(range.min)} to ${shown(range.max)}`;
  const but =
    differences.length > 0 ? ` They differ in what a weighting does not show: ${differences.join("; ")}.` : "";
  if (same) return `the same objective up to a factor of ${factor.toPrecision(4)}, ${where}.${but}`;
  return `different objectives: the weightings depart by up to a factor of ${Math.exp(deviation).toPrecision(3)} from being proportional, ${where}.${but}`;
}

/** λ of which a share of the area under a curve lies below. */
function quantile(logSnr: Float64Array, curve: Float64Array, share: number): number {
  const areas = Array.from(logSnr, (at, i) => (i === 0 ? 0 : ((at - logSnr[i - 1]) * (curve[i] + curve[i - 1])) / 2));
  const total = areas.reduce((a, b) => a + b, 0);
  let sum = 0;
  return logSnr[areas.findIndex((area) => (sum += area) >= share * total)];
}

const shown = (value: number) => value.toFixed(1).replace("-", "−");

/** Plots by name: λ(t), p(λ), w_eff(λ) and, for an ELBO, the mixing distribution; one line for each objective. */
export function objectivePlots(named: readonly NamedObjective[]): Readonly<Record<string, string>> {
  const profiles = named.map(({ name, objective, state }) => [name, profileOf(objective, state && { state })] as const);
  const plot = (
    title: string,
    xLabel: string,
    yLabel: string,
    axes: (p: ObjectiveProfile) => readonly [ArrayLike<number>, ArrayLike<number>] | undefined,
  ) => {
    const series = profiles.flatMap(([name, profile]) => {
      const found = axes(profile);
      return found ? [{ name, x: found[0], y: found[1] }] : [];
    });
    return series.length > 0 ? linePlot({ title, xLabel, yLabel, series }) : undefined;
  };
  const plots = {
    schedule: plot("Noise schedule", "time t", "log-SNR λ", (p) => [p.time, p.logSnr]),
    density: plot("Where training looks", "log-SNR λ", "density p(λ)", (p) => [p.logSnr, p.density]),
    weighting: plot("What counts: effective weighting", "log-SNR λ", "w(λ), at most 1", (p) => [p.logSnr, p.effective]),
    mixture: plot(
      "Noise of the augmentation (Theorem 1)",
      "time t",
      "probability of noise up to t",
      (p) => p.mixture && [p.time, p.mixture.cumulative],
    ),
  };
  return Object.fromEntries(Object.entries(plots).flatMap(([name, svg]) => (svg === undefined ? [] : [[name, svg]])));
}
