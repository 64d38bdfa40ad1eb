import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { adapters } from "./adapters/index.ts";
import { check, readVectors } from "./vectors.ts";

const folder = process.env.GOLDEN_DIR ?? join(import.meta.dirname, "../../../test/golden/vectors");

for (const golden of readVectors(folder)) {
  const adapter = adapters[golden.name];
  test(`golden ${golden.name}`, {
    skip: adapter ? false : "unknown: nothing in the library has this name yet",
  }, async () => {
    const wrong: string[] = [];
    for (const [i, one] of golden.cases.entries())
      for (const line of adapter ? await check(golden, one, adapter) : [])
        wrong.push(`case ${i}${one.note ? ` (${one.note})` : ""}: ${line}`);
    assert.deepEqual(wrong, []);
  });
}
