/** The likelihood of data under a trained model, by its probability-flow ODE. */
import { batches, type Dataset, order, pixelConventions } from "../data/index.ts";
import { normalCdf, normalQuantile, priorLogDensity } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import { bitsPerDimOffset, likelihoodSteps, natsPerDim, type Trace } from "../sampling/index.ts";
import { areBytes, checkExamples, type Estimate, estimate } from "./examples.ts";
import { startStd } from "./sampling-plan.ts";
import { evenBatch, type TrainedModel } from "./trained.ts";
import { usualLevels } from "./trained-levels.ts";

/**
 * How bytes become numbers: anywhere in their bin of [−1, 1], or their own number plus noise of the lowest level, cut off at
 * the ends of the bin (Zheng et al. 2023). The second asks the model about data with the noise that it expects there.
 */
export type Dequantisation = "uniform" | "truncated-normal";

export interface RunLikelihoodRequest {
  /** Examples, chosen at random by the seed. */
  readonly count: number;
  readonly seed: number;
  /** Of images of bytes; "uniform" by default. */
  readonly dequantisation?: Dequantisation;
  /** Draws of the dequantisation noise for each example, over which its likelihood is averaged; 1 by default. */
  readonly passes?: number;
  /** Hutchinson probes of each, 1 by default; "exact" takes as many products as there are dimensions. */
  readonly probes?: number | "exact";
  /** What probes are made of: ±1 (default, least variance) or normal numbers. */
  readonly probe?: "rademacher" | "gaussian";
  /** Tolerance of the ODE solver, relative and absolute; 1e-5 by default. */
  readonly tolerance?: number;
  /** Leaves the classes out of a model that knows them. */
  readonly unconditional?: boolean;
  /** Most rows in one call of the network; 64 by default. */
  readonly batch?: number;
}

/** How far it has come: the share of all work. */
export interface LikelihoodProgress {
  readonly share: number;
  readonly evaluations: number;
}

export interface RunLikelihood {
  /** −ln p/D of the data as the model sees them; less −ln q/D of the noise if that is not uniform, which makes it one of bytes. */
  readonly natsPerDim: Estimate;
  /** For data that were bytes, on average an upper bound: natsPerDim/ln 2 + offset. */
  readonly bitsPerDim?: Estimate;
  readonly offset?: number;
  /** −ln p/D of each example. */
  readonly examples: Float64Array;
  readonly dims: number;
  /** The noise levels that the flow runs between. */
  readonly sigmaMin: number;
  readonly sigmaMax: number;
  readonly evaluations: number;
}

/** Beyond this many dimensions the exact divergence is not offered. */
const mostExact = 256;

/**
 * −ln p of examples, in nats and bits a dimension. Images whose values are all bytes are dequantised; other data are taken as they are, and have no bits. The density is that of x plus noise of the lowest level.
 */
