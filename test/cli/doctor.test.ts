import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { npyBytes } from "../../src/data/files/index.ts";
import { preset, presetNames } from "../../src/recipe/index.ts";
import { RunFolder } from "../../src/runs/index.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/training/index.ts";
import { inProcess, tinyRun } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-doctor-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);
process.env["ORNSTEIN_CACHE"] = at("cache");

async function doctor(...args: string[]): Promise<{ readonly code: number; readonly found: readonly Finding[] }> {
  const { code, stdout, stderr } = await inProcess(["doctor", ...args, "--json"]);
  assert.ok(code === 0 || code === 1, stderr);
  const found: Finding[] =
    stdout.trim() === ""
      ? []
      : stdout
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line));
  assert.equal(code, found.some(({ severity }) => severity === "error") ? 1 : 0);
  for (const { check, severity, advice, text } of found)
    if (check !== "data" && (severity === "error" || severity === "warning")) assert.ok(advice, text);
  return { code: code ?? -1, found };
}

const has = (found: readonly Finding[], severity: Finding["severity"], pattern: RegExp) =>
  assert.ok(
    found.some((one) => one.severity === severity && pattern.test(`${one.check}: ${one.text}`)),
    `${severity} ${pattern} in\n${found.map((one) => `${one.severity} ${one.check}: ${one.text}`).join("\n")}`,
  );

let recipes = 0;
/** A recipe on disk, changed. */
function recipe(name: string, change: (recipe: Record<string, Record<string, unknown>>) => void): string {
  const value = structuredClone(preset(name)) as unknown as Record<string, Record<string, unknown>>;
  change(value);
  const path = at(`${recipes++}-${name}.json`);
  writeFileSync(path, JSON.stringify(value));
  return path;
}

test("the machine and all samplers", async () => {
  const { found } = await doctor();
  has(found, "ok", /engine: ONNX Runtime multiplies/);
  has(found, "ok", /samplers: \d\d samplers draw Gaussians/);
});

describe("recipes", () => {
  test("no preset has an error", async () => {
    for (const name of presetNames) assert.equal((await doctor(name)).code, 0, name);
  });

  const cases: Readonly<Record<string, readonly [string, Finding["severity"], RegExp]>> = {
    "guidance without dropout": [
      recipe("edm", (r) => {
        r["training"]["labelDropout"] = 0;
        r["sampling"]["guidance"] = 2;
      }),
      "error",
      /labelDropout is 0/,
    ],
    "a start that does not hide the data": [
      recipe("edm", (r) => {
        r["sampling"]["grid"] = { type: "karras", sigmaMin: 0.002, sigmaMax: 2 };
      }),
      "warning",
      /starts at σ̃ = 2, only 4 times/,
    ],
    "levels that were never trained": [
      recipe("edm", (r) => {
        r["sampling"]["grid"] = { type: "karras", sigmaMin: 0.002, sigmaMax: 1e6 };
      }),
      "error",
      /lies outside the levels/,
    ],
    "too few steps": [
      recipe("edm", (r) => {
        r["sampling"]["steps"] = 3;
      }),
      "error",
      /sampling: heun, 3 steps.*too/,
    ],
    "an average that is too long": [
      recipe("edm", (r) => {
        r["training"]["ema"] = { type: "half-life", images: 500_000 };
      }),
      "warning",
      /average: half of the average's weight/,
    ],
    "mirrored digits": [
      recipe("edm", (r) => {
        r["data"]["flip"] = true;
      }),
      "warning",
      /mirrors digits/,
    ],
    "a warm-up without end": [
      recipe("edm", (r) => {
        r["training"]["learningRate"] = { peak: 1e-3, warmup: { type: "images", images: 90_000 } };
      }),
      "warning",
      /rises for 90 %/,
    ],
  };
  for (const [name, [path, severity, pattern]] of Object.entries(cases))
    test(name, async () => has((await doctor(path)).found, severity, pattern));
});

