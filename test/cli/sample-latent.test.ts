import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import sharp from "sharp";
import { framing } from "../../src/cli/given.ts";
import { samplingFlags, samplingOf } from "../../src/cli/sampling-flags.ts";
import { settingsOf } from "../../src/cli/sweep.ts";
import { readNpy } from "../../src/data/files/index.ts";
import { preset } from "../../src/recipe/index.ts";
import { inProcess, tinyRun } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-sample-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const run = join(folder, "run");

before(async () => {
  const made = await inProcess(["train", ...tinyRun, "--duration", "160", "--out", run]);
  assert.equal(made.code, 0, made.stderr);
});

test("strips between two starts", async () => {
  const out = join(folder, "strips.png");
  const { code, stdout, stderr } = await inProcess(["sample", run, "--n", "3", "--interpolate", "5", "--out", out]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^15 samples/);
  assert.ok(existsSync(out));
});

test("held-out points are drawn on from some noise", async () => {
  const out = join(folder, "edited.png");
  const { code, stdout, stderr } = await inProcess([
    ...["sample", run, "--image", "data", "--noise", "0.1", "--n", "6", "--out", out],
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^6 samples/);
  assert.ok(existsSync(out));
});

test("image files are framed as the run's own data were", () => {
  const recipe = preset("edm");
  const shape = [3, 32, 48];
  assert.deepEqual(framing(recipe, shape), { size: [32, 48], channels: 3 });
  const data = { ...recipe.data, crop: "wide", filter: "box" } as const;
  assert.deepEqual(framing({ ...recipe, data }, shape), { size: [32, 48], channels: 3, crop: "wide", filter: "box" });
});

test("data are turned into noise and back, nearly without loss", async () => {
  const { code, stdout, stderr } = await inProcess(["sample", run, "--encode", "data", "--n", "6", "--json"]);
  assert.equal(code, 0, stderr);
  const { count, rms, most, latentStd } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  assert.equal(count, 6);
  assert.ok(rms <= most && most < 0.01, `rms ${rms}, most ${most}`);
  assert.ok(latentStd > 0.001 && latentStd < 100);
});

test("image files become latents, in their order", async () => {
  const [images, run] = [join(folder, "images"), join(folder, "image-run")];
  mkdirSync(images);
  const files = await Promise.all(
    [40, 120, 200].map(async (level, i) => {
      const pixels = Uint8Array.from({ length: 8 * 8 * 3 }, (_, k) => (level + 5 * k) % 256);
      const path = join(images, `${i}.png`);
      await sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
        .png()
        .toFile(path);
      return path;
    }),
  );
  const small = [
    "model.network.modelChannels=8",
    "model.network.channelMult=[1,2]",
    "model.network.attentionResolutions=[4]",
    "model.conditional=false",
    "training.batch=3",
    "data.channels=1",
    "data.size=8",
  ].flatMap((field) => ["--set", field]);
  const made = await inProcess(["train", "edm", "--data", images, ...small, "--duration", "6", "--out", run]);
  assert.equal(made.code, 0, made.stderr);
  const [latents, one] = [join(folder, "latents.npy"), join(folder, "one.npy")];
  const out = ["--out", join(folder, "pairs.png")];
  const { code, stdout, stderr } = await inProcess(["sample", run, "--encode", images, "--latents", latents, ...out]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^3 examples to noise and back/);
  const whole = await readNpy(latents);
  assert.deepEqual(whole.dims, [3, 1, 8, 8]);
  const single = await inProcess(["sample", run, "--encode", files[2], "--encode", files[0], "--latents", one, ...out]);
  assert.equal(single.code, 0, single.stderr);
  const some = await readNpy(one);
  assert.deepEqual(some.dims, [2, 1, 8, 8]);
  for (const [row, of] of [2, 0].entries())
    for (let i = 0; i < 64; i++) {
      const [a, b] = [Number(some.values[row * 64 + i]), Number(whole.values[of * 64 + i])];
      assert.ok(Math.abs(a - b) < 0.02 * (1 + Math.abs(b)), `${a}, ${b}`);
    }
  // Drawn on: the part that is kept, by a mask's name and from a file of it.
  const white = join(folder, "mask.png");
  const bright = Uint8Array.from({ length: 64 }, (_, k) => (k % 8 < 4 ? 255 : 0));
  await sharp(bright, { raw: { width: 8, height: 8, channels: 1 } })
    .png()
    .toFile(white);
  const edited = async (...flags: readonly string[]) => {
    const few = ["--image", images, "--n", "7", "--steps", "3"];
    const { code, stdout, stderr } = await inProcess(["sample", run, ...few, ...flags, ...out]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^6 samples/);
    return sharp(join(folder, "pairs.png")).raw().toBuffer();
  };
  const byName = await edited("--mask", "left");
  assert.deepEqual(await edited("--mask", white), byName);
  assert.notDeepEqual(await edited("--mask", "top"), byName);
  await edited("--noise", "1");
  const missing = await inProcess(["sample", run, "--encode", join(folder, "none.png")]);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /none.png: there is no such file/);
});

