import assert from "node:assert/strict";
import { test } from "node:test";
import { fileLabels, numbered } from "../../../src/data/files/labels.ts";
import { survives } from "./mutation.ts";

const files = ["00000/img00000000.png", "00000/img00000001.png", "a/b.png"];
const kept = [0, 1, 2];

const given = {
  "dataset.json": `${JSON.stringify({ labels: files.map((file, i) => [file, 3 * i]) }, null, 1)}\n`,
  "labels.csv": `file,label\n${files.map((file, i) => `${file},${["cat", "dog", "cat"][i]}`).join("\n")}\n`,
};

/** Labels as a file of that name with those bytes gives them. */
async function read(name: keyof typeof given, bytes: Uint8Array) {
  const text = new TextDecoder().decode(bytes);
  const found = await fileLabels("x", files, undefined, async (file) => (file === name ? text : undefined));
  return found && numbered("x", files, found, kept);
}

for (const [name, text] of Object.entries(given) as [keyof typeof given, string][])
  test(`a damaged ${name} gives labels or is refused, nothing else`, async () => {
    const whole = new TextEncoder().encode(text);
    const found = await read(name, whole);
    assert.deepEqual(Array.from(found?.labels ?? []), name === "labels.csv" ? [0, 1, 0] : [0, 3, 6]);
    await survives(whole, async (bytes) => {
      const { labels, classes } = (await read(name, bytes)) ?? { labels: new Uint16Array(), classes: [] };
      assert.ok(labels.every((label) => label < classes.length));
    });
  });
