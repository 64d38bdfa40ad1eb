/** A model: a network, and the examples it is for. */
import { ConfigError } from "../errors/index.ts";
import { type Expr, gradients, input, lift, sameShape, showShape, split } from "../graph/index.ts";
import { createScope, type NetworkConfig, type NoiseInput, network, type Parameter, sideStep } from "../nn/index.ts";

/** Everything that decides a network's parameters. */
export interface ModelSpec {
  readonly network: NetworkConfig;
  /** Of one example: [channels, height, width] or [dims]. */
  readonly shape: readonly number[];
  /** Number of classes; 0 for a model without labels. */
  readonly classes: number;
  /** The network sees tiles of patch × patch pixels as channels, at 1/patch of the resolution: faster, less sharp. */
  readonly patch: number;
  /** The network has a second output of the shape of the first, for a learned variance. */
  readonly variance?: boolean;
  /** The output is the gradient of a scalar that the network defines: its field is conservative, as a true score is. */
  readonly energy?: boolean;
  /** Numbers that tell the network what augmentation did to an image; not told if left out. */
  readonly augment?: number;
  /** The network is told the weight of classifier-free guidance, and answers as if so guided in one call. */
  readonly guided?: boolean;
  /**
   * Classes that the network tells apart, for a classifier of noisy examples, whose output is a logit for each. One that is told
   * `classes` besides learns from labels that say both: answer + classifies·class.
   */
  readonly classifies?: number;
}

/** F(c_in x; c_noise, label) as a graph, with what it is made of. */
export interface ModelGraph {
  readonly output: Expr;
  /** The variance output, of the same shape, where the model has one. */
  readonly variance?: Expr;
  readonly parameters: readonly Parameter[];
  /** Inputs to be filled with numbers from [0, 1), for dropout. */
  readonly uniforms: readonly NoiseInput[];
}

/**
 * What a model reads: c_in x [B, …shape], c_noise [B], labels as one-hot rows [B, classes] (zeros: no label), weights of
 * guidance [B], and in training augmentation labels [B, augment]; without those a network that has been told is told of none.
 */
export interface ModelInputs {
  readonly x: Expr;
  readonly noise: Expr;
  readonly labels?: Expr;
  readonly guidance?: Expr;
  readonly augment?: Expr;
}

/**
 * Height and width of the images that the network sees: those of the examples, made larger until its levels and the
 * patches divide them.
 */
export function networkSides({ network: config, patch, shape }: ModelSpec): readonly [number, number] {
  const step = patch * sideStep(config);
  return [Math.ceil(shape[1] / step) * step, Math.ceil(shape[2] / step) * step];
}

/**
 * Builds the network on given inputs. `training` turns dropout on. Images of sides that it cannot halve lie in the middle of
 * larger ones, zeros around them, and its answer is cut back: nothing outside sees the border, the loss included.
 */
export function buildModel(
  spec: ModelSpec,
  { x, noise, labels, guidance, augment }: ModelInputs,
  training: boolean,
): ModelGraph {
  const scope = createScope({ training });
  const border = bordersOf(spec, x);
  const framed = border ? x.pad([0, 0, ...border.before], [0, 0, ...border.after]) : x;
  const tiled = spec.patch > 1 ? spaceToDepth(framed, spec.patch) : framed;
  const outChannels = spec.classifies ?? (spec.variance ? 2 * tiled.shape[1] : undefined);
  const outputs = outChannels === undefined ? {} : { outChannels };
  const told = spec.augment ? { augment: augment ?? lift(0).expand([x.shape[0], spec.augment]) } : {};
  const inputs = { x: tiled, noise, ...(labels && { labels }), ...(guidance && { guidance }), ...told };
  const raw = network(scope, inputs, { ...spec.network, ...outputs });
  if (spec.classifies !== undefined)
    return { output: logitsOf(raw, spec.classifies), parameters: scope.parameters, uniforms: scope.noises };
  const answer = spec.patch > 1 ? depthToSpace(raw, spec.patch) : raw;
  const whole = border ? cutBack(answer, border.before, x.shape) : answer;
  const [output, variance] = spec.variance ? split(whole, [x.shape[1], x.shape[1]], 1) : [whole];
  return {
    output: spec.energy ? energyGradient(x, output) : output,
    ...(variance && { variance }),
    parameters: scope.parameters,
    uniforms: scope.noises,
  };
}

