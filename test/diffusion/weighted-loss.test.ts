import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type NoiseScheduleSpec,
  noiseSchedule,
  unbiasedMultiplier,
  type WeightingSpec,
  weighting,
  weightingNames,
} from "../../src/diffusion/index.ts";
import { stream } from "../../src/random/index.ts";
import { scheduleExamples } from "./schedule-examples.ts";

/** Where every schedule looks: VDM's ends at −5. */
const range = fc.record({
  min: fc.double({ min: -4.9, max: -2, noNaN: true }),
  max: fc.double({ min: 2, max: 4, noNaN: true }),
});
const shift = fc.double({ min: -0.5, max: 0.5, noNaN: true });
const member = fc.constantFrom(...scheduleExamples);

type Range = { readonly min: number; readonly max: number };

/** ∫ f by midpoints. */
function integral(f: (logSnr: number) => number, { min, max }: Range): number {
  const cells = 20_000;
  let sum = 0;
  for (let i = 0; i < cells; i++) sum += f(min + ((i + 0.5) * (max - min)) / cells);
  return (sum * (max - min)) / cells;
}

/** The largest of f, whose like here rises towards an end or varies slowly. */
function largest(f: (logSnr: number) => number, { min, max }: Range): number {
  let most = 0;
  for (let i = 0; i <= 2000; i++) most = Math.max(most, f(Math.min(min + (i * (max - min)) / 2000, max)));
  return most;
}

test("∫p = 1 for any schedule, shifted and truncated anywhere", () => {
  fc.assert(
    fc.property(member, shift, range, (spec, moved, truncated) => {
      const { density } = noiseSchedule({ ...spec, shift: moved, truncate: truncated } as NoiseScheduleSpec);
      const total = integral(density, truncated);
      assert.ok(Math.abs(total - 1) < 1e-3, `${total}`);
    }),
  );
});

test("w/p estimates ∫ w·error without bias, and to the same value under any two schedules, within Bernstein's bound", () => {
  const count = 10_000;
  /** Two hundred estimates are all within bounds that each misses with probability 5·10⁻⁸. */
  const log = Math.log(2 / 5e-8);
  // A stand-in for ‖ε − ε̂‖²: its mean at λ, and a factor of mean 1 and mean square 4/3 for its scatter there.
  const error = (logSnr: number) => 1 / (1 + Math.exp(logSnr / 2)) + 0.1;
  const scatter = (u: number) => 2 * u;
  const type = fc.constantFrom(...weightingNames);
  fc.assert(
    fc.property(member, member, type, shift, range, fc.nat(), (one, other, name, moved, truncated, seed) => {
      const w = weighting({ type: name, shift: moved } as WeightingSpec);
      const exact = integral((logSnr) => w(logSnr) * error(logSnr), truncated);
      for (const [i, spec] of [one, other].entries()) {
        const schedule = noiseSchedule({ ...spec, truncate: truncated } as NoiseScheduleSpec);
        const multiplier = unbiasedMultiplier(w, schedule.density);
        const random = stream(seed, "weighted loss", i);
        let sum = 0;
        for (let n = 0; n < count; n++) {
          const logSnr = schedule.logSnr(random.uniform());
          sum += multiplier(logSnr) * error(logSnr) * scatter(random.uniform());
        }
        // Bernstein: a sample's loss is at most `most`, and its variance is below its exact second moment.
        const loss = (logSnr: number) => multiplier(logSnr) * error(logSnr);
        const second = (4 / 3) * integral((logSnr) => schedule.density(logSnr) * loss(logSnr) ** 2, truncated);
        const most = 2 * largest(loss, truncated);
        const part = (log * most) / (3 * count);
        const bound = part + Math.sqrt(part ** 2 + (2 * log * (second - exact ** 2)) / count);
        const off = Math.abs(sum / count - exact);
        assert.ok(off < bound, `${spec.type}, ${name}: off by ${off} of ${exact} (${bound})`);
      }
    }),
  );
});
