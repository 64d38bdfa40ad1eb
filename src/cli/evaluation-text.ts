/** Evaluations as lines of text. */
import type { Measurement } from "../evaluation/index.ts";
import type { Evaluation, RunSubject, Subject } from "../runs/index.ts";

/** What was judged, in a line. */
export function describeSubject(subject: Subject): string {
  if (subject.type === "source") return subject.name;
  const { sampling, evaluations, classifier, discriminator, precision } = subject;
  const { sampler, steps, grid, guidance } = sampling;
  const guided =
    guidance === undefined || guidance === 1
      ? ""
      : `, guidance ${typeof guidance === "number" ? guidance : guidance.scale}`;
  const helped = [
    classifier ? `, classifier ${classifier.scale}` : "",
    discriminator ? `, discriminator ${correctionText(discriminator)}` : "",
    precision ? `, ${precision}` : "",
  ].join("");
  const at = grid.type === "karras" ? "" : grid.type === "levels" ? " at chosen levels" : ` of grid ${grid.type}`;
  const calls = evaluations === null ? "" : `, NFE ${evaluations}`;
  return `${describeParameters(subject)}: ${sampler}, ${steps} ${steps === 1 ? "step" : "steps"}${at}${guided}${helped}${calls}`;
}

/** Which parameters of a run were judged: "step 3571, ema". */
export const describeParameters = ({ step, weights, ema }: RunSubject): string =>
  `step ${step}, ${ema !== undefined ? `ema of length ${ema}` : weights === "ema" ? "ema" : "raw"}`;

const correctionText = ({ weight, second, window, boosting }: NonNullable<RunSubject["discriminator"]>): string =>
  [
    second === undefined ? weight : `${weight},${second}`,
    ...(window ? [`at times ${window.join(" to ")}`] : []),
    ...(boosting ? ["boosted"] : []),
  ].join(" ");

/** A heading and a line for each number. */
export function* describeEvaluation({ subject, protocol, measurements }: Evaluation): Generator<string> {
  const { n, seeds } = protocol;
  yield `${describeSubject(subject)}; ${seeds.length > 1 ? `${seeds.length} × ` : ""}${n} samples`;
  const width = Math.max(...measurements.map(({ name }) => name.length));
  for (const measurement of measurements)
    yield `  ${measurement.name.padEnd(width)}  ${describeMeasurement(measurement)}`;
}

/** "12.3 ± 0.4 (11.9 – 12.7; real data 1.2); lower is better". */
export function describeMeasurement({ values, over, floor, better }: Measurement): string {
  const value = over ? interval(over.mean, over.high - over.mean) : short(values[0]);
  const real = floor === undefined ? "" : `  real data ${short(floor)}`;
  return `${value.padEnd(20)}${real.padEnd(22)}  ${better} is better`;
}

/** A mean and half of its interval, to the digits that the interval leaves certain. */
export function interval(mean: number, half: number): string {
  if (!(half > 0)) return `${short(mean)} ± 0`;
  const digits = Math.max(0, Math.min(8, 1 - Math.floor(Math.log10(half))));
  return `${mean.toFixed(digits)} ± ${half.toFixed(digits)}`;
}

const short = (value: number) => String(Number(value.toPrecision(4)));
