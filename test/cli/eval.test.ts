import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { npzBytes } from "../../src/data/files/index.ts";
import { input } from "../../src/graph/index.ts";
import { toOnnx } from "../../src/onnx/index.ts";
import { RunFolder, readEvaluations, storedAverages } from "../../src/runs/index.ts";
import { inProcess, tinyRun } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-eval-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);
process.env["ORNSTEIN_CACHE"] = at("cache");

/** Forty 8×8 images; `shift` makes them others. */
function writeImages(name: string, shift = 0): string {
  const values = Uint8Array.from({ length: 40 * 64 }, (_, i) => (i * 37 + Math.floor(i / 64) * shift) % 256);
  writeFileSync(at(name), npzBytes({ arr_0: { dims: [40, 8, 8], values } }));
  return at(name);
}

before(async () => {
  const { code, stderr } = await inProcess(["train", ...tinyRun, "--duration", "160", "--out", at("run")]);
  assert.equal(code, 0, stderr);
});

describe("a run", () => {
  test("is judged, by several seeds and settings, and the numbers are kept with how they were made", async () => {
    const args = ["eval", at("run"), "--n", "20", "--seeds", "2", "--sweep", "steps=2,4", "--json"];
    const { code, stdout, stderr } = await inProcess(args);
    assert.equal(code, 0, stderr);
    const records = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(records.length, 2);
    assert.deepEqual(readEvaluations(at("run", "eval.jsonl")), records);
    for (const [i, { subject, protocol, measurements, cautions }] of records.entries()) {
      assert.deepEqual([subject.step, subject.weights, subject.sampling.steps], [10, "ema", [2, 4][i]]);
      assert.equal(subject.evaluations, [3, 7][i]);
      assert.deepEqual([protocol.n, protocol.seeds, protocol.rounding], [20, [0, 1], "edm"]);
      assert.equal(protocol.reference.size, 100);
      assert.equal(protocol.reference.hash.length, 64);
      assert.deepEqual(
        measurements.map(({ name }: { name: string }) => name),
        ["fd", "kid", "w2", "c2st"],
      );
      for (const { values, over, floor } of measurements) {
        assert.equal(values.length, 2);
        assert.ok(over.low <= over.high && Number.isFinite(floor));
      }
      assert.ok(cautions.some((text: string) => /kernel distance/.test(text)));
    }
  });

  test("a sweep ends in a table, and plots of every number over evaluations", async () => {
    cpSync(at("run"), at("swept"), { recursive: true });
    const sweep = ["--sweep", "sampler=euler,heun;steps=2..6:2", "--plot", at("swept", "plot")];
    const { code, stdout, stderr } = await inProcess(["eval", at("swept"), "--n", "20", "--seeds", "1", ...sweep]);
    assert.equal(code, 0, stderr);
    const rows = [...stdout.matchAll(/^(euler|heun) (\d) +(\d+) /gm)].map(([, ...cells]) => cells.join(" "));
    assert.deepEqual(rows, ["euler 2 2", "euler 4 4", "euler 6 6", "heun 2 3", "heun 4 7", "heun 6 11"]);
    const plot = readFileSync(at("swept", "plot-kid.svg"), "utf8");
    assert.equal(plot.match(/<circle/g)?.length, 6);
    assert.match(plot, /NFE/);
    assert.match(stderr, /^Plots, each as \.svg and \.png: .*plot-fd, .*plot-kid/m);
    const both = ["--sweep", "steps=2,3", "--weights", "ema,raw", "--metrics", "fd", "--plot", at("swept", "both")];
    const two = await inProcess(["eval", at("swept"), "--n", "20", "--seeds", "1", ...both]);
    assert.equal(two.code, 0, two.stderr);
    assert.deepEqual(
      [...two.stdout.matchAll(/^(\d|steps) +(step 10, \w+|parameters) +(\d+|NFE) /gm)].map(([, ...cells]) =>
        cells.join(" "),
      ),
      ["steps parameters NFE", "2 step 10, ema 3", "2 step 10, raw 3", "3 step 10, ema 5", "3 step 10, raw 5"],
    );
    const lines = readFileSync(at("swept", "both-fd.svg"), "utf8");
    assert.match(lines, /step 10, ema[\s\S]*step 10, raw/);
  });

  test("at several checkpoints and averages, with curves", async () => {
    const averages = ["--set", 'training.averages={"stds":[0.05,0.1],"snapshots":4}'];
    const trained = ["train", ...tinyRun, ...averages, "--keep", "5", "--checkpoint-every", "0", "--duration", "96"];
    assert.equal((await inProcess([...trained, "--out", at("many")])).code, 0);
    const few = ["--n", "20", "--seeds", "2", "--steps", "2", "--metrics", "fd,kid-subsets", "--json"];
    const records = async (...args: string[]) => {
      const { code, stdout, stderr } = await inProcess(["eval", at("many"), ...few, ...args]);
      assert.equal(code, 0, stderr);
      return stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    };
    const curve = await records("--curve", at("curve"));
    assert.deepEqual(
      curve.map(({ subject }) => subject.step),
      [2, 3, 4, 5, 6],
    );
    assert.ok(existsSync(at("curve-fd.svg")) && existsSync(at("curve-kid-subsets.svg")));
    const both = await records("--checkpoint", "5,latest", "--weights", "ema,raw");
    assert.deepEqual(
      both.map(({ subject }) => [subject.step, subject.weights]),
      [
        [5, "ema"],
        [5, "params"],
        [6, "ema"],
        [6, "params"],
      ],
    );
    const lengths = await records("--ema", "0.05,0.15");
    assert.deepEqual(
      lengths.map(({ subject }) => [subject.step, subject.ema]),
      [
        [6, 0.05],
        [6, 0.15],
      ],
    );
    const early = await records("--ema", "0.1", "--checkpoint", "5");
    assert.ok(early[0].subject.step <= 5 && early[0].subject.ema === 0.1);
    const course = await records("--ema", "0.1", "--curve", at("averaged"));
    const images = course.map(({ subject }) => subject.images);
    assert.deepEqual(images, storedAverages(RunFolder.open(at("many"))));
    assert.ok(images.length > 2 && existsSync(at("averaged-fd.svg")));
    const drawn = await inProcess(["sample", at("many"), "--ema", "0.1", "--n", "2", "--out", at("averaged.png")]);
    assert.equal(drawn.code, 0, drawn.stderr);
    const clash = await inProcess(["sample", at("many"), "--ema", "0.1", "--weights", "raw"]);
    assert.equal(clash.code, 2);
    assert.match(clash.stderr, /--ema and --weights raw/);
    for (const [args, pattern] of [
      [["--ema", "0.5"], /at most 0\.28/],
      [["--ema", "0.1", "--weights", "raw"], /leave --weights out/],
      [["--weights", "mean"], /--weights: must be one of ema, raw/],
      [["--curve", "x", "--checkpoint", "5"], /two checkpoints or more/],
    ] as const) {
      const { code, stderr } = await inProcess(["eval", at("many"), ...args]);
      assert.equal(code, 2);
      assert.match(stderr, pattern);
    }
  });

  test("keeps its samples: the same again draws nothing, and more draws the rest", async () => {
    cpSync(at("run"), at("kept"), { recursive: true });
    rmSync(at("kept", "eval"), { recursive: true, force: true });
    const evaluate = (n: number) =>
      inProcess(["eval", at("kept"), "--n", String(n), "--seeds", "1", "--batch", "8", "--json"]);
    const files = () =>
      readdirSync(at("kept", "eval"), { recursive: true }).filter((name) => String(name).endsWith(".f32"));
    const first = JSON.parse((await evaluate(20)).stdout);
    assert.equal(files().length, 3);
    const second = JSON.parse((await evaluate(20)).stdout);
    assert.deepEqual(second.measurements, first.measurements);
    await evaluate(32);
    assert.equal(files().length, 4);
  });

  test("prints a line for each number", async () => {
    const { stdout } = await inProcess(["eval", at("run"), "--n", "20", "--seeds", "2", "--steps", "2"]);
    assert.match(
      stdout,
      /^step 10, ema: heun, 2 steps, NFE 3; 2 × 20 samples\n {2}fd +[-\d.]+ ± [\d.]+ +real data [-\d.e]+ +lower is better\n/,
    );
  });
});

