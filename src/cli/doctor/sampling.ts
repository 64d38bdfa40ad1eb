/**
 * Samplers against the truth: for Gaussian data the ideal denoiser is known, so what a sampler should draw is too. A
 * sampler, a grid or a starting noise that does not fit shows in the deviation of its samples.
 */
import { gaussian } from "../../diffusion/index.ts";
import { ConfigError } from "../../errors/index.ts";
import { normals } from "../../random/index.ts";
import { type Recipe, samplingPlan } from "../../recipe/index.ts";
import {
  finish,
  leastSteps,
  type SamplerName,
  type SamplerSpec,
  type Sigmas,
  samplers,
  solve,
} from "../../sampling/index.ts";
import { type Finding, found, percent, short } from "./finding.ts";

/** Numbers drawn: their deviation is then known to a per cent. */
const draws = 4000;
/** How far the deviation of samples may be off. */
const [tolerated, wrong] = [0.1, 0.3];
/** A fine grid for samplers by themselves. */
const [sigmaMin, sigmaMax, rho, steps, std] = [0.002, 80, 7, 200, 0.5] as const;
/** Those that choose their own steps are this far off with their usual tolerances. */
const toleratedAlone = 0.15;

/** Those whose samples have another law, by design: they need steps of their own, or a network of their own. */
const special: readonly SamplerName[] = ["annealed-langevin", "consistency"];

/** The relative error of the deviation of samples of N(0, std²), from starts of deviation `start`. */
async function deviationError(
  spec: SamplerSpec,
  sigmas: Sigmas,
  { std, start }: { readonly std: number; readonly start: number },
): Promise<number> {
  let drawn = 0;
  const noise = () => normals(1, "self-test", drawn++ * draws, draws);
  const x = normals(0, "self-test", 0, draws).map((value) => value * start);
  const before = x.reduce((sum, value) => sum + value * value, 0) / (draws * start * start);
  const out = await finish(solve(spec, gaussian({ mean: 0, std }).denoise, x, sigmas, { noise }));
  const after = out.reduce((sum, value) => sum + value * value, 0) / draws;
  // The starts' own deviation is not quite 1; what is deterministic hands that on.
  const expected = samplers[spec.type].noise === "never" ? std * Math.sqrt(before) : std;
  return Math.sqrt(after) / expected - 1;
}

/** Every sampler, by itself. */
export async function checkSamplers(): Promise<Finding> {
  const say = found("samplers");
  const [a, b] = [sigmaMax ** (1 / rho), sigmaMin ** (1 / rho)];
  const sigmas = [...Array.from({ length: steps }, (_, i) => (a + (i / (steps - 1)) * (b - a)) ** rho), 0];
  const names = (Object.keys(samplers) as SamplerName[]).filter((name) => !special.includes(name));
  const bad: string[] = [];
  for (const type of names) {
    const spec = { type } as SamplerSpec;
    if (steps < leastSteps(spec)) continue;
    const error = await deviationError(spec, sigmas, { std, start: sigmaMax });
    if (!(Math.abs(error) < toleratedAlone)) bad.push(`${type} (${percent(error)})`);
  }
  return bad.length === 0
    ? say.ok(`${names.length} samplers draw Gaussians of the right width, within ${percent(toleratedAlone)}`)
    : say.error(`off in width: ${bad.join(", ")}`, "This is a bug of ours: please report it.");
}

/** The sampling of a recipe: its sampler, its grid, its steps, its starting noise. */
export async function checkSampling(recipe: Recipe): Promise<Finding[]> {
  const say = found("sampling");
  const { sampler, steps: count } = recipe.sampling;
  const sigmaData = recipe.data.sigmaData === "auto" ? 0.5 : recipe.data.sigmaData;
  let plan: ReturnType<typeof samplingPlan>;
  try {
    plan = samplingPlan(recipe);
  } catch (error) {
    if (error instanceof ConfigError) return [say.error(error.message, "Change sampling in the recipe.")];
    throw error;
  }
  if (plan.path) return [say.note(`${sampler} runs along a path, and is not tested on Gaussians`)];
  const { spec, sigmas, startStd } = plan;
  const learned =
    spec.type === "ancestral" && String(recipe.sampling.options?.["variance"] ?? "").startsWith("learned");
  if (special.includes(spec.type) || learned)
    return [say.note(`${sampler} cannot be tested on Gaussians: it needs a network of its own`)];
  const error = await deviationError(spec, sigmas, { std: sigmaData, start: startStd });
  const calls = plan.evaluations === undefined ? "" : `, ${plan.evaluations} evaluations`;
  const text = `${sampler}, ${count} steps${calls}: Gaussian data come out ${percent(Math.abs(error))} too ${error > 0 ? "wide" : "narrow"}`;
  const findings = [
    Math.abs(error) < tolerated
      ? say.ok(text)
      : Math.abs(error) < wrong
        ? say.warning(text, "Take more steps, or another grid or sampler (ornstein sample --sweep compares them).")
        : say.error(text, "Samples will be wrong for any network: sampler, grid and starting noise do not fit."),
  ];
  const [first] = sigmas;
  if (Number.isFinite(first) && first < 10 * sigmaData)
    findings.push(
      found("start").warning(
        `sampling starts at σ̃ = ${short(first)}, only ${short(first / sigmaData)} times the data's deviation`,
        "Noise of that level does not hide the data: brightness and colour of samples will be off. Raise sampling.grid.sigmaMax, or a schedule's last level.",
      ),
    );
  const last = sigmas[sigmas.length - 2];
  if (last > 0.1 * sigmaData)
    findings.push(
      found("end").warning(
        `the last step removes noise of σ̃ = ${short(last)} at once, ${percent(last / sigmaData)} of the data's deviation`,
        "Samples come out smooth. Lower sampling.grid.sigmaMin.",
      ),
    );
  return findings;
}
