import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { cost, evaluate, gradients, sizeOf, topological } from "../../src/graph/index.ts";
import {
  type BuildOptions,
  bake,
  buildNetwork,
  ddpmpp,
  initialize,
  type NetworkConfig,
  ncsnpp,
  networkNames,
  parameterCount,
} from "../../src/nn/index.ts";
import { stream } from "../../src/random/index.ts";
import { compile } from "../../src/runtime/index.ts";

type Options = Omit<BuildOptions, "batch">;

/** Small networks with every option at least once; images are not square, channels 1 to 16. */
const small: Readonly<Record<string, { readonly config: NetworkConfig; readonly options: Options }>> = {
  "song-unet": {
    config: { type: "song-unet", modelChannels: 8, channelMult: [1, 2], numBlocks: 1, attentionResolutions: [3] },
    options: { shape: [1, 4, 6], classes: 3, augmentDim: 2 },
  },
  "song-unet ncsn++": {
    config: { ...ncsnpp, modelChannels: 8, channelMult: [1, 1], numBlocks: 1, attentionResolutions: [] },
    options: { shape: [2, 6, 4] },
  },
  "song-unet skip, skip": {
    config: {
      type: "song-unet",
      modelChannels: 4,
      channelMult: [1, 2],
      numBlocks: 1,
      encoder: "skip",
      decoder: "skip",
    },
    options: { shape: [3, 4, 4] },
  },
  "song-unet zero, residual, residual": {
    config: {
      type: "song-unet",
      modelChannels: 4,
      channelMult: [1, 2, 1],
      numBlocks: 1,
      encoder: "residual",
      decoder: "residual",
      embedding: { type: "zero" },
      resampleFilter: [1, 3, 3, 1],
      outChannels: 5,
    },
    options: { shape: [16, 4, 4] },
  },
  "dhariwal-unet": {
    config: {
      type: "dhariwal-unet",
      modelChannels: 8,
      channelMult: [1, 2],
      numBlocks: 1,
      attentionResolutions: [6],
      channelsPerHead: 4,
    },
    options: { shape: [3, 6, 4], classes: 2, augmentDim: 3 },
  },
  "adm-unet": {
    config: {
      type: "adm-unet",
      modelChannels: 8,
      channelMult: [0.5, 1],
      numResBlocks: 1,
      attentionDownsampleFactors: [2],
      heads: 2,
      groups: 4,
      outChannels: 6,
    },
    options: { shape: [3, 4, 6], classes: 2 },
  },
  "adm-unet convolutions": {
    config: {
      type: "adm-unet",
      modelChannels: 8,
      channelMult: [1, 1],
      numResBlocks: 1,
      resblockUpdown: false,
      scaleShiftNorm: false,
      newAttentionOrder: true,
      channelsPerHead: 4,
      groups: 2,
    },
    options: { shape: [1, 4, 4], augmentDim: 2 },
  },
  "adm-unet plain resampling": {
    config: {
      type: "adm-unet",
      modelChannels: 4,
      channelMult: [1, 2],
      numResBlocks: 1,
      resblockUpdown: false,
      convResample: false,
      groups: 1,
    },
    options: { shape: [1, 4, 2] },
  },
  "adm-encoder": {
    config: { type: "adm-encoder", modelChannels: 8, channelMult: [1, 1], numResBlocks: 1, groups: 4, outChannels: 5 },
    options: { shape: [1, 4, 6], classes: 2 },
  },
  "adm-encoder adaptive": {
    config: {
      type: "adm-encoder",
      modelChannels: 4,
      channelMult: [1, 2],
      numResBlocks: 1,
      groups: 2,
      pool: "adaptive",
    },
    options: { shape: [3, 4, 4] },
  },
  "adm-encoder spatial": {
    config: { type: "adm-encoder", modelChannels: 4, channelMult: [1, 2], numResBlocks: 1, groups: 2, pool: "spatial" },
    options: { shape: [3, 4, 4] },
  },
  "adm-encoder spatial-v2": {
    config: { type: "adm-encoder", modelChannels: 4, channelMult: [1], numResBlocks: 1, groups: 2, pool: "spatial-v2" },
    options: { shape: [3, 3, 4] },
  },
  mlp: {
    config: { type: "mlp", width: 8, layers: 2, features: { count: 3 }, embedding: { type: "fourier", scale: 1 } },
    options: { shape: [2], classes: 3, augmentDim: 1 },
  },
  "mlp plain": { config: { type: "mlp", width: 6, residual: false, outChannels: 4 }, options: { shape: [3] } },
};

test("every network is among the small ones", () => {
  assert.deepEqual(
    networkNames.filter((name) => !(name in small)),
    [],
  );
});

