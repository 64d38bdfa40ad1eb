/** The networks that the bench trains and samples, with the batches it does that in. */
import { concat, type Expr, input, type Shape } from "../src/graph/index.ts";
import {
  conv,
  createScope,
  layout,
  linear,
  type NetworkConfig,
  network,
  norm,
  type Parameter,
  parameterCount,
  qkvAttention,
  type Scope,
} from "../src/nn/index.ts";
import { stream } from "../src/random/index.ts";

/** Two networks are written for the bench; the others are the library's. The other engines build from the same config. */
export type BenchConfig =
  | {
      readonly type: "bench-unet";
      /** Channels of the finest level; the two coarser ones have twice as many. */
      readonly modelChannels: number;
    }
  | { readonly type: "bench-mlp"; readonly width: number; readonly layers: number }
  | NetworkConfig;

/** One line of the bench: a network on examples of one shape. */
export interface BenchNetwork {
  readonly about: string;
  readonly config: BenchConfig;
  readonly batch: number;
  /** Shapes of one example of each input; the output has the shape of `x`. */
  readonly inputs: Readonly<Record<string, Shape>>;
}

const image = [3, 32, 32];

export const benchNetworks = {
  "unet-a": {
    about: "bench U-Net A: 64 ch × [1, 2, 2], 2 blocks, attention at 8×8, 32×32×1",
    config: { type: "bench-unet", modelChannels: 64 },
    batch: 32,
    inputs: { x: [1, 32, 32], time: [64] },
  },
  "unet-a-128": {
    about: "bench U-Net A with 128 ch, 32×32×3",
    config: { type: "bench-unet", modelChannels: 128 },
    batch: 32,
    inputs: { x: image, time: [64] },
  },
  "ddpmpp-64": {
    about: "DDPM++: 64 ch × [1, 2, 2], 2 blocks, attention at 16×16, 32×32×3",
    config: { type: "song-unet", modelChannels: 64, channelMult: [1, 2, 2], numBlocks: 2 },
    batch: 32,
    inputs: { x: image, noise: [] },
  },
  "adm-64": {
    about: "ADM: 64 ch × [1, 2, 2], 2 blocks, attention at 16×16 and 8×8, 32×32×3",
    config: {
      type: "adm-unet",
      modelChannels: 64,
      channelMult: [1, 2, 2],
      numResBlocks: 2,
      attentionDownsampleFactors: [2, 4],
    },
    batch: 32,
    inputs: { x: image, noise: [] },
  },
  mlp: {
    about: "MLP: 4 layers of 256 on two-dimensional points",
    config: { type: "bench-mlp", width: 256, layers: 4 },
    batch: 4096,
    inputs: { x: [2], time: [1] },
  },
} as const satisfies Readonly<Record<string, BenchNetwork>>;

export type BenchName = keyof typeof benchNetworks;
export const benchNames = Object.keys(benchNetworks) as readonly BenchName[];

export interface BuiltBench {
  readonly inputs: Readonly<Record<string, Expr>>;
  readonly output: Expr;
  readonly parameters: readonly Parameter[];
}

/** The graph of a network, its inputs named as in the table. */
export function buildBench({ config, batch, inputs: shapes }: BenchNetwork): BuiltBench {
  const inputs = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, input(name, [batch, ...shape])]),
  );
  const { x, time, noise } = inputs;
  const s = createScope();
  const output =
    config.type === "bench-unet"
      ? unet(s, x, time, config.modelChannels)
      : config.type === "bench-mlp"
        ? mlp(s, x, time, config)
        : network(s, { x, noise }, config);
  return { inputs, output, parameters: s.parameters };
}

/** Linear layers with silu between, on point and time side by side. */
function mlp(s: Scope, x: Expr, time: Expr, { width, layers }: { readonly width: number; readonly layers: number }) {
  let h = concat([x, time], 1);
  for (let i = 0; i < layers; i++) h = linear(s.at(`layer${i}`), h, width).silu();
  return linear(s.at("out"), h, x.shape[1]);
}

