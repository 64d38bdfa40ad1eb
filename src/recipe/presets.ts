/** Recipes by name: published combinations of factors, sized for a processor unless a field is set. */
import { unknownName } from "../errors/index.ts";
import { defineRecipe, type Recipe } from "./recipe.ts";

type Fields = Readonly<Record<string, unknown>>;

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

/** A thousand timesteps, each as often as the others, and the unweighted error in ε (Ho et al. 2020). */
const discrete = (type: "linear" | "cosine", factors: Fields = {}) => ({
  ...base,
  objective: {
    prediction: { type: "eps", path: "vp", label: { type: "index" } },
    schedule: { kind: "discrete", table: { type, steps: 1000 } },
    timesteps: { type: "uniform" },
    loss: { multiplier: { type: "simple" } },
    ...factors,
  },
  sampling: { sampler: "euler", steps: 50, grid: { type: "timesteps", spacing: "trailing" } },
});

/** The same with a learned variance, which sampling in few steps lives on (Nichol & Dhariwal 2021). */
const learned = (type: "linear" | "cosine", factors: Fields = {}) => ({
  ...discrete(type, { variance: { type: "learned-range" }, ...factors }),
  sampling: {
    sampler: "ancestral",
    options: { variance: "learned-range" },
    steps: 50,
    grid: { type: "timesteps", spacing: "linspace" },
  },
});

/** ADM's network, small, with its objective (Dhariwal & Nichol 2021). */
const adm = (factors: Fields = {}) => ({
  ...learned("cosine", factors),
  model: {
    network: {
      type: "adm-unet",
      modelChannels: 32,
      channelMult: [1, 2, 2],
      numResBlocks: 1,
      attentionDownsampleFactors: [4],
      channelsPerHead: 32,
    },
    patch: 1,
    conditional: true,
  },
});

/** The published t_δ/T with a p above it: at the published p = 0.8 the law is the uniform one. */
const bernoulli = { timesteps: { type: "bernoulli", p: 0.9, threshold: 0.8 } };

/** Times on a continuous schedule, and solver steps at equally spaced ones. */
const continuous = (
  schedule: Fields,
  { sampler, ends, ...factors }: Fields & { readonly sampler: string; readonly ends: Fields },
) => ({
  ...base,
  objective: { schedule: { kind: "continuous", schedule }, timesteps: { type: "uniform" }, ...factors },
  sampling: { sampler, steps: 50, grid: { type: "schedule", schedule: { ...schedule, ...ends } } },
});

