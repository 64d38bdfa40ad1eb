import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadDataset, loaded, npyBytes } from "../../src/data/files/index.ts";
import { example } from "../../src/data/index.ts";
import { inProcess } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-signals-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

test("signals are inspected, trained on and sampled as points of their length", async () => {
  const [count, length] = [40, 12];
  const values = Float32Array.from({ length: count * length }, (_, k) => Math.sin((k % length) + k / length));
  writeFileSync(at("x.npy"), npyBytes({ dims: [count, length], values }));
  const rows = Array.from({ length: count }, (_, i) => values.subarray(i * length, (i + 1) * length).join(","));
  writeFileSync(at("x.csv"), rows.join("\n"));
  for (const name of ["x.npy", "x.csv"]) {
    const { code, stdout, stderr } = await inProcess(["data", "inspect", at(name), "--preview", at(`${name}.png`)]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /40 examples of \[12\]/);
    assert.ok(existsSync(at(`${name}.png`)));
  }
  const small = ["--set", "model.network.width=8", "--batch", "8", "--duration", "32", "--sheets", "0"];
  const trained = await inProcess(["train", "points", "--data", at("x.npy"), "--out", at("run"), ...small]);
  assert.equal(trained.code, 0, trained.stderr);
  const drawn = await inProcess(["sample", at("run"), "--n", "3", "--steps", "2", "--out", at("drawn.png")]);
  assert.equal(drawn.code, 0, drawn.stderr);
  assert.ok(existsSync(at("drawn.png")));
});

test("channels of a signal follow one another, whether they come first or last", async () => {
  const [count, channels, steps] = [3, 2, 9];
  const number = (i: number, c: number, k: number) => 100 * i + 10 * c + k;
  const first: number[] = [];
  const last: number[] = [];
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < channels; c++) for (let k = 0; k < steps; k++) first.push(number(i, c, k));
    for (let k = 0; k < steps; k++) for (let c = 0; c < channels; c++) last.push(number(i, c, k));
  }
  writeFileSync(at("first.npy"), npyBytes({ dims: [count, channels, steps], values: Float32Array.from(first) }));
  writeFileSync(at("last.npy"), npyBytes({ dims: [count, steps, channels], values: Float64Array.from(last) }));
  writeFileSync(at("image.npy"), npyBytes({ dims: [count, 1, channels, steps], values: Float32Array.from(first) }));
  writeFileSync(at("gray.npy"), npyBytes({ dims: [count, 3, 6], values: Float32Array.from(first) }));
  for (const name of ["first.npy", "last.npy"]) {
    const set = await loaded(loadDataset(at(name)));
    assert.deepEqual(set.shape, [channels * steps]);
    assert.deepEqual(Array.from(example(set, 1)), first.slice(18, 36));
    assert.match(set.report.notes.join(), /signals of 2 channels and 9 steps.*four dimensions: 3×1×/);
  }
  assert.deepEqual((await loaded(loadDataset(at("image.npy")))).shape, [1, channels, steps]);
  assert.deepEqual((await loaded(loadDataset(at("gray.npy")))).shape, [1, 3, 6]);
});