describe("data", () => {
  test("floats in the wrong range, and with holes", async () => {
    const values = Float32Array.from({ length: 64 * 40 }, (_, i) => (i * 37) % 256);
    writeFileSync(at("x.npy"), npyBytes({ dims: [40, 8, 8], values }));
    has((await doctor(at("x.npy"))).found, "warning", /numbers run from 0 to 255/);
    values[7] = Number.NaN;
    writeFileSync(at("x.npy"), npyBytes({ dims: [40, 8, 8], values }));
    const { code, found } = await doctor(at("x.npy"));
    assert.equal(code, 1);
    has(found, "error", /1 numbers are NaN/);
  });
});

describe("a run", () => {
  before(async () => {
    const { code, stderr } = await inProcess(["train", ...tinyRun, "--duration", "3200", "--out", at("run")]);
    assert.equal(code, 0, stderr);
  });
  const copy = (name: string) => {
    cpSync(at("run"), at(name), { recursive: true });
    return at(name);
  };

  test("that is as it should be", async () => {
    const { code, found } = await doctor(at("run"));
    assert.equal(code, 0, JSON.stringify(found));
    for (const pattern of [/σ_data/, /same data: those that/, /parameters: all finite/, /checkpoints: \d readable/])
      has(found, "ok", pattern);
  });

  test("of other data than it says", async () => {
    const run = copy("other");
    const text = readFileSync(join(run, "recipe.json"), "utf8");
    writeFileSync(
      join(run, "recipe.json"),
      text.replace("points:moons", "points:rings").replace(/"sigmaData": [\d.]+/, '"sigmaData": 3'),
    );
    const { code, found } = await doctor(run);
    assert.equal(code, 1);
    has(found, "error", /as many examples as the run began with, but others/);
    has(found, "error", /σ_data: data.sigmaData is 3/);
  });

  test("whose parameters or files are broken", async () => {
    const run = copy("broken");
    const steps = RunFolder.open(run).checkpoints();
    const path = RunFolder.open(run).checkpointPath(steps[steps.length - 1]);
    const checkpoint = decodeSafetensors(new Uint8Array(readFileSync(path)), path);
    const name = Object.keys(checkpoint.tensors).find((key) => key.startsWith("ema/"))!;
    checkpoint.tensors[name].data[0] = Number.NaN;
    writeFileSync(path, Buffer.concat(encodeSafetensors(checkpoint).map((piece) => Buffer.from(piece))));
    const { code, found } = await doctor(run);
    assert.equal(code, 1);
    has(found, "error", /parameters: ema\/.* is not finite/);
    writeFileSync(path, readFileSync(path).subarray(0, 1000));
    has((await doctor(run)).found, "error", /checkpoints: /);
  });

  test("with no checkpoint, with a loss that rose, and without its data", async () => {
    const run = copy("bare");
    const lines = Array.from({ length: 40 }, (_, i) =>
      JSON.stringify({
        step: i,
        images: i,
        loss: i < 20 ? 1 : 3,
        gradientNorm: 1,
        lr: 1,
        imagesPerSecond: 1,
        memory: 1,
      }),
    );
    writeFileSync(join(run, "stats.jsonl"), `${lines.join("\n")}\n`);
    has((await doctor(run)).found, "warning", /3 times the least/);
    for (const step of RunFolder.open(run).checkpoints()) rmSync(RunFolder.open(run).checkpointPath(step));
    has((await doctor(run)).found, "error", /checkpoints: there is none/);
    const text = readFileSync(join(run, "recipe.json"), "utf8");
    writeFileSync(join(run, "recipe.json"), text.replace("points:moons", "./gone"));
    has((await doctor(run)).found, "warning", /no such file/);
  });
});

test("what cannot be looked at is a mistake of one line", async () => {
  for (const target of ["/no/such", "edmm", at("no.json")]) {
    const { code, stderr } = await inProcess(["doctor", target]);
    assert.equal(code, 2, target);
    assert.equal(stderr.trim().split("\n").length, 1);
  }
});
