import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, input } from "../../src/graph/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { refusesSequence, stopsBeforeCopies } from "../../src/runtime/without-copies.ts";

test("the CPU provider's runs end before the binding copies their results", async () => {
  assert.equal(await stopsBeforeCopies(), true);
});

test("results of any size are there, in memory of their own or in what was given", async () => {
  const x = input("x", [3]);
  const program = await compile({ twice: x.mul(2), sum: x.sum(), pair: concat([x, x], 0) }, { threads: 1 });
  const into = { pair: new Float32Array(6) };
  const first = await program.run({ x: [1, 2, 3] }, into);
  assert.deepEqual([...first.twice], [2, 4, 6]);
  assert.deepEqual([...first.sum], [6]);
  assert.equal(first.pair, into.pair);
  assert.deepEqual([...into.pair], [1, 2, 3, 1, 2, 3]);
  const second = await program.run({ x: [5, 5, 5] });
  assert.deepEqual([...first.twice], [2, 4, 6], "a later run leaves earlier results alone");
  assert.deepEqual([...second.pair], [5, 5, 5, 5, 5, 5]);
  await program.close();
});

test("other errors are no end of that kind", () => {
  assert.equal(refusesSequence(new Error("Non-zero status code returned while running Mul node.")), false);
  assert.equal(refusesSequence("Non tensor type"), false);
});
