import assert from "node:assert/strict";
import { test } from "node:test";
import { type NetworkResult, remarks, rowsOf, table } from "../../bench/index.ts";
import {
  type BenchNetwork,
  benchInputs,
  benchNames,
  benchNetworks,
  benchWeights,
  buildBench,
} from "../../bench/networks.ts";
import { javascriptEngines, ornstein, torch } from "../../bench/others.ts";
import { profileOf } from "../../bench/profile.ts";
import { spread } from "../../bench/statistics.ts";
import { evaluate, input, meanSquaredError, sizeOf } from "../../src/graph/index.ts";
import { flatGradient, parameterCount } from "../../src/nn/index.ts";
import { inProcess } from "./command-line.ts";

for (const name of benchNames)
  test(`${name} can be built and differentiated`, () => {
    const network: BenchNetwork = benchNetworks[name];
    const { output, parameters } = buildBench(network);
    assert.deepEqual(output.shape, [network.batch, ...network.inputs["x"]]);
    const loss = meanSquaredError(output, input("target", output.shape));
    assert.deepEqual(flatGradient(loss, parameters).shape, [parameterCount(parameters)]);
    const values = benchWeights(parameters);
    assert.equal(values.length, parameterCount(parameters));
    assert.ok(values.every((value) => Number.isFinite(value) && value !== 0));
    const inputs = benchInputs(network);
    for (const [label, { shape }] of Object.entries(buildBench(network).inputs))
      assert.equal(inputs[label].length, sizeOf(shape));
  });

test("bench U-Net A is as large as it is described", () => {
  assert.equal(parameterCount(buildBench(benchNetworks["unet-a"]).parameters), 6_285_377);
});

test("the signal of the bench's weights neither vanishes nor explodes", () => {
  const network = { ...benchNetworks.mlp, batch: 64 };
  const { output, parameters } = buildBench(network);
  const values = benchWeights(parameters);
  const feeds: Record<string, Float32Array> = benchInputs(network);
  let offset = 0;
  for (const { path, shape } of parameters) {
    feeds[path] = values.subarray(offset, offset + sizeOf(shape));
    offset += sizeOf(shape);
  }
  const [y] = evaluate([output], feeds);
  const power = Array.from(y).reduce((sum, value) => sum + value * value, 0) / y.length;
  assert.ok(power > 1e-4 && power < 10, `mean square ${power}`);
});

test("median and quartiles", () => {
  assert.deepEqual(spread([4, 1, 2, 3, 5]), { median: 3, lower: 2, upper: 4, least: 1, most: 5, n: 5 });
  assert.deepEqual(spread([1, 2]), { median: 1.5, lower: 1.25, upper: 1.75, least: 1, most: 2, n: 2 });
});

test("a trace counts each node with its fastest run", () => {
  const node = (
    ts: number,
    name: string,
    op_name: string,
    dur: number,
    inputs: number[][] = [],
    outputs: number[][] = [],
  ) => ({
    cat: "Node",
    name: `${name}_kernel_time`,
    ts,
    dur,
    args: {
      op_name,
      input_type_shape: inputs.map((shape) => ({ float: shape })),
      output_type_shape: outputs.map((shape) => ({ float: shape })),
    },
  });
  const image = [
    [2, 3, 8, 8],
    [4, 3, 3, 3],
  ];
  const profile = profileOf([
    { cat: "Session", name: "model_run", ts: 0, dur: 1e6 },
    node(0, "a", "Add", 5e6),
    node(6e6, "a", "Add", 2e6),
    node(8e6, "b", "Add", 1e6),
    node(9e6, "c", "Conv", 4e6, image, [[2, 4, 8, 8]]),
    // What runs within a loop ends before it, and is part of it.
    node(14e6, "e", "Mul", 1e6),
    node(13e6, "d", "Scan", 3e6),
  ]);
  assert.equal(profile.seconds, 10);
  assert.equal(profile.convSeconds, 4);
  assert.equal(profile.convFlops, 2 * (2 * 4 * 8 * 8) * (3 * 3 * 3));
  assert.deepEqual(profile.ops, [
    { op: "Conv", nodes: 1, seconds: 4 },
    { op: "Add", nodes: 2, seconds: 3 },
    { op: "Scan", nodes: 1, seconds: 3 },
  ]);
});

const once = (value: number) => spread([value]);
const timing = (seconds: number, ratio: number) => ({
  layout: "nchw" as const,
  seconds: once(seconds),
  ratio: once(ratio),
  others: once(0),
});
const result: NetworkResult = {
  network: "unet-a",
  about: "a network",
  batch: 32,
  parameters: 6_285_377,
  convFlops: 90e9,
  flops: 100e9,
  matmul: once(200e9),
  lossDifference: 1e-6,
  outputDifference: 0,
  profile: { seconds: 1, convSeconds: 0.5, convFlops: 80e9, ops: [{ op: "Conv", nodes: 3, seconds: 0.5 }] },
  engines: [
    {
      engine: "Ornstein",
      refused: {},
      train: { ...timing(2, 1), peakBytes: 2 ** 30, losses: [1, 2, 3] },
      sample: { ...timing(1, 1), mean: 1 },
      compileSeconds: once(0.9),
    },
    {
      engine: "PyTorch 2",
      refused: { forward: "no such kernel" },
      train: { ...timing(3, 1.5), peakBytes: 2 ** 30, losses: [1, 2, 3] },
    },
  ],
};

test("rows say what was reached", () => {
  const rows = rowsOf(result);
  const short = rows.map(({ what, own, other, value, met }) => [what, own, other, value, met]);
  assert.deepEqual(short, [
    ["training, images", "16.0/s", "10.7/s", 1.5, "must"],
    ["sampling, images", "32.0/s", undefined, 32, undefined],
    ["peak memory in training", "1024 MiB", "1024 MiB", 1, "must"],
    ["network to program, seconds", "0.900 s", undefined, 0.9, "must"],
    ["convolution kernels", "160 GFLOP/s", "200 GFLOP/s", 0.8, "aim"],
    ["arithmetic of an update", "50.0 GFLOP/s", "200 GFLOP/s", 0.25, undefined],
  ]);
  const lines = table(rows);
  assert.equal(lines.length, rows.length + 2);
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
  assert.match(lines[2], /\| 1\.50 +\|.*≥ 1\.4 \| ≥ 1\.8 +\| reached/);
});

test("remarks name what an engine refused and whether losses agree", () => {
  const text = remarks(result).join("\n");
  assert.match(text, /PyTorch 2: no forward: no such kernel/);
  assert.match(text, /first losses agree: largest relative difference 1\.0e-6/);
  assert.match(remarks({ ...result, lossDifference: Number.NaN }).join("\n"), /DISAGREE/);
});

test("an interpreter without PyTorch is skipped by name", () => {
  const found = torch(["/no/such/python"]);
  assert.equal(typeof found, "string");
  assert.match(String(found), /PyTorch.*\/no\/such\/python/);
});

test("an engine that is not installed is skipped by name", () => {
  const names = javascriptEngines().map((found) => (typeof found === "string" ? found.split(":")[0] : found.label));
  assert.deepEqual(names, ["tfjs-wasm", "jax-js"]);
});

test("an engine that cannot start is refused with its error", async () => {
  const side = ornstein.start("/no/such/job.json");
  await assert.rejects(side.ask("versions", {}), /ENOENT/);
  await side.close();
});

test("names networks that exist", async () => {
  const { code, stderr } = await inProcess(["bench", "unet-b"]);
  assert.equal(code, 2);
  assert.match(stderr, /bench: network: must be one of unet-a, .*got "unet-b"/);
});
