import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { npyBytes } from "../../src/data/files/index.ts";
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
