/** Recipes by name: published combinations of factors, sized for a processor unless a field is set. */
import { unknownName } from "../errors/index.ts";
import { defineRecipe, type Recipe } from "./recipe.ts";

/** A U-Net that learns MNIST in minutes on two cores. */
const smallNetwork = {
  type: "song-unet",
  modelChannels: 32,
  channelMult: [1, 2, 2],
  numBlocks: 1,
  attentionResolutions: [8],
} as const;

const base = {
  data: { source: "mnist", size: 32, flip: false, sigmaData: "auto" },
  model: { network: smallNetwork, patch: 1, conditional: true },
  training: {
    images: 100_000,
    batch: 64,
    optimizer: { type: "adam" },
    learningRate: { peak: 1e-3, warmup: { type: "images", images: 5_000 } },
    ema: { type: "half-life", images: 20_000 },
    clip: 1,
    labelDropout: 0.1,
    seed: 0,
  },
} as const;

/** EDM: everything in units of the noise level (Karras et al. 2022). */
const edm = {
  ...base,
  objective: {
    prediction: { type: "edm" },
    timesteps: { type: "log-normal", pMean: -1.2, pStd: 1.2 },
    loss: { multiplier: { type: "edm" } },
  },
  sampling: { sampler: "heun", steps: 18, grid: { type: "karras", sigmaMin: 0.002, sigmaMax: 80, rho: 7 } },
} as const;

/** A thousand timesteps and the unweighted error in ε (Ho et al. 2020). */
const ddpmWith = (table: { readonly type: "linear" | "cosine"; readonly steps: number }) => ({
  ...base,
  objective: {
    prediction: { type: "eps", path: "vp", label: { type: "index", schedule: table } },
    schedule: { kind: "discrete", table },
    timesteps: { type: "uniform-steps", steps: table.steps },
    loss: { multiplier: { type: "simple" } },
  },
  sampling: { sampler: "euler", steps: 50, grid: { type: "timesteps", spacing: "trailing" } },
});

/**
 * Digits in minutes: sees 2×2 pixels as one, looks more at high noise, and slows down towards the end. Small batches:
 * so early in training, more updates are worth more than less noise in each.
 */
const firstPicture = {
  ...edm,
  data: { ...base.data, size: 28 },
  model: {
    network: { ...smallNetwork, channelMult: [1, 2], attentionResolutions: [7] },
    patch: 2,
    conditional: true,
  },
  objective: { ...edm.objective, timesteps: { type: "log-normal", pMean: -0.6, pStd: 1.2 } },
  training: {
    ...base.training,
    images: 48_000,
    batch: 16,
    optimizer: { type: "adam", beta2: 0.99 },
    learningRate: {
      peak: 2e-3,
      warmup: { type: "images", images: 1_500 },
      decay: { type: "linear", over: "images", from: 28_800, to: 48_000 },
    },
    ema: { type: "half-life", images: 2_400 },
  },
  sampling: { ...edm.sampling, guidance: 2 },
} as const;

/** Points in the plane with a small perceptron: every idea in seconds. */
const points = {
  ...edm,
  data: { source: "points:mixture", flip: false, sigmaData: "auto" },
  model: { network: { type: "mlp", width: 128, layers: 3 }, patch: 1, conditional: false },
  training: {
    ...base.training,
    images: 2_000_000,
    batch: 1024,
    learningRate: { peak: 2e-3, decay: { type: "cosine", over: "images", to: 2_000_000 } },
    labelDropout: 0,
  },
} as const;

const presets = {
  edm: { summary: "preconditioned denoiser, log-normal noise levels (Karras et al. 2022)", recipe: edm },
  ddpm: {
    summary: "noise prediction, 1000 steps, linear betas (Ho et al. 2020)",
    recipe: ddpmWith({ type: "linear", steps: 1000 }),
  },
  "ddpm-cosine": {
    summary: "noise prediction, 1000 steps, cosine schedule (Nichol & Dhariwal 2021)",
    recipe: ddpmWith({ type: "cosine", steps: 1000 }),
  },
  "first-picture": { summary: "MNIST digits in minutes on two cores; what npm start trains", recipe: firstPicture },
  points: { summary: "a distribution in the plane and a perceptron, in seconds", recipe: points },
} as const satisfies Readonly<Record<string, { readonly summary: string; readonly recipe: unknown }>>;

export type PresetName = keyof typeof presets;

/** The names of all presets. */
export const presetNames = Object.keys(presets) as readonly PresetName[];

/** What each preset is, in one line. */
export const presetSummaries: Readonly<Record<PresetName, string>> = Object.fromEntries(
  Object.entries(presets).map(([name, { summary }]) => [name, summary]),
) as Record<PresetName, string>;

/** The recipe of a name. */
export function preset(name: string): Recipe {
  if (!Object.hasOwn(presets, name)) throw unknownName("recipe", name, presetNames);
  return defineRecipe(presets[name as PresetName].recipe, `preset ${name}`);
}
