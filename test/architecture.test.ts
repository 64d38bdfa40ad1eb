import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../..");

/** The rows of the house, lowest first. A folder imports from rows below its own, and from itself. */
const rows: readonly (readonly string[])[] = [
  ["errors"],
  ["random"],
  ["graph", "transport", "data"],
  ["onnx", "nn", "diffusion"],
  ["runtime", "sampling"],
  ["training", "metrics"],
  ["distillation"],
  ["analysis", "evaluation"],
  ["recipe"],
  ["disk"],
  ["runs", "data/files", "distributed"],
  ["cli", "studio"],
];

const row = (folder: string) => rows.findIndex((members) => members.includes(folder));
const folderOf = (path: string) => (path.startsWith("data/files") ? "data/files" : path.split("/")[0]);

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter(
  (file) => file.includes("/") && file.endsWith(".ts"),
);

test("imports point down only", () => {
  for (const file of sources) {
    const folder = folderOf(file);
    assert.ok(row(folder) >= 0, `src/${file}: folder ${folder} is in no row`);
    for (const [, path] of readFileSync(join(root, "src", file), "utf8").matchAll(/from "(\.[^"]+)"/g)) {
      const target = folderOf(join(file, "..", path));
      assert.ok(
        target === folder || row(target) < row(folder),
        `src/${file} imports ${target}/, which ${folder}/ may not.`,
      );
    }
  }
});

test("only runtime imports ONNX Runtime", () => {
  for (const file of sources) {
    const text = readFileSync(join(root, "src", file), "utf8");
    if (/from "(#ort|onnxruntime)/.test(text))
      assert.equal(folderOf(file), "runtime", `src/${file} imports ONNX Runtime`);
  }
});

test("neutral rows import no Node module", () => {
  for (const file of sources.filter((name) => row(folderOf(name)) < row("disk"))) {
    const text = readFileSync(join(root, "src", file), "utf8");
    assert.ok(!/from "node:/.test(text), `src/${file} imports a Node module`);
  }
});
