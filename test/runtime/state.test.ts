import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { input } from "../../src/graph/index.ts";
import { compileInPlace, createState } from "../../src/runtime/index.ts";
import { missing, onSoftwareGpu } from "../software-gpu.ts";
import { checks } from "./state-checks.ts";

for (const [name, check] of Object.entries(checks)) test(`state: ${name}`, () => check("cpu"));

test("all of it holds on WebGPU, where state stays on the device", { skip: missing }, () => {
  onSoftwareGpu(join(import.meta.dirname, "state-on-webgpu.js"));
});

test("a change in place that would read what it has overwritten is refused", async () => {
  const change = (length: number) => {
    const [a, b] = [input("a", [length]), input("b", [length])];
    return { a: { before: a, after: a.add(1) }, b: { before: b, after: b.add(a) } };
  };
  const state = createState({ a: [3], b: [3] });
  await assert.rejects(compileInPlace(change, 3, { state }), /in place: "a" is read by add after its next value/);
});