/** A U-Net on three levels, two blocks each on the way down and three on the way up, attention at the coarsest. */
function unet(s: Scope, x: Expr, time: Expr, c: number): Expr {
  const channels = [c, 2 * c, 2 * c];
  const coarsest = channels.length - 1;
  const embedding = linear(s.at("time1"), linear(s.at("time0"), time, 256).silu(), 256).silu();
  const block = (scope: Scope, y: Expr, level: number) => {
    const h = residual(scope, y, embedding, channels[level]);
    return level === coarsest ? attend(scope.at("attention"), h) : h;
  };

  let h = conv(s.at("in"), x, { outChannels: c });
  const skips = [h];
  for (const level of channels.keys()) {
    if (level > 0) skips.push((h = h.avgPool(2)));
    for (const i of [0, 1]) skips.push((h = block(s.at(`down${level}_${i}`), h, level)));
  }
  h = residual(s.at("middle0"), h, embedding, channels[coarsest]);
  h = attend(s.at("middle_attention"), h);
  h = residual(s.at("middle1"), h, embedding, channels[coarsest]);
  for (let level = coarsest; level >= 0; level--) {
    for (const i of [0, 1, 2]) h = block(s.at(`up${level}_${i}`), concat([h, skips.pop()!], 1), level);
    if (level > 0) h = conv(s.at(`up${level}`), h, { outChannels: h.shape[1], resample: "up" });
  }
  return conv(s.at("out"), norm(s.at("out_norm"), h).silu(), { outChannels: x.shape[1] });
}

function residual(s: Scope, x: Expr, embedding: Expr, outChannels: number): Expr {
  const told = linear(s.at("embedding"), embedding, outChannels).reshape([x.shape[0], outChannels, 1, 1]);
  const h = conv(s.at("conv0"), norm(s.at("norm0"), x).silu(), { outChannels }).add(told);
  const skip = x.shape[1] === outChannels ? x : conv(s.at("skip"), x, { outChannels, kernel: 1 });
  return conv(s.at("conv1"), norm(s.at("norm1"), h).silu(), { outChannels }).add(skip);
}

function attend(s: Scope, x: Expr): Expr {
  const [batch, outChannels] = x.shape;
  const qkv = conv(s.at("qkv"), norm(s.at("norm"), x), { outChannels: 3 * outChannels, kernel: 1 });
  const attended = qkvAttention(qkv.reshape([batch, 3 * outChannels, -1]), 1, "new").reshape(x.shape);
  return x.add(conv(s.at("proj"), attended, { outChannels, kernel: 1 }));
}

/**
 * Weights to compare engines with: normal with standard deviation 1/√(fan-in), gains of norms about 1, biases about 0.
 * No layer starts at zero, as some do in training, because a loss that does not depend on the rest would agree for free.
 */
export function benchWeights(parameters: readonly Parameter[]): Float32Array {
  const values = stream(0, "bench weights").fillNormal(new Float32Array(parameterCount(parameters)));
  for (const { path, offset, shape } of layout(parameters)) {
    const size = shape.reduce((n, side) => n * side, 1);
    const gain = shape.length === 1 && path.endsWith("/weight");
    const scale = shape.length === 1 ? 0.1 : Math.sqrt(shape[0] / size);
    for (let i = offset; i < offset + size; i++) values[i] = scale * values[i] + (gain ? 1 : 0);
  }
  return values;
}

/** Values of every input, and of the target under the name "target". */
export function benchInputs({ batch, inputs }: BenchNetwork): Record<string, Float32Array> {
  const shapes: Readonly<Record<string, Shape>> = { ...inputs, target: inputs["x"] };
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const size = shape.reduce((n, side) => n * side, batch);
      return [name, stream(0, `bench ${name}`).fillNormal(new Float32Array(size))];
    }),
  );
}