const batch = 2;

/** The network, and random values for its inputs and parameters; initialisers that are zero would hide mistakes. */
function prepared({ config, options }: (typeof small)[string]) {
  const built = buildNetwork(config, { batch, ...options });
  const draws = stream(1, "test networks");
  const draw = (n: number, scale: number) => draws.fillNormal(new Float32Array(n)).map((v) => scale * v);
  const feeds = Object.fromEntries(
    Object.entries(built.inputs).map(([name, { shape }]) => [name, draw(sizeOf(shape), 1)]),
  );
  const values = draw(parameterCount(built.scope.parameters), 0.3);
  return { ...built, feeds, values, baked: bake([built.output], built.scope.parameters, values)[0] };
}

for (const [name, each] of Object.entries(small)) {
  test(`${name}: ONNX Runtime agrees with the reference, output and input gradient`, async () => {
    const { baked, inputs, feeds } = prepared(each);
    const { outChannels } = each.config;
    const { shape } = each.options;
    const expectedShape = each.config.type === "adm-encoder" ? [] : shape.slice(1);
    const fallback = each.config.type === "adm-encoder" ? 1 : shape[0];
    assert.deepEqual(baked.shape, [batch, outChannels ?? fallback, ...expectedShape]);

    const outputs = [baked, ...gradients(baked.sumSquares(), [inputs.x])];
    const program = await compile({ y: outputs[0], dx: outputs[1] }, { threads: 1 });
    const used = Object.fromEntries(program.inputs.map(({ name }) => [name, feeds[name]]));
    const { y, dx } = await program.run(used);
    await program.close();
    for (const [i, expected] of evaluate(outputs, feeds).entries()) {
      const scale = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      const off = expected.reduce((a, b, k) => Math.max(a, Math.abs(b - [y, dx][i][k])), 0);
      assert.ok(scale > 0 && off <= 1e-4 * scale, `off by ${off} of ${scale}`);
    }
  });

  test(`${name}: examples of a batch do not see each other, and every input and parameter counts`, () => {
    const { output, scope, inputs, feeds, values, baked } = prepared(each);
    const half = (data: Float32Array) => data.slice(0, data.length / batch);
    const one = buildNetwork(each.config, { batch: 1, ...each.options });
    const [alone] = evaluate(
      bake([one.output], one.scope.parameters, values),
      Object.fromEntries(Object.entries(feeds).map(([key, data]) => [key, half(data)])),
    );
    const [both] = evaluate([baked], feeds);
    for (const [i, v] of alone.entries()) assert.ok(Math.abs(v - both[i]) < 1e-12 * (1 + Math.abs(v)));

    const leaves = [...Object.values(inputs), ...scope.parameters.map(({ node }) => node)];
    const grads = bake(gradients(output.sumSquares(), leaves), scope.parameters, values);
    const embedded = each.config.type !== "song-unet" || each.config.embedding?.type !== "zero";
    for (const [i, grad] of evaluate(grads, feeds).entries())
      assert.ok(!embedded || grad.some((g) => g !== 0), `${leaves[i].attrs.name} has no influence`);
  });
}

test("networks start near zero", () => {
  for (const [name, each] of Object.entries(small)) {
    if (/attention|spatial/.test(name) || name === "adm-encoder") continue;
    const { output, scope, feeds } = prepared(each);
    const start = initialize(scope.parameters, 0);
    const [y] = evaluate(bake([output], scope.parameters, start), feeds);
    const most = y.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    assert.ok(most < 1e-3, `${name} starts with outputs up to ${most}`);
  }
});

const count = (config: NetworkConfig, options: Options) =>
  parameterCount(buildNetwork(config, { batch: 1, ...options }).scope.parameters);

test("parameter counts are the published networks'", () => {
  assert.equal(count(ddpmpp, { shape: [3, 32, 32], augmentDim: 9 }), 55_733_891);
  assert.equal(count(ncsnpp, { shape: [3, 32, 32], augmentDim: 9 }), 56_397_827);
  assert.equal(count({ ...ddpmpp, channelMult: [1, 2, 2, 2] }, { shape: [3, 64, 64], augmentDim: 9 }), 61_805_571);
  const tiny = { modelChannels: 16, channelMult: [1, 2], numBlocks: 1, attentionResolutions: [8] };
  assert.equal(count({ type: "song-unet", ...tiny }, { shape: [3, 16, 16] }), 189_347);
});