export async function* runLikelihood(
  model: TrainedModel,
  dataset: Dataset,
  request: RunLikelihoodRequest,
): AsyncGenerator<LikelihoodProgress, RunLikelihood, void> {
  const { count, seed, passes = 1, probes = 1, probe = "rademacher", tolerance = 1e-5, unconditional } = request;
  const { dequantisation = "uniform" } = request;
  const { dims } = model;
  checkExamples("likelihood", model, dataset, count);
  if (probes === "exact" && dims > mostExact)
    throw new ConfigError(
      `likelihood: the exact divergence takes ${dims} products at every evaluation (up to ${mostExact}). Use probes.`,
    );
  const assemble = batches(dataset, { seed, order: order(seed, dataset.size) });
  const quantised = areBytes(dataset, assemble(0, Math.min(count, 16)).x);
  if (dequantisation !== "uniform" && !quantised)
    throw new ConfigError(`likelihood: ${dequantisation} dequantisation is of images of bytes; the data are none.`);
  const { sigmaMin, sigmaMax } = usualLevels(model.recipe);
  const move = dequantisation === "uniform" ? intoBins : withNoise(sigmaMin);
  const priorStd = startStd(model.recipe, sigmaMax);
  const total = count * passes;
  const batch = evenBatch(total, request.batch ?? 64);
  const denoiser = await model.denoiser(batch);
  const callsBefore = model.calls;
  const examples = new Float64Array(count);
  const [from, to] = [Math.log(sigmaMin), Math.log(sigmaMax)];

  for (let start = 0; start < total; start += batch) {
    // A last batch that is not full repeats what there was, and forgets it.
    const items = Array.from({ length: batch }, (_, i) => (start + i) % total);
    const x = new Float64Array(batch * dims);
    const labels: (number | undefined)[] = [];
    const ofNoise = new Float64Array(batch);
    for (const [row, item] of items.entries()) {
      const { x: one, labels: label } = assemble(item % count, 1);
      const into = x.subarray(row * dims, (row + 1) * dims);
      if (quantised)
        ofNoise[row] = move(one, stream(seed, "dequantisation", item).fillUniform(new Float64Array(dims)), into);
      else into.set(one);
      labels.push(model.classes > 0 && !unconditional ? label?.[0] : undefined);
    }
    const product = denoiser.denoiseAndProduct(labels);
    const trace: Trace =
      probes === "exact"
        ? { type: "exact", product }
        : {
            type: "probes",
            product,
            probes: Array.from({ length: probes }, (_, k) => probeOf(seed, probe, k, items, dims)),
          };
    const level = (sigma: number) => ({ alpha: 1, sigma });
    const options = { start: level(sigmaMin), end: level(sigmaMax), priorStd, batch, trace };
    const steps = likelihoodSteps(denoiser.denoise(labels), x, { ...options, rtol: tolerance, atol: tolerance });
    for await (const { sigma, z, deltaLogProb } of steps) {
      const share = Math.min(1, (start + (batch * (Math.log(sigma) - from)) / (to - from)) / total);
      yield { share, evaluations: model.calls - callsBefore };
      if (Math.log(sigma) < to) continue;
      const prior = priorLogDensity(z, dims, priorStd);
      for (let row = 0; row < Math.min(batch, total - start); row++)
        examples[(start + row) % count] += natsPerDim(prior[row] + deltaLogProb[row] - ofNoise[row], dims) / passes;
    }
  }
  const nats = estimate(examples);
  const offset = dequantisation === "uniform" ? bitsPerDimOffset() : 0;
  return {
    natsPerDim: nats,
    ...(quantised && {
      bitsPerDim: { mean: nats.mean / Math.LN2 + offset, error: nats.error / Math.LN2 },
      offset,
    }),
    examples,
    dims,
    sigmaMin,
    sigmaMax,
    evaluations: model.calls - callsBefore,
  };
}

/** Writes an image with every byte moved, and returns ln q of what it was moved by, where that is not in the offset. */
type Move = (image: Float32Array, uniforms: Float64Array, into: Float64Array) => number;

/** To a point of its bin of [−1, 1]. */
const intoBins: Move = (image, uniforms, into) => {
  const { toByte } = pixelConventions.edm;
  const { toFloat } = pixelConventions["uniform-dequantization"];
  for (let i = 0; i < image.length; i++) into[i] = toFloat(toByte(image[i]), uniforms[i]);
  return 0;
};

/** By normal noise, cut off half-way to the next byte. */
function withNoise(sigma: number): Move {
  const low = normalCdf(-1 / 255 / sigma);
  const mass = 1 - 2 * low;
  const most = Math.log(sigma * Math.sqrt(2 * Math.PI) * mass);
  return (image, uniforms, into) => {
    let logDensity = 0;
    for (let i = 0; i < image.length; i++) {
      const z = normalQuantile(low + mass * uniforms[i]);
      into[i] = image[i] + sigma * z;
      logDensity -= z ** 2 / 2 + most;
    }
    return logDensity;
  };
}

/** The probe of each item, from that item's own stream. */
function probeOf(
  seed: number,
  kind: "rademacher" | "gaussian",
  which: number,
  items: readonly number[],
  dims: number,
): Float64Array {
  const out = new Float64Array(items.length * dims);
  for (const [row, item] of items.entries()) {
    const own = stream(seed, `probe ${which}`, item);
    const into = out.subarray(row * dims, (row + 1) * dims);
    if (kind === "gaussian") own.fillNormal(into);
    else for (let i = 0; i < dims; i++) into[i] = own.uniform() < 0.5 ? -1 : 1;
  }
  return out;
}
