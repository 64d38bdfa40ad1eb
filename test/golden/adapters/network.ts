import {
  type Expr,
  evaluate,
  firDown,
  firUp,
  gradients,
  groupNorm,
  input,
  lift,
  meanSquaredError,
  type Shape,
  sizeOf,
} from "../../../src/graph/index.ts";
import {
  type AdmPool,
  attentionPool,
  conv,
  createScope,
  type FanInit,
  fourierEmbedding,
  groupsOf,
  initScale,
  linear,
  type NetworkConfig,
  network,
  type Parameter,
  positionalEmbedding,
  type QkvOrder,
  qkvAttention,
  resampled,
  residualBlock,
} from "../../../src/nn/index.ts";
import { compile } from "../../../src/runtime/index.ts";
import type { Adapters, Tensor } from "../vectors.ts";

// biome-ignore lint/suspicious/noExplicitAny: every subject has inputs of its own shape
type Input = any;
type Values = Readonly<Record<string, ArrayLike<number>>>;

const filled = (shape: Shape, f: (i: number) => number): Tensor => ({
  shape,
  data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => f(i)),
});
const tensor = (y: Expr, data: Float64Array) => ({ shape: y.shape, data });
const node = (name: string, { shape }: { readonly shape: Shape }) => input(name, shape);

/** Our parameters in order are the vector's in order: their values by path, by its formula. */
function weights(parameters: readonly Parameter[], { parameters: theirs, weights: { amplitude } }: Input): Values {
  if (parameters.length !== theirs.length)
    throw new Error(`${parameters.length} parameters (${theirs.length} expected)`);
  return Object.fromEntries(
    parameters.map(({ path, shape }, k) => {
      if (sizeOf(shape) !== sizeOf(theirs[k].shape))
        throw new Error(`${path} is [${shape}] (${theirs[k].name} [${theirs[k].shape}] expected)`);
      return [path, filled(shape, (i) => amplitude * Math.sin(0.37 * i + k)).data];
    }),
  );
}

/** Output and vector–Jacobian products of `y` for the named nodes. */
function products(y: Expr, upstream: Tensor, feeds: Values, targets: Readonly<Record<string, Expr>>) {
  const grads = gradients(y, Object.values(targets), node("upstream", y));
  const [out, ...values] = evaluate([y, ...grads], { ...feeds, upstream: upstream.data });
  return {
    out: tensor(y, out),
    ...Object.fromEntries(Object.keys(targets).map((key, i) => [key, tensor(grads[i], values[i])])),
  };
}

/** A layer with given weight and bias. */
function layer(build: (s: ReturnType<typeof createScope>, x: Expr) => Expr, given: Input) {
  const s = createScope();
  const x = node("x", given.x);
  const y = build(s, x);
  const targets = Object.fromEntries(
    s.parameters.map(({ path, node }) => [path === "weight" ? "gradWeight" : "gradBias", node as Expr]),
  );
  const feeds = { x: given.x.data, weight: given.weight?.data ?? given.weight, bias: given.bias };
  return products(y, given.upstream, feeds, { ...targets, gradX: x });
}

const plain = (x: Input, f: (x: Expr) => Expr) => {
  const data = x.data ?? x;
  const y = f(input("x", x.shape ?? [data.length]));
  return { out: tensor(y, evaluate([y], { x: data })[0]) };
};

const biased = ({ bias }: Input) => (bias ?? null) !== null;