test("a sweep draws under every setting and counts evaluations", async () => {
  const text = "sampler=heun,dpm++2m;steps=4,6";
  const { code, stdout, stderr } = await inProcess(["sample", run, "--n", "3", "--sweep", text, "--json"]);
  assert.equal(code, 0, stderr);
  const records = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    records.map(({ sampler, steps, evaluations }) => [sampler, steps, evaluations]),
    [
      ["heun", 4, 7],
      ["heun", 6, 11],
      ["dpm++2m", 4, 4],
      ["dpm++2m", 6, 6],
    ],
  );
});

/** No flag given. */
const none = Object.fromEntries(
  Object.entries(samplingFlags).map(([name, { type }]) => [
    name,
    type === "strings" ? [] : type === "boolean" ? false : undefined,
  ]),
) as unknown as Parameters<typeof samplingOf>[1];

test("ranges of a sweep are values in equal ratios, or in equal steps", () => {
  const recipe = preset("edm");
  const resolved = { ...recipe, data: { ...recipe.data, sigmaData: 0.5 } };
  const swept = (text: string) => settingsOf(resolved, text, none).map(({ values }) => Object.values(values)[0]);
  assert.deepEqual(swept("steps=5..40"), [5, 8, 14, 24, 40]);
  assert.deepEqual(swept("rho=3..243"), [3, 9, 27, 81, 243]);
  assert.deepEqual(swept("steps=5..40:10"), [5, 15, 25, 35]);
  assert.deepEqual(swept("churn=0..40"), [0, 10, 20, 30, 40]);
  assert.deepEqual(swept("guidance=1,1.5..2:0.25"), [1, 1.5, 1.75, 2]);
  assert.throws(() => swept("steps=9..3"), /a range must rise/);
});

test("flags become fields of the recipe's sampling", () => {
  const edm = { ...preset("edm"), data: { ...preset("edm").data, sigmaData: 0.5 } };
  const of = (flags: Partial<typeof none>) => samplingOf(edm, { ...none, ...flags });
  assert.deepEqual(of({}), edm.sampling);
  assert.deepEqual(of({ churn: 30, option: ["sNoise=1.003"], rho: 3 }), {
    ...edm.sampling,
    options: { sChurn: 30, sNoise: 1.003 },
    grid: { ...edm.sampling.grid, rho: 3 },
  });
  assert.deepEqual(of({ grid: "exponential", sigmaMax: 40 }).grid, {
    type: "exponential",
    sigmaMin: 0.002,
    sigmaMax: 40,
  });
  assert.deepEqual(of({ guidance: 2, guidanceInterval: "0.2,5", guidanceRescale: 0.7 }).guidance, {
    scale: 2,
    interval: [0.2, 5],
    rescale: 0.7,
  });
  assert.deepEqual(of({ epsilonScale: "1e-5,1.001" }).epsilonScale, { slope: 1e-5, offset: 1.001 });
  assert.deepEqual(of({ option: ["variance=fixed-large"] }).options, { variance: "fixed-large" });
});