describe("images", () => {
  test("are judged against others, by pixels and by a network that is brought", async () => {
    const [a, b] = [writeImages("a.npz"), writeImages("b.npz", 3)];
    const x = input("x", [10, 1, 8, 8]);
    writeFileSync(
      at("net.onnx"),
      toOnnx({ y: x.reshape([10, 8, 8]).mean([2]).reshape([10, 8]), z: x.mean([2, 3]).reshape([10, 1]) }),
    );
    writeFileSync(at("net.onnx.json"), '{"range": [-1, 1], "outputs": {"features": "y"}}');
    for (const features of ["pixels", `onnx=${at("net.onnx")}`]) {
      const args = [
        "eval",
        a,
        "--reference",
        b,
        "--features",
        features,
        "--n",
        "20",
        "--metrics",
        "fd,kid,colour",
        "--json",
      ];
      const { code, stdout, stderr } = await inProcess(args);
      assert.equal(code, 0, stderr);
      const { subject, protocol, measurements } = JSON.parse(stdout);
      assert.deepEqual([subject.type, subject.size, protocol.seeds], ["source", 40, [0, 1]]);
      assert.equal(measurements.length, 3);
    }
  });

  test("are judged against statistics of NumPy's", async () => {
    const dims = 64;
    const sigma = Float64Array.from({ length: dims * dims }, (_, i) => (i % (dims + 1) === 0 ? 0.3 : 0));
    writeFileSync(
      at("stats.npz"),
      npzBytes({ mu: { dims: [dims], values: new Float64Array(dims) }, sigma: { dims: [dims, dims], values: sigma } }),
    );
    const args = [
      "eval",
      writeImages("c.npz"),
      "--reference",
      at("stats.npz"),
      "--features",
      "pixels",
      "--n",
      "40",
      "--json",
    ];
    const { code, stdout, stderr } = await inProcess(args);
    assert.equal(code, 0, stderr);
    const { protocol, measurements } = JSON.parse(stdout);
    assert.deepEqual(protocol.reference.size, null);
    assert.deepEqual(
      measurements.map(({ name }: { name: string }) => name),
      ["fd"],
    );
  });
});