const blocks: Readonly<Record<string, (given: Input) => unknown>> = {
  "positional-embedding": ({ x, channels, ...options }) => plain(x, (e) => positionalEmbedding(e, channels, options)),
  "fourier-embedding": ({ x, frequencies }) => plain(x, (e) => fourierEmbedding(e, frequencies)),
  "timestep-embedding": ({ timesteps, dim }) => plain(timesteps, (e) => positionalEmbedding(e, dim)),
  silu: ({ x }) => {
    const e = input("x", [x.length]);
    const [out, derivative] = evaluate([e.silu(), ...gradients(e.silu().sum(), [e])], { x });
    return { out, derivative };
  },
  linear: (given) => layer((s, x) => linear(s, x, given.weight.shape[0], { bias: biased(given) }), given),
  conv2d: (given) => {
    const { kernel, filter, fused } = given;
    const resample = given.resample ?? undefined;
    return layer(
      (s, x) =>
        kernel === 0
          ? resample
            ? resampled(x, resample, filter)
            : x
          : conv(s, x, {
              bias: biased(given),
              outChannels: given.weight.shape[0],
              kernel,
              filter,
              fused,
              ...(resample && { resample }),
            }),
      given,
    );
  },
  "strided-conv2d": (given) =>
    layer((s, x) => {
      const [outChannels, , kernel] = given.weight.shape;
      return conv(s, x, { bias: biased(given), outChannels, kernel, stride: given.stride, pad: given.padding });
    }, given),
  "average-pool-2x2": ({ x }) => plain(x, (e) => firDown(e, [1, 1])),
  "nearest-upsample-2x": ({ x }) => plain(x, (e) => firUp(e, [1, 1])),
  "group-norm": ({ groups, eps, ...given }) =>
    layer((s, x) => {
      const shape = [x.shape[1]];
      const [weight, bias] = ["weight", "bias"].map((name) => s.param(name, shape, { type: "ones" }));
      return groupNorm(x, { groups, eps, weight, bias });
    }, given),
  "group-norm-groups": ({ channels }) => ({ groups: channels.map(groupsOf) }),
  "qkv-attention": ({ qkv, heads, order, upstream }) => {
    const x = node("qkv", qkv);
    return products(qkvAttention(x, heads, order as QkvOrder), upstream, { qkv: qkv.data }, { gradQkv: x });
  },
  "attention-pool": (given) => {
    const s = createScope();
    const x = node("x", given.x);
    const y = attentionPool(s, x, given.outputs, given.channels / given.headChannels);
    return products(y, given.upstream, { x: given.x.data, ...weights(s.parameters, given) }, { gradX: x });
  },
  "init-scale": ({ mode, fanIn, fanOut }) => ({
    scale: initScale(mode.replace("_", "-") as FanInit, fanIn, fanOut),
  }),
};

/** The vectors' names for networks, as configs of ours. */
const configs: Readonly<Record<string, (config: Input, given: Input) => NetworkConfig>> = {
  SongUNet: ({ embedding, ...config }, { fourierFrequencies: frequencies }) => ({
    ...config,
    embedding: embedding === "fourier" ? { type: "fourier", ...(frequencies && { frequencies }) } : { type: embedding },
    type: "song-unet",
  }),
  DhariwalUNet: (config) => ({ ...config, type: "dhariwal-unet" }),
  UNetModel: (config) => ({ ...config, ...heads(config), type: "adm-unet" }),
  EncoderUNetModel: (config) => ({
    ...config,
    ...heads(config),
    pool: config.pool?.replace("_", "-") as AdmPool,
    type: "adm-encoder",
  }),
};
const heads = ({ numHeadChannels, numHeads }: Input) =>
  numHeadChannels > 0 ? { channelsPerHead: numHeadChannels } : numHeads > 0 ? { heads: numHeads } : {};

const oneHot = (classes: readonly number[], count: number) =>
  filled([classes.length, count], (i) => Number(classes[Math.floor(i / count)] === i % count));

const dot = (a: ArrayLike<number>, f: (v: number, i: number) => number) =>
  Array.from(a, f).reduce((sum, v) => sum + v, 0);

/** Computes the values of nodes. */
export type Engine = (nodes: readonly Expr[], feeds: Values) => Promise<readonly ArrayLike<number>[]>;

