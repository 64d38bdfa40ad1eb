/** Densities against histograms of draws. */
import assert from "node:assert/strict";
import { noiseSchedule, type TimestepVariable, timestepSampler } from "../../src/diffusion/index.ts";
import { stream } from "../../src/random/index.ts";
import { scheduleExamples } from "./schedule-examples.ts";
import { lawOf, timestepExamples } from "./timestep-examples.ts";

/** So many bins of equal probability; the number is odd, so that the degrees of freedom are even. */
export const bins = 21;

export interface Law {
  readonly of: TimestepVariable;
  draw(u: number): number;
  density(value: number): number;
}

const continuous: (readonly [name: string, law: Law])[] = [
  ...timestepExamples
    .filter((spec) => timestepSampler(spec).of !== "step")
    .map((spec) => [JSON.stringify(spec), lawOf(spec)] as const),
  ...scheduleExamples.flatMap((spec) =>
    [spec, { ...spec, shift: 0.4, truncate: { min: -6, max: 8 } }].map((given) => {
      const { logSnr, density } = noiseSchedule(given);
      // Times from the middle of a cell on: an unbounded schedule has no λ at the ends.
      const draw = (u: number) => logSnr(Math.min(Math.max(u, 1e-9), 1 - 1e-9));
      return [JSON.stringify(given), { of: "logSnr", draw, density }] as const;
    }),
  ),
];
const discrete = timestepExamples.filter((spec) => timestepSampler(spec).of === "step");

/** All the laws together fall below this by chance once in ten thousand runs with new seeds. */
export const least = 1e-4 / (continuous.length + discrete.length);

/** Pearson's χ² of counts against expected shares, and its exact probability of being as large by chance. */
export function pearson(counts: Float64Array, shares: readonly number[]): { chi2: number; probability: number } {
  const count = counts.reduce((a, b) => a + b);
  const chi2 = shares.reduce((sum, share, i) => sum + (counts[i] - count * share) ** 2 / (count * share), 0);
  return { chi2, probability: upperTail(chi2, shares.length - 1) };
}

/** P(χ²_k > x) = e^{−x/2} Σ_{i < k/2} (x/2)^i/i!, for an even number k of degrees of freedom. */
export function upperTail(x: number, k: number): number {
  assert.equal(k % 2, 0, "an even number of degrees of freedom");
  let [term, sum] = [Math.exp(-x / 2), 0];
  for (let i = 0; i < k / 2; i++) {
    sum += term;
    term *= x / 2 / (i + 1);
  }
  return sum;
}

/** How many of `count` draws fall between neighbouring edges. */
export function histogram(
  name: string,
  draw: (u: number) => number,
  edges: readonly number[],
  count: number,
): Float64Array {
  const counts = new Float64Array(edges.length - 1);
  const uniforms = stream(1, `histogram of ${name}`).fillUniform(new Float64Array(count));
  for (const u of uniforms) {
    const value = draw(u);
    let [low, high] = [0, counts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (value < edges[middle]) high = middle;
      else low = middle;
    }
    counts[low]++;
  }
  return counts;
}

/** The density of every continuous law integrates to 1 and fits a histogram of `count` draws. */
export function continuousFit(count: number): void {
  for (const [name, law] of continuous) {
    const edges = Array.from({ length: bins + 1 }, (_, i) => law.draw(i / bins)).sort((a, b) => a - b);
    const masses = edges.slice(1).map((high, i) => integral(law, edges[i], high));
    const total = masses.reduce((a, b) => a + b);
    assert.ok(Math.abs(total - 1) < 3e-3, `${name}: integral ${total}`);
    const { chi2, probability } = pearson(histogram(name, law.draw, edges, count), masses);
    assert.ok(probability > least, `${name}: χ² = ${chi2}, probability ${probability}`);
  }
}

/** The probabilities of every discrete law sum to 1 and fit a histogram of `count` draws. */
export function discreteFit(count: number): void {
  for (const spec of discrete) {
    const [law, name] = [lawOf(spec), JSON.stringify(spec)];
    const steps = "steps" in spec && spec.steps !== undefined ? spec.steps : 0;
    const shares = Array.from({ length: steps }, (_, step) => law.density(step));
    assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 1) < 1e-12, name);
    const edges = Array.from({ length: steps + 1 }, (_, step) => step - 0.5);
    const { chi2, probability } = pearson(histogram(name, law.draw, edges, count), shares);
    assert.ok(probability > least, `${name}: χ² = ${chi2}, probability ${probability}`);
  }
}

/** By midpoints, crowded towards both ends: s ↦ 3s² − 2s³ takes an inverse square root there in its stride. In ln σ for noise levels. */
function integral(law: Law, low: number, high: number): number {
  const inLog = law.of === "sigma";
  const [a, b] = inLog ? [Math.log(low), Math.log(high)] : [low, high];
  const cells = 600;
  let sum = 0;
  for (let i = 0; i < cells; i++) {
    const s = (i + 0.5) / cells;
    const x = a + (b - a) * s * s * (3 - 2 * s);
    sum += 6 * s * (1 - s) * (inLog ? law.density(Math.exp(x)) * Math.exp(x) : law.density(x));
  }
  return (sum * (b - a)) / cells;
}
