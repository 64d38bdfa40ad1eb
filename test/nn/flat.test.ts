import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { evaluate, input } from "../../src/graph/index.ts";
import {
  bake,
  createScope,
  type FanInit,
  flatGradient,
  flatten,
  type Init,
  initialize,
  initScale,
  layout,
  linear,
  parameterCount,
  type Scope,
} from "../../src/nn/index.ts";

const x = input("x", [3, 2]);
const points = { x: [0.3, -1, 2, 0.5, -0.7, 1.1] };

/** A perceptron of two layers, and its loss. */
function perceptron(s: Scope) {
  const y = linear(s.at("out"), linear(s.at("in"), x, 4).tanh(), 2);
  return { y, loss: y.sumSquares() };
}

test("the layout puts parameters one after another", () => {
  const s = createScope();
  perceptron(s);
  assert.deepEqual(
    layout(s.parameters).map(({ path, offset }) => [path, offset]),
    [
      ["in/weight", 0],
      ["in/bias", 8],
      ["out/weight", 12],
      ["out/bias", 20],
    ],
  );
  assert.equal(parameterCount(s.parameters), 22);
});

test("a flattened graph, a baked one and the original agree", () => {
  const s = createScope();
  const { y } = perceptron(s);
  const values = initialize(s.parameters, 5);
  const separate = Object.fromEntries(
    layout(s.parameters).map(({ path, offset, shape }) => [
      path,
      values.subarray(offset, offset + shape.reduce((a, b) => a * b)),
    ]),
  );
  const [expected] = evaluate([y], { ...points, ...separate });
  const flat = input("parameters", [22]);
  assert.deepEqual(evaluate(flatten([y], s.parameters, flat), { ...points, parameters: values })[0], expected);
  assert.deepEqual(evaluate(bake([y], s.parameters, values), points)[0], expected);
});

test("the flat gradient agrees with central differences", () => {
  const s = createScope();
  const { loss } = perceptron(s);
  const flat = input("parameters", [22]);
  const [value, grad] = flatten([loss, flatGradient(loss, s.parameters)], s.parameters, flat);
  const parameters = Float64Array.from(initialize(s.parameters, 5));
  const [analytic] = evaluate([grad], { ...points, parameters });
  for (let i = 0; i < 22; i++) {
    const [up, down] = [1e-5, -1e-5].map((h) => {
      const moved = parameters.slice();
      moved[i] += h;
      return evaluate([value], { ...points, parameters: moved })[0][0];
    });
    assert.ok(Math.abs((up - down) / 2e-5 - analytic[i]) < 1e-7, `element ${i}`);
  }
});

test("values of another network are refused", () => {
  const s = createScope();
  const { y } = perceptron(s);
  assert.throws(() => bake([y], s.parameters, new Float32Array(21)), ConfigError);
});

test("a new layer leaves the start of the others as it was", () => {
  const [small, large] = [createScope(), createScope()];
  perceptron(small);
  linear(large.at("extra"), x, 7);
  perceptron(large);
  const [a, b] = [small, large].map((s) => initialize(s.parameters, 1));
  assert.deepEqual(b.slice(-22), a);
  assert.notDeepEqual(initialize(small.parameters, 2), a);
});

const drawn: Readonly<Record<Init["type"], { readonly init: Init; readonly std: number; readonly bound: number }>> = {
  zeros: { init: { type: "zeros" }, std: 0, bound: 0 },
  ones: { init: { type: "ones" }, std: 0, bound: 1 },
  normal: { init: { type: "normal", std: 0.3 }, std: 0.3, bound: Number.POSITIVE_INFINITY },
  "xavier-uniform": fanned("xavier-uniform"),
  "xavier-normal": fanned("xavier-normal"),
  "kaiming-uniform": fanned("kaiming-uniform"),
  "kaiming-normal": fanned("kaiming-normal"),
};

function fanned(type: FanInit) {
  const scale = 0.5 * initScale(type, 24, 40);
  const uniform = type.endsWith("uniform");
  const init: Init = { type, gain: 0.5, fanIn: 24, fanOut: 40 };
  return { init, std: uniform ? scale / Math.sqrt(3) : scale, bound: uniform ? scale : Number.POSITIVE_INFINITY };
}

for (const [type, { init, std, bound }] of Object.entries(drawn))
  test(`${type} has its spread`, () => {
    const s = createScope();
    const n = 20000;
    s.param("w", [n], init);
    const values = initialize(s.parameters, 3);
    const mean = values.reduce((a, b) => a + b, 0) / n;
    const measured = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / n);
    assert.ok(Math.abs(measured - std) <= 0.02 * std, `standard deviation ${measured}, expected ${std}`);
    assert.ok(Math.abs(mean - Number(type === "ones")) <= 0.03 * std);
    assert.ok(values.every((v) => Math.abs(v) <= bound + 1e-7));
  });

test("uniform and normal initialisers of one family have one variance", () => {
  for (const family of ["xavier", "kaiming"] as const) {
    const [uniform, normal] = (["uniform", "normal"] as const).map((law) => initScale(`${family}-${law}`, 27, 144));
    assert.ok(Math.abs(uniform ** 2 / 3 - normal ** 2) < 1e-15);
  }
});