/** ONNX Runtime, in float32: the float64 reference takes seconds for a network. */
const runtime: Engine = async (nodes, feeds) => {
  const program = await compile(Object.fromEntries(nodes.map((y, i) => [`y${i}`, y])), { threads: 1 });
  const fetched = await program.run(
    Object.fromEntries(program.inputs.map(({ name }) => [name, Float32Array.from(feeds[name])])),
  );
  await program.close();
  return nodes.map((_, i) => fetched[`y${i}`]);
};

/** Everything the vectors ask of a whole network, and each parameter's checksums in the order of the vector. */
export async function wholeNetwork(given: Input, engine: Engine = runtime) {
  const config = configs[given.config.type](given.config, given);
  const { a, b, shape } = given.x;
  const { labelDim = 0, augmentDim = 0, numClasses } = given.config;
  // Labels that are left out of a network that takes them are rows of zeros.
  const zeros = (n: number) => (n > 0 ? filled([shape[0], n], () => 0) : undefined);
  const labels = given.classLabels ?? (given.classes ? oneHot(given.classes, numClasses) : zeros(labelDim));
  const values: Record<string, Tensor | undefined> = {
    x: filled(shape, (i) => Math.sin(a * i + b)),
    noise: { shape: [shape[0]], data: Float64Array.from(given.noiseLabels ?? given.timesteps) },
    labels,
    augment: given.augmentLabels ?? zeros(augmentDim),
  };
  const present = Object.entries(values).flatMap(([name, value]) => (value ? [[name, value] as const] : []));
  const inputs = Object.fromEntries(present.map(([name, value]) => [name, node(name, value)]));
  const s = createScope();
  const out = network(s, { x: inputs.x, noise: inputs.noise, ...inputs }, config);
  const feeds = {
    ...Object.fromEntries(present.map(([name, { data }]) => [name, data])),
    ...weights(s.parameters, given),
  };

  const loss = meanSquaredError(out, lift(0));
  const nodes = [inputs.x, ...s.parameters.map(({ node }) => node)];
  const [y, l, dx, ...grads] = (await engine([out, loss, ...gradients(loss, nodes)], feeds)).map((v) =>
    Float64Array.from(v),
  );
  const norm = (g: Float64Array) => Math.sqrt(dot(g, (v) => v * v));
  const cosine = (g: Float64Array) => dot(g, (v, i) => v * Math.cos(0.23 * i));
  return {
    out: tensor(out, y),
    loss: l[0],
    totalGradNorm: Math.hypot(...grads.map(norm)),
    maxAbsGrad: Math.max(...grads.map((g) => g.reduce((most, v) => Math.max(most, Math.abs(v)), 0))),
    inputGradNorm: norm(dx),
    inputGradFirst: dx.slice(0, 64),
    inputGradDot: cosine(dx),
    gradients: Object.fromEntries(grads.map((g, k) => [given.parameters[k].name, g])),
    checksums: grads.map((g) => ({ gradNorm: norm(g), gradDot: cosine(g) })),
  };
}

export const networkAdapters: Adapters = {
  "network.blocks": (given) => blocks[given.op](given),
  "network.residual-block": (given) => {
    const {
      embChannels,
      inChannels,
      skipScale,
      eps,
      outChannels,
      up,
      down,
      attention,
      heads: count,
      ...rest
    } = given.config;
    const s = createScope();
    const [x, emb] = [node("x", given.x), node("emb", given.emb)];
    const y = residualBlock(s, x, emb, {
      outChannels,
      skipScale,
      eps,
      filter: rest.resampleFilter,
      resampleProj: rest.resampleProj,
      adaptiveScale: rest.adaptiveScale,
      ...(up || down ? { resample: up ? "up" : "down" } : {}),
      ...(attention && { attention: { heads: count } }),
    });
    const feeds = { x: given.x.data, emb: given.emb.data, ...weights(s.parameters, given) };
    return products(y, given.upstream, feeds, { gradX: x, gradEmb: emb });
  },
  "network.song-unet": (given) => wholeNetwork(given),
  "network.dhariwal-unet": (given) => wholeNetwork(given),
  "network.adm-unet": (given) => wholeNetwork(given),
};
