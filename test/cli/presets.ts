/** Training every preset from the command line, with a network and images small enough to do it in a moment. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preset, presetNames } from "../../src/recipe/index.ts";
import { inProcess } from "./command-line.ts";

/** Images in an update; points are of two numbers, so it takes more of them for a loss as steady. */
const batchOf = (name: string) => (preset(name).model.network.type === "mlp" ? 256 : 4);

/** The fields that make a preset tiny and leave its objective, its sampler and the kind of its network as they are. */
function tiny(name: string): string[] {
  const { model, data } = preset(name);
  const networks: Readonly<Record<string, object>> = {
    "song-unet": { modelChannels: 8, channelMult: [1], numBlocks: 1, attentionResolutions: [] },
    "adm-unet": { modelChannels: 8, channelMult: [1], numResBlocks: 1, attentionDownsampleFactors: [], groups: 4 },
    mlp: { width: 32, layers: 1 },
  };
  const { type } = model.network;
  return [
    `model.network=${JSON.stringify({ type, ...networks[type] })}`,
    "data.examples=32",
    ...(data.size === undefined ? [] : ["data.size=28", "model.patch=4"]),
    "sampling.steps=3",
    `training.learningRate={"peak":${type === "mlp" ? 0.01 : 0.001}}`,
  ];
}

/** Trains each preset for so many steps; `check` sees the loss of each, and the run. */
export async function trainEach(
  steps: number,
  check: (name: string, losses: readonly number[], run: string) => void | Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "ornstein-presets-"));
  try {
    for (const name of presetNames) {
      const out = join(folder, name);
      const batch = batchOf(name);
      const sets = tiny(name).flatMap((assignment) => ["--set", assignment]);
      const args = [
        "train",
        name,
        "--out",
        out,
        "--batch",
        String(batch),
        "--threads",
        "1",
        "--sheets",
        "0",
        "--json",
        ...sets,
      ];
      const { code, stdout, stderr } = await inProcess([...args, "--set", `training.images=${steps * batch}`]);
      assert.equal(code, 0, `${name}: ${stderr}`);
      const records = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { type: string; loss: number });
      const losses = records.filter(({ type }) => type === "step").map(({ loss }) => loss);
      assert.equal(losses.length, steps, name);
      assert.ok(losses.every(Number.isFinite), `${name}: ${losses}`);
      assert.ok(existsSync(join(out, "samples", `images-${String(steps * batch).padStart(9, "0")}.png`)), name);
      await check(name, losses, out);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