/** A weighting that never rises, and a law of noise levels that follows the loss (Kingma & Gao 2023). */
const adaptive = (prediction: Fields, weighting: Fields) => ({
  ...edm,
  objective: {
    prediction,
    timesteps: { type: "adaptive" },
    uniforms: { type: "low-discrepancy" },
    loss: { weighting },
  },
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

const wide = { truncate: { min: -20, max: 20 } };

/** Straight paths from noise to image (Lipman et al. 2023). */
const flow = continuous(
  { type: "flow" },
  {
    prediction: { type: "o", path: "flow", label: { type: "time", scale: 1000 } },
    loss: { multiplier: { type: "uniform-o" } },
    sampler: "euler",
    ends: wide,
  },
);

/** A recipe whose noises meet their images by transport, in pools. */
const matched = <T extends { readonly training: Fields }>(recipe: T, coupling: Fields, type = "aot") => ({
  ...recipe,
  training: { ...recipe.training, coupling: { type, ...coupling } },
});

/** A recipe without labels. */
const unlabelled = <T extends { readonly model: Fields; readonly training: Fields }>(recipe: T) => ({
  ...recipe,
  model: { ...recipe.model, conditional: false },
  training: { ...recipe.training, labelDropout: 0 },
});

/** A recipe whose targets are made of as many samples as in the paper (Xu, Tong & Jaakkola 2023). */
const stable = <T extends { readonly training: Fields }>(recipe: T) => ({
  ...recipe,
  training: { ...recipe.training, target: { type: "stf", references: 4096 } },
});

/** Song's processes as Karras et al. (2022) tabulate them: an ε-prediction of even weight, and its own noise levels. */
const ve = {
  ...base,
  objective: {
    prediction: { type: "ve" },
    timesteps: { type: "log-uniform", sigmaMin: 0.02, sigmaMax: 100 },
    loss: { multiplier: { type: "simple" } },
  },
  sampling: { sampler: "heun", steps: 18, grid: { type: "exponential", sigmaMin: 0.02, sigmaMax: 100 } },
} as const;
const vp = {
  ...base,
  objective: {
    prediction: { type: "vp" },
    timesteps: { type: "vp-uniform" },
    loss: { multiplier: { type: "simple" } },
  },
  sampling: { sampler: "heun", steps: 18, grid: { type: "vp" } },
} as const;

const presets = {
  edm: { summary: "preconditioned denoiser, log-normal noise levels (Karras et al. 2022)", recipe: edm },
  ddpm: { summary: "noise prediction, 1000 steps, linear betas (Ho et al. 2020)", recipe: discrete("linear") },
  "ddpm-cosine": {
    summary: "noise prediction, 1000 steps, cosine schedule (Nichol & Dhariwal 2021)",
    recipe: discrete("cosine"),
  },
  iddpm: {
    summary: "ddpm-cosine with a learned variance, hybrid loss (Nichol & Dhariwal 2021)",
    recipe: learned("cosine"),
  },
  p2: {
    summary: "ddpm, less weight on low noise: 1/(1 + SNR) (Choi et al. 2022)",
    recipe: discrete("linear", { loss: { multiplier: { type: "p2", gamma: 1, k: 1 } } }),
  },
  "min-snr": {
    summary: "ddpm-cosine, low noise cut off at an SNR of 5 (Hang et al. 2023)",
    recipe: discrete("cosine", { loss: { multiplier: { type: "min-snr", gamma: 5 } } }),
  },
  debias: {
    summary: "ddpm, weighted by 1/√SNR (Yu et al. 2024)",
    recipe: discrete("linear", { loss: { multiplier: { type: "debias" } } }),
  },
  vdm: {
    summary: "the likelihood bound itself, log-SNR linear in time (Kingma et al. 2021)",
    recipe: continuous(
      { type: "vdm", gammaMin: -13.3, gammaMax: 5 },
      {
        prediction: { type: "eps", path: "vp", label: { type: "time", scale: 1000 } },
        uniforms: { type: "low-discrepancy" },
        loss: { weighting: { type: "elbo" } },
        sampler: "ancestral",
        ends: {},
      },
    ),
  },
  "vdm++": {
    summary: "v-prediction, sigmoid weighting, adaptive noise levels (Kingma & Gao 2023)",
    recipe: adaptive({ type: "v", path: "vp" }, { type: "sigmoid", k: 2 }),
  },
  "vdm++edm": {
    summary: "EDM made monotonic, adaptive noise levels (Kingma & Gao 2023)",
    recipe: adaptive({ type: "edm" }, { type: "edm-monotonic" }),
  },
  "v-cosine": {
    summary: "v-prediction on the cosine schedule, unweighted (Salimans & Ho 2022)",
    recipe: continuous(
      { type: "cosine" },
      {
        prediction: { type: "v", path: "vp", label: { type: "time", scale: 1000 } },
        loss: { multiplier: { type: "snr-plus-one" } },
        sampler: "ddim",
        ends: wide,
      },
    ),
  },
  flow: {
    summary: "flow matching on straight paths (Lipman et al. 2023)",
    recipe: flow,
  },
  adm: { summary: "iddpm with the network of ADM (Dhariwal & Nichol 2021)", recipe: adm() },
  "adm-bs": {
    summary: "adm, Bernoulli timesteps: the first 80% nine times in ten (Zheng et al. 2024)",
    recipe: adm(bernoulli),
  },
  "adm-bs+p2": {
    summary: "adm-bs with the weights of p2 (Zheng et al. 2024)",
    recipe: adm({ ...bernoulli, loss: { multiplier: { type: "p2", gamma: 1, k: 1 } } }),
  },
  "adm-bs+min-snr": {
    summary: "adm-bs with the weights of min-snr (Zheng et al. 2024)",
    recipe: adm({ ...bernoulli, loss: { multiplier: { type: "min-snr", gamma: 5 } } }),
  },
  "adm-bs+ip": {
    summary: "adm-bs with input perturbation of 0.1 (Zheng et al. 2024; Ning et al. 2023)",
    recipe: adm({ ...bernoulli, noise: { perturbation: 0.1 } }),
  },
  "edm-aot": {
    summary: "edm without labels, noise matched by transport in pools of 512 (Kim et al. 2024)",
    recipe: matched(unlabelled(edm), { pool: 512, classWise: false }),
  },
  "edm-aot-cond": {
    summary: "edm, noise matched by transport within classes, pools of 2048 (Kim et al. 2024)",
    recipe: matched(edm, { pool: 2048 }),
  },
  "flow-ot": {
    summary: "flow, noise matched by squared distance (Tong et al. 2024), within classes",
    recipe: matched(flow, { pool: 512 }, "ot-cfm"),
  },
  "edm-stf": {
    summary: "edm without labels, targets of 4096 images each (Xu, Tong & Jaakkola 2023)",
    recipe: stable(unlabelled(edm)),
  },
  "ve-stf": {
    summary: "edm-stf, variance exploding and predicting noise (Xu, Tong & Jaakkola 2023)",
    recipe: stable(unlabelled(ve)),
  },
  "vp-stf": {
    summary: "edm-stf, variance preserving and predicting noise (Xu, Tong & Jaakkola 2023)",
    recipe: stable(unlabelled(vp)),
  },
  "edm-aot+stf": {
    summary: "edm-aot with the targets of edm-stf",
    recipe: stable(matched(unlabelled(edm), { pool: 512, classWise: false })),
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