describe("what cannot be drawn is refused with the reason", () => {
  const cases: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
    "strips of a stochastic sampler": [
      ["--interpolate", "4", "--sampler", "ancestral"],
      /ancestral adds noise on the way, so that its start does not decide the sample/,
    ],
    "an option of another sampler": [["--option", "eta=1"], /heun: option: must be one of .*got "eta"/],
    "no assignment": [["--option", "eta"], /--option: must be NAME=VALUE/],
    "churn that the sampler has not": [
      ["--sampler", "ddim", "--churn", "5"],
      /--churn: ddim adds no such noise\. Take euler, heun or dpm2/,
    ],
    "a grid beyond training": [["--sigma-max", "5000"], /noise level 5000 lies outside the levels that the model was/],
    "rho of a grid without": [["--grid", "exponential", "--rho", "3"], /a grid of exponential has no rho/],
    "timesteps of no process": [["--grid", "trailing"], /"timesteps" needs an objective with a discrete schedule/],
    "a grid of a path's sampler": [
      ["--sampler", "euler-maruyama", "--grid", "exponential"],
      /euler-maruyama has a path's own time, and no use for --grid/,
    ],
    "too few steps": [["--sampler", "dpm-fast", "--steps", "1"], /dpm-fast needs at least 2 steps; got 1/],
    "a sweep of nothing": [["--sweep", "steps"], /--sweep: must be NAME=VALUE,VALUE/],
    "a sweep with one setting that cannot be": [["--sweep", "steps=1,2;sampler=dpm-fast"], /at least 2 steps; got 1/],
    "encoding and a sweep": [["--encode", "data", "--sweep", "steps=1,2"], /--encode and --sweep are both given/],
    "encoding and steps": [["--encode", "data", "--steps", "5"], /--encode follows .* has no use for --steps/],
    "strips and a sweep": [["--interpolate", "4", "--sweep", "steps=1,2"], /--interpolate and --sweep are both given/],
    "encoding data of another shape": [["--encode", "mnist:test", "--n", "2"], /\[1,28,28\] \(the model takes \[2\]\)/],
    "an edit of nothing": [["--noise", "2"], /--noise needs --image/],
    "a mask of nothing": [["--mask", "left"], /--mask needs --image/],
    "an edit that changes nothing": [["--image", "data"], /--image needs --noise, the level to begin at, or --mask/],
    "a mask on points": [["--image", "data", "--mask", "left"], /--mask is for images/],
    "noise below every level": [["--image", "data", "--noise", "0.001"], /no level of the grid is at or below 0.001/],
    "noise of a path": [
      ["--image", "data", "--noise", "2", "--sampler", "euler-maruyama", "--steps", "50"],
      /has no levels to begin at/,
    ],
    "an edit and a sweep": [
      ["--image", "data", "--noise", "2", "--sweep", "steps=4,5"],
      /--image and --sweep are both given/,
    ],
    "an interval without a weight": [["--guidance-interval", "1,2"], /need --guidance, its weight/],
    "guidance without labels": [["--guidance", "2"], /trained without labels/],
    "a temperature of nothing": [["--temperature", "0"], /temperature must be above 0; got 0/],
    "an epsilon scale of words": [["--epsilon-scale", "some"], /--epsilon-scale: must be a number above 0/],
  };
  for (const [name, [flags, pattern]] of Object.entries(cases))
    test(name, async () => {
      const { code, stderr } = await inProcess(["sample", run, ...flags]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, pattern);
    });
});

test("the reverse SDE and predictor–corrector sampling, along any path", async () => {
  for (const [sampler, path, calls] of [
    ["euler-maruyama", "vp", 20],
    ["predictor-corrector", "ve", 40],
  ] as const) {
    const flags = ["--sampler", sampler, "--path", path, "--steps", "20", "--n", "4"];
    const { code, stdout, stderr } = await inProcess([
      "sample",
      run,
      ...flags,
      "--out",
      join(folder, `${sampler}.png`),
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`\\(${calls} network calls\\)`));
  }
  const refused = await inProcess(["sample", run, "--path", "vp"]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /heun steps from noise level to noise level/);
});