describe("mistakes are one line", () => {
  const cases: Readonly<Record<string, readonly [() => readonly string[], RegExp]>> = {
    "no reference": [() => ["eval", writeImages("d.npz")], /is no run.*give --reference/],
    "no such run or data": [() => ["eval", at("nothing"), "--reference", "mnist"], /nothing: there is no such file/],
    "unknown features": [() => ["eval", at("run"), "--features", "clip"], /--features: must be one of auto, pixels/],
    "features without a file": [() => ["eval", at("run"), "--features", "inception"], /inception needs a file/],
    "a file that is not there": [
      () => ["eval", writeImages("e.npz"), "--reference", writeImages("f.npz"), "--features", `onnx=${at("no.onnx")}`],
      /no\.onnx: cannot be read/,
    ],
    "a network that is no Inception": [
      () => {
        const x = input("x", [10, 1, 8, 8]);
        writeFileSync(at("own.onnx"), toOnnx({ y: x.mean([2, 3]).reshape([10, 1]) }));
        writeFileSync(at("own.onnx.json"), '{"range": [0, 1]}');
        const images = writeImages("g.npz");
        return ["eval", images, "--reference", images, "--features", `inception=${at("own.onnx")}`];
      },
      /has none of the layouts that published Inception networks have/,
    ],
    "unknown metric": [
      () => ["eval", at("run"), "--metrics", "fid"],
      /--metrics: must be one of .*Did you mean "fd"\?/,
    ],
    "a metric that cannot be": [() => ["eval", at("run"), "--metrics", "colour", "--n", "4"], /colour needs images/],
    "another shape": [
      () => ["eval", writeImages("h.npz"), "--reference", at("wide.npz"), "--features", "pixels"],
      /wide\.npz: cannot pad 8×9 images to 8×8/,
    ],
    "statistics of other features": [
      () => {
        const one = { dims: [1], values: Float64Array.of(1) };
        writeFileSync(at("one.npz"), npzBytes({ mu: one, sigma: { dims: [1, 1], values: Float64Array.of(1) } }));
        return ["eval", writeImages("i.npz"), "--reference", at("one.npz"), "--features", "pixels"];
      },
      /feature sizes differ: 64 and 1/,
    ],
    "auto from bare statistics": [
      () => ["eval", writeImages("j.npz"), "--reference", at("one.npz")],
      /auto learns from images, and the reference holds statistics only/,
    ],
    "a guidance that the model cannot have": [() => ["eval", at("run"), "--guidance", "2"], /without labels/],
  };
  before(() => {
    const values = new Uint8Array(4 * 72);
    writeFileSync(at("wide.npz"), npzBytes({ arr_0: { dims: [4, 8, 9], values } }));
  });
  for (const [name, [args, pattern]] of Object.entries(cases))
    test(name, async () => {
      const { code, stderr, stdout } = await inProcess(args());
      const last = stderr.trimEnd().split("\n").at(-1)!;
      assert.match(last, pattern);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
    });
});

test("killed while drawing, it goes on where it was and ends in the same numbers", async () => {
  const args = ["--n", "400", "--seeds", "2", "--batch", "4", "--json"];
  for (const name of ["whole", "broken"]) {
    cpSync(at("run"), at(name), { recursive: true });
    rmSync(at(name, "eval"), { recursive: true, force: true });
    rmSync(at(name, "eval.jsonl"), { force: true });
  }
  const whole = await inProcess(["eval", at("whole"), ...args]);
  assert.equal(whole.code, 0, whole.stderr);

  const written = () =>
    existsSync(at("broken", "eval"))
      ? readdirSync(at("broken", "eval"), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".f32"))
          .length
      : 0;
  for (const enough of [20, 60, 120]) {
    const main = join(import.meta.dirname, "../../src/cli/main.js");
    const child = spawn(process.execPath, [main, "eval", at("broken"), ...args], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    const watching = setInterval(() => {
      if (written() >= enough) child.kill("SIGKILL");
    }, 5);
    await ended;
    clearInterval(watching);
  }
  assert.ok(written() >= 100 && written() < 200, `${written()} batches before the last start`);
  assert.ok(!existsSync(at("broken", "eval.jsonl")));
  const broken = await inProcess(["eval", at("broken"), ...args]);
  assert.equal(broken.code, 0, broken.stderr);
  assert.deepEqual(JSON.parse(broken.stdout).measurements, JSON.parse(whole.stdout).measurements);
  assert.equal(written(), 200);
  assert.equal(readEvaluations(at("broken", "eval.jsonl")).length, 1);
});
