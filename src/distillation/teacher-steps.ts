/** Several DDIM steps of a teacher as the answer to one question of its student, each sample at a noise level of its own. */
import { ConfigError } from "../errors/index.ts";
import type { DenoiseEach, Sigmas } from "../sampling/index.ts";

/** Where a teacher's DDIM steps lead. */
export interface TeacherSteps {
  /** x̃: the answer with which one DDIM step ends where the teacher's steps do. */
  readonly target: Float64Array;
  /** Where that is, x = z/α of each sample at the last level of its ladder. */
  readonly xEnd: Float64Array;
}

/**
 * DDIM steps of `teacher` from `x` down each sample's own ladder of noise levels; all have the same number of steps. With
 * a_j = σ_{j+1}/σ_j they end at Σ_j c_j D_j + R x, R = Π a_j and c_j = (1 − a_j) Π_{l>j} a_l, so x̃ = Σ_j c_j D_j/(1 − R): a mean of
 * the teacher's answers. A ladder that ends in 0 has the last answer itself. Two steps make the target of Salimans and Ho (2022).
 */
export async function teacherSteps(
  teacher: DenoiseEach,
  x: Float64Array,
  ladders: readonly Sigmas[],
): Promise<TeacherSteps> {
  const steps = ladders[0].length - 1;
  const bad = ladders.find(
    (ladder) =>
      steps < 1 ||
      ladder.length !== steps + 1 ||
      ladder.some((sigma, j) => !(j === 0 ? sigma > 0 && sigma < Infinity : sigma >= 0 && sigma < ladder[j - 1])),
  );
  if (bad)
    throw new ConfigError(
      `teacher steps: each ladder must hold ${Math.max(steps, 1) + 1} falling noise levels; got [${bad.join(", ")}].`,
    );
  const dims = x.length / ladders.length;
  const target = new Float64Array(x.length);
  const remains = new Float64Array(ladders.length).fill(1);
  let at = x;
  for (let j = 0; j < steps; j++) {
    const answers = await teacher(
      at,
      Float64Array.from(ladders, (ladder) => ladder[j]),
    );
    const next = new Float64Array(x.length);
    for (const [row, ladder] of ladders.entries()) {
      const a = ladder[j + 1] / ladder[j];
      remains[row] *= a;
      for (let i = row * dims; i < (row + 1) * dims; i++) {
        target[i] = a * target[i] + (1 - a) * answers[i];
        next[i] = a * at[i] + (1 - a) * answers[i];
      }
    }
    at = next;
  }
  for (const [row, rest] of remains.entries())
    for (let i = row * dims; i < (row + 1) * dims; i++) target[i] /= 1 - rest;
  return { target, xEnd: at };
}
