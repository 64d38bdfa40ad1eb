/** The adaptive Runge–Kutta pair 5(4) of Dormand and Prince (1980), with the step control of SciPy's RK45. */
import { ConfigError } from "../errors/index.ts";
import { combine, type Term } from "./combine.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";

/**
 * dy/dt for one or more systems laid end to end: `t` has one time for each system. `y` is only read, and not kept;
 * the result is a new array.
 */
export type Field = (t: Float64Array, y: Float64Array) => Promise<Float64Array> | Float64Array;

export const dormandPrinceOptions = {
  rtol: { type: "number", default: 1e-5, min: 2.3e-14, about: "relative error allowed in a step" },
  atol: { type: "number", default: 1e-5, above: 0, about: "absolute error allowed in a step" },
  maxStep: { type: "number", default: Number.POSITIVE_INFINITY, above: 0, about: "longest step, in t" },
} as const satisfies OptionTable;

export type DormandPrinceOptions = Given<typeof dormandPrinceOptions>;

/** Where the systems stand after an attempt to step all of them. Arrays are new in each record. */
export interface Attempt {
  /** Time of each system. */
  readonly t: Float64Array;
  readonly y: Float64Array;
  /** How far the attempt went in t, with its sign; 0 for a finished system. */
  readonly h: Float64Array;
  /** dy/dt at the start of the attempt. */
  readonly slope: Float64Array;
  /** Steps kept, and thrown away, so far, of each system. */
  readonly accepted: Int32Array;
  readonly rejected: Int32Array;
}

/**
 * Integrates `systems` independent systems of equal size from `from` to `to`, each with steps of its own, though
 * evaluated together: their errors never mix. One system is a whole batch under common steps, as SciPy would take it.
 * Two evaluations choose the first step, every attempt takes six. Finished systems stay in the batch at `to`.
 *
 * A step is kept if the root mean square of error/(atol + rtol·max(|y|, |y'|)) is below 1; the next is 0.9·error^(−1/5)
 * times as long, at least 0.2 and at most 10 times, and no longer right after one that was thrown away.
 * @throws RangeError if the step falls below rounding: the solution has a singularity or is not finite.
 */
