import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, GraphError } from "../../src/errors/index.ts";
import { evaluate, input } from "../../src/graph/index.ts";
import { createScope } from "../../src/nn/index.ts";

test("parameters are inputs named by their paths, in the order they were made", () => {
  const s = createScope();
  s.at("enc").at("conv").param("weight", [2, 3], { type: "ones" });
  s.param("bias", [2], { type: "zeros" });
  assert.deepEqual(
    s.parameters.map(({ path, node }) => [path, node.attrs.name, node.shape]),
    [
      ["enc/conv/weight", "enc/conv/weight", [2, 3]],
      ["bias", "bias", [2]],
    ],
  );
  assert.equal(s.at("enc").parameters, s.parameters);
});

test("a path can be taken once", () => {
  const s = createScope({ training: true });
  const x = s.at("a").param("weight", [4, 5], { type: "ones" });
  assert.throws(() => s.at("a").param("weight", [1], { type: "ones" }), GraphError);
  s.dropout(x, 0.5);
  assert.throws(() => s.dropout(x, 0.5), GraphError);
});

test("dropout is the identity unless training, and with rate 0", () => {
  const x = input("x", [2, 3]);
  assert.equal(createScope().dropout(x, 0.5), x);
  const s = createScope({ training: true });
  assert.equal(s.dropout(x, 0), x);
  assert.deepEqual(s.noises, []);
  for (const rate of [-0.1, 1, Number.NaN]) assert.throws(() => s.dropout(x, rate), ConfigError);
});

test("dropout zeroes elements whose draw is below the rate and scales up the others", () => {
  const s = createScope({ training: true });
  const y = s.at("block").dropout(input("x", [4]), 0.5);
  assert.deepEqual(
    s.noises.map(({ name, shape }) => [name, shape]),
    [["block/dropout", [4]]],
  );
  const [out] = evaluate([y], { x: [1, 2, 3, 4], "block/dropout": [0.49, 0.5, 0, 0.99] });
  assert.deepEqual([...out], [0, 4, 0, 8]);
});

test("dropout may decide on whole channels", () => {
  const s = createScope({ training: true, dropoutPer: "channel" });
  const y = s.dropout(input("x", [1, 2, 1, 2]), 0.5);
  assert.deepEqual(s.noises[0].shape, [1, 2, 1, 1]);
  const [out] = evaluate([y], { x: [1, 2, 3, 4], dropout: [0.4, 0.6] });
  assert.deepEqual([...out], [0, 0, 6, 8]);
});