// Measured on the reference implementation, batch 1, as billions of multiply–adds.
const published: readonly (readonly [NetworkConfig, number, number])[] = [
  [ddpmpp, 32, 21.19],
  [{ ...ddpmpp, modelChannels: 64, channelMult: [1, 2, 2], numBlocks: 2 }, 32, 1.75],
  [{ ...ddpmpp, modelChannels: 32, channelMult: [1, 2, 2], numBlocks: 1 }, 32, 0.328],
  [{ ...ddpmpp, modelChannels: 32, channelMult: [1, 2], numBlocks: 1, attentionResolutions: [8] }, 16, 0.076],
];

test("networks take the published number of multiply–adds", () => {
  for (const [config, side, expected] of published) {
    const { output } = buildNetwork(config, { batch: 1, shape: [3, side, side] });
    // Published are 9 taps for every pixel of an enlarged image; here 4 are enough.
    const spared = topological([output])
      .filter(({ op }) => op === "interleave")
      .reduce((sum, { shape, inputs: [conv] }) => sum + 5 * sizeOf(shape) * conv.inputs[1].shape[1], 0);
    const macs = (cost([output]).macs + spared) / 1e9;
    assert.ok(Math.abs(macs - expected) < 0.01 * expected, `${macs} (expected ${expected})`);
  }
});

test("dropout adds one noise input a block in training, and none otherwise", () => {
  const { config, options } = small["song-unet"];
  const noisy = { ...config, dropout: 0.1 } as NetworkConfig;
  const training = buildNetwork(noisy, { batch, training: true, ...options });
  assert.equal(training.scope.noises.length, 10);
  assert.deepEqual(training.scope.noises[0].name, "enc/4x6_block0/dropout");
  assert.equal(buildNetwork(noisy, { batch, ...options }).scope.noises.length, 0);
});

test("mistakes in a config or size name what would do", () => {
  const song = (config: object, shape = [3, 32, 32]) =>
    buildNetwork({ type: "song-unet", ...config } as NetworkConfig, { batch: 1, shape });
  const wrong: readonly (readonly [() => unknown, RegExp])[] = [
    [() => song({}, [3, 30, 33]), /30×33 .*multiples of 4\)\. 28×32 or 32×36 would do/],
    [() => song({}, [2]), /takes images .* mlp/],
    [() => song({ channelMult: [] }), /channelMult is empty/],
    [() => song({ channelMult: [0.3] }), /channelMult\[0\] = 0\.3/],
    [() => song({ numBlocks: 0 }), /numBlocks must be a whole number, 1 or more; got 0/],
    [() => song({ encoder: "residuel" }), /encoder: .*Did you mean "residual"/],
    [() => song({ decoder: "none" }), /decoder: must be one of standard, skip, residual/],
    [() => song({ embedding: { type: "sine" } }), /embedding: must be one of positional, fourier, zero/],
    [() => song({ embedding: { type: "fourier", frequencies: [1] } }), /take 64 frequencies; got 1/],
    [() => song({ modelChannels: 7 }), /channels must be even/],
    [() => song({ resampleFilter: [1, 2, 1] }), /even number of taps and a sum; got \[1,2,1\]/],
    [() => song({ dropout: 1 }), /dropout: must be in \[0, 1\); got 1/],
    [() => buildNetwork({ type: "mlp" }, { batch: 1, shape: [3, 8, 8] }), /takes points/],
    [() => buildNetwork({ type: "unet" } as never, { batch: 1, shape: [2] }), /network: must be one of song-unet/],
    [() => buildNetwork({ type: "mlp" }, { batch: 0, shape: [2] }), /batch must be a whole number/],
    [
      () => buildNetwork({ type: "adm-encoder", pool: "mean" } as never, { batch: 1, shape: [3, 64, 64] }),
      /pool: must be one of adaptive, attention, spatial, spatial-v2/,
    ],
  ];
  for (const [build, message] of wrong)
    assert.throws(build, (error) => error instanceof ConfigError && message.test(error.message), String(message));
});

test("random frequencies follow from their seed, and can be listed", () => {
  const output = (embedding: object) => {
    const config = { type: "mlp", width: 4, layers: 1, embedding: { type: "fourier", ...embedding } } as NetworkConfig;
    const { output, scope } = buildNetwork(config, { batch: 1, shape: [1] });
    const values = stream(0, "test").fillNormal(new Float32Array(parameterCount(scope.parameters)));
    return evaluate(bake([output], scope.parameters, values), { x: [0.3], noise: [0.7] })[0];
  };
  assert.deepEqual(output({ seed: 1 }), output({ seed: 1 }));
  assert.notDeepEqual(output({ seed: 1 }), output({ seed: 2 }));
  assert.deepEqual(output({ frequencies: [1, 2] }), output({ frequencies: [1, 2], seed: 5 }));
  assert.notDeepEqual(output({ frequencies: [1, 2] }), output({ frequencies: [1, 3] }));
});