export async function* dormandPrince(
  field: Field,
  y: Float64Array,
  { from, to, systems = 1, ...given }: DormandPrinceOptions & { from: number; to: number; systems?: number },
): AsyncGenerator<Attempt> {
  const { rtol, atol, maxStep } = resolve("rk45", dormandPrinceOptions, given);
  if (!(Number.isFinite(from) && Number.isFinite(to) && from !== to))
    throw new ConfigError(`rk45: integrates between two different times: ${from} and ${to}.`);
  if (!(Number.isInteger(systems) && systems > 0 && y.length % systems === 0))
    throw new ConfigError(`rk45: ${y.length} numbers do not divide into ${systems} systems.`);

  const dims = y.length / systems;
  const direction = Math.sign(to - from);
  const row = (v: Float64Array, s: number) => v.subarray(s * dims, (s + 1) * dims);
  let t = new Float64Array(systems).fill(from);
  let slope = await field(t, y);
  const steps = await firstSteps();
  const [candidate, error, zero] = [0, 1, 2].map(() => new Float64Array(y.length));
  const afterRejection = new Uint8Array(systems);
  let accepted = new Int32Array(systems);
  let rejected = new Int32Array(systems);

  while (t.some((time) => time !== to)) {
    // Where this attempt leads; the last step ends exactly at `to`.
    const end = t.map((time, s) => {
      const least = 10 * Math.max(Math.abs(time) * Number.EPSILON, Number.MIN_VALUE);
      if (afterRejection[s] && steps[s] < least) throw tooShort(time, steps[s]);
      const reached = time + Math.min(Math.max(steps[s], least), maxStep) * direction;
      return direction * (reached - to) > 0 ? to : reached;
    });
    const h = end.map((time, s) => time - t[s]);

    // Seven slopes; the last is at the new point, and the first of the next step.
    const slopes = [slope];
    for (const [i, weights] of stages.entries()) {
      advance(candidate, y, h, slopes, weights);
      slopes.push(await field(nodes[i] === 1 ? end : t.map((time, s) => time + nodes[i] * h[s]), candidate));
    }
    advance(error, zero, h, slopes, errorWeights);

    const before = slope;
    [t, y, slope] = [t.slice(), y.slice(), slope.slice()];
    [accepted, rejected] = [accepted.slice(), rejected.slice()];
    for (let s = 0; s < systems; s++) {
      if (t[s] === to) continue;
      const norm = scaledNorm(row(error, s), row(y, s), row(candidate, s));
      const factor = 0.9 * norm ** -0.2;
      if (norm < 1) {
        steps[s] = Math.abs(h[s]) * Math.min(afterRejection[s] ? 1 : 10, factor);
        afterRejection[s] = 0;
        accepted[s]++;
        t[s] = end[s];
        row(y, s).set(row(candidate, s));
        row(slope, s).set(row(slopes[6], s));
      } else {
        steps[s] = Math.abs(h[s]) * (Number.isNaN(factor) ? 0.2 : Math.max(0.2, factor));
        afterRejection[s] = 1;
        rejected[s]++;
      }
    }
    yield { t, y, h, slope: before, accepted, rejected };
  }

  /** Writes y + h (Σ wᵢ kᵢ), system by system. Multiplying by h last keeps rounding out of the weights, where errors cancel. */
  function advance(
    into: Float64Array,
    start: Float64Array,
    h: Float64Array,
    slopes: readonly Float64Array[],
    weights: readonly number[],
  ): Float64Array {
    for (let s = 0; s < systems; s++) {
      const target = row(into, s);
      combine(target, ...weights.flatMap((w, i): Term[] => (w === 0 ? [] : [[w, row(slopes[i], s)]])));
      combine(target, [h[s], target], [1, row(start, s)]);
    }
    return into;
  }

  /** Root mean square of v/(atol + rtol·max(|a|, |b|)). */
  function scaledNorm(v: Float64Array, a: Float64Array, b: Float64Array): number {
    let sum = 0;
    for (let i = 0; i < v.length; i++) {
      const scaled = v[i] / (atol + rtol * Math.max(Math.abs(a[i]), Math.abs(b[i])));
      sum += scaled * scaled;
    }
    return Math.sqrt(sum / v.length);
  }

  /** Hairer, Nørsett and Wanner (1993), II.4: a first step from the sizes of y, y' and a difference quotient of y''. */
  async function firstSteps(): Promise<Float64Array> {
    const span = Math.abs(to - from);
    const size = (v: Float64Array, s: number) => scaledNorm(row(v, s), row(y, s), row(y, s));
    const trial = t.map((_, s) => {
      const [d0, d1] = [size(y, s), size(slope, s)];
      return Math.min(d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : (0.01 * d0) / d1, span);
    });
    const signed = trial.map((h) => h * direction);
    const probe = await field(
      t.map((time, s) => time + signed[s]),
      advance(new Float64Array(y.length), y, signed, [slope], [1]),
    );
    const change = combine(new Float64Array(y.length), [1, probe], [-1, slope]);
    return trial.map((h0, s) => {
      const d1 = size(slope, s);
      const d2 = size(change, s) / h0;
      const h1 = d1 <= 1e-15 && d2 <= 1e-15 ? Math.max(1e-6, h0 * 1e-3) : (0.01 / Math.max(d1, d2)) ** 0.2;
      return Math.min(100 * h0, h1, span, maxStep);
    });
  }
}

const tooShort = (t: number, step: number) =>
  new RangeError(
    `rk45: the step fell below rounding at t = ${t}: ${step} (is the field singular or not finite there?).`,
  );

/** Times of stages 2 to 7 in the step. */
const nodes = [1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1];

/** Weights of the earlier slopes in each of them; the last row is the fifth-order solution. */
const stages = [
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
];

/** Fourth-order minus fifth-order weights. */
const errorWeights = [-71 / 57600, 0, 71 / 16695, -71 / 1920, 17253 / 339200, -22 / 525, 1 / 40];