/** Zeros around the images, as many before as after, or one less; nothing where none are needed. */
function bordersOf(spec: ModelSpec, x: Expr) {
  if (x.shape.length !== 4) return undefined;
  const more = networkSides(spec).map((side, i) => side - x.shape[2 + i]);
  if (more.every((n) => n === 0)) return undefined;
  const before = more.map((n) => Math.floor(n / 2));
  return { before, after: more.map((n, i) => n - before[i]) };
}

const cutBack = (x: Expr, [top, left]: readonly number[], [, , h, w]: readonly number[]): Expr =>
  x.slice(2, top, top + h).slice(3, left, left + w);

/**
 * ∇e of e(z) = ½‖z − f(z)‖² for each example (Salimans & Ho 2021): h − (∂f/∂z)ᵀ h, h being z − f. Bounded below, and z itself,
 * the noise of pure noise, for a network that says 0.
 */
function energyGradient(z: Expr, f: Expr): Expr {
  if (!sameShape(z.shape, f.shape))
    throw new ConfigError(
      `model.network: makes ${showShape(f.shape)} out of ${showShape(z.shape)} (the same expected for an energy). Leave outChannels out.`,
    );
  const h = z.sub(f);
  return gradients(h, [z], h)[0];
}

function logitsOf(output: Expr, classes: number): Expr {
  if (output.shape.length === 2 && output.shape[1] === classes) return output;
  throw new ConfigError(
    `model.network: makes ${showShape(output.shape)} of a batch (a classifier needs ${classes} numbers for each example). Take adm-encoder for images, mlp for points.`,
  );
}

/** Input nodes of a model for a batch. */
export function modelInputs(spec: ModelSpec, batch: number): ModelInputs {
  return {
    x: input("x", [batch, ...spec.shape]),
    noise: input("cNoise", [batch]),
    ...(spec.classes > 0 && { labels: input("labels", [batch, spec.classes]) }),
    ...(spec.guided && { guidance: input("guidance", [batch]) }),
  };
}

/** The network of a model for one example: what it is made of, and what it costs. */
export const networkOf = (spec: ModelSpec, batch = 1): ModelGraph => buildModel(spec, modelInputs(spec, batch), false);

/** Tiles of p × p pixels become channels: [B, C, H, W] → [B, C p², H/p, W/p]. */
function spaceToDepth(x: Expr, p: number): Expr {
  const [b, c, h, w] = x.shape;
  const tiles = x.reshape([b, c, h / p, p, w / p, p]).transpose([0, 1, 3, 5, 2, 4]);
  return tiles.reshape([b, c * p * p, h / p, w / p]);
}

/** The inverse of {@link spaceToDepth}. */
function depthToSpace(x: Expr, p: number): Expr {
  const [b, cpp, h, w] = x.shape;
  const c = cpp / (p * p);
  return x
    .reshape([b, c, p, p, h, w])
    .transpose([0, 1, 4, 2, 5, 3])
    .reshape([b, c, h * p, w * p]);
}

/** Rows of zeros with a 1 at each label. */
export function oneHot(labels: readonly (number | undefined)[], classes: number, rows: number): Float32Array {
  const out = new Float32Array(rows * classes);
  for (const [i, label] of labels.entries()) {
    if (label === undefined) continue;
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw new ConfigError(`labels: got ${label} (a whole number below ${classes}, the model's number of classes).`);
    out[i * classes + label] = 1;
  }
  return out;
}
