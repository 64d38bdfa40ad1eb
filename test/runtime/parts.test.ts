import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { concat, type Expr, evaluate, input, meanSquaredError } from "../../src/graph/index.ts";
import { createScope, flatGradient, flatten, linear, parameterCount } from "../../src/nn/index.ts";
import { compileStateful, createState } from "../../src/runtime/index.ts";
import { divide } from "../../src/runtime/parts.ts";
import { values } from "../graph/examples.ts";

const names = { inputs: ["flat"], outputs: ["next"] };
const inputsOf = (outputs: Readonly<Record<string, Expr>>): readonly string[] => {
  const seen = new Set<Expr>();
  const visit = (x: Expr): void => {
    if (seen.has(x)) return;
    seen.add(x);
    x.inputs.forEach(visit);
  };
  Object.values(outputs).forEach(visit);
  return [...seen].flatMap(({ op, attrs }) => (op === "input" ? [(attrs as { name: string }).name] : [])).sort();
};

test("runs that are cut of an input, and pieces that an output is joined from, have names of their own", () => {
  const flat = input("flat", [10]);
  const [a, b] = [flat.slice(0, 0, 6).reshape([2, 3]), flat.slice(0, 6, 10)];
  const next = concat([a.mul(2).reshape([-1]), b.neg()], 0);
  const { outputs, parts } = divide({ loss: a.sum().add(b.sum()), next }, names);
  assert.deepEqual(Object.keys(outputs), ["loss", "next 0:6", "next 6:10"]);
  assert.deepEqual(inputsOf(outputs), ["flat 0:6", "flat 6:10"]);
  assert.deepEqual(parts.get("next"), [
    { name: "next 0:6", from: 0, shape: [2, 3] },
    { name: "next 6:10", from: 6, shape: [4] },
  ]);
  const data = values([10], 1);
  const feeds = { "flat 0:6": data.subarray(0, 6), "flat 6:10": data.subarray(6) };
  const [, first, second] = evaluate(Object.values(outputs), feeds);
  assert.deepEqual([...first, ...second], [...evaluate([next], { flat: data })[0]]);
});

test("the same run, cut twice, is one input", () => {
  const flat = input("flat", [4]);
  const [a, b] = [0, 1].map(() => flat.slice(0, 1, 3));
  const { outputs, parts } = divide({ sum: a.add(b.mul(2)) }, names);
  assert.deepEqual(parts.get("flat"), [{ name: "flat 1:3", from: 1, shape: [2] }]);
  assert.deepEqual(inputsOf(outputs), ["flat 1:3"]);
  assert.deepEqual([...evaluate([outputs["sum"]], { "flat 1:3": [1, 2] })[0]], [3, 6]);
});

test("what is used otherwise stays whole", () => {
  const flat = input("flat", [10]);
  const cut = flat.slice(0, 0, 4);
  const next = concat([cut, cut], 0);
  for (const other of [flat.sum(), flat.slice(0, 0, 10, 2)])
    assert.deepEqual(inputsOf(divide({ next, other }, names).outputs), ["flat"]);
  assert.ok(inputsOf(divide({ next, other: flat }, names).outputs).includes("flat"));
  assert.ok("next" in divide({ next, other: next.sum() }, names).outputs);
  assert.ok("next" in divide({ next }, {}).outputs);
  assert.ok("next" in divide({ next: concat([cut.reshape([2, 2]), cut.reshape([2, 2])], 0) }, names).outputs);
});

test("a program that reads and writes in parts computes as one that joins, step after step, and takes one back", async () => {
  const s = createScope();
  const [x, y] = [input("x", [4, 5]), input("y", [4, 2])];
  const loss = meanSquaredError(linear(s.at("b"), linear(s.at("a"), x, 7).silu(), 2), y);
  const count = parameterCount(s.parameters);
  const flat = (name: string) => input(name, [count]);
  const [flatLoss, gradient] = flatten([loss, flatGradient(loss, s.parameters)], s.parameters, flat("params"));
  const carried = { gradient: { before: flat("gradient"), after: gradient } };
  const start = values([count], 3);
  const feeds = { x: values([4, 5], 4), y: values([4, 2], 5) };
  const expected = evaluate([flatLoss, gradient], { ...feeds, params: start });

  const state = createState({ params: [count], gradient: [count] }, { threads: 1 });
  const program = await compileStateful(carried, { loss: flatLoss }, { state, threads: 1 });
  assert.deepEqual(program.inputs.map(({ name }) => name).sort(), ["x", "y"]);
  for (const scale of [1, 2]) {
    state.load({ params: start.map((v) => v * scale) });
    const { loss } = await program.step(feeds);
    const found = (await state.read("gradient")).gradient;
    const [exactLoss, exact] =
      scale === 1 ? expected : evaluate([flatLoss, gradient], { ...feeds, params: start.map((v) => 2 * v) });
    assert.ok(Math.abs(loss[0] - exactLoss[0]) < 1e-5 * Math.abs(exactLoss[0]));
    for (const [i, g] of exact.entries()) assert.ok(Math.abs(g - found[i]) < 1e-5 + 1e-4 * Math.abs(g));
  }
  await assert.rejects(program.step({ ...feeds, "params 0:35": start }), /no input is named "params 0:35"/);
  await program.close();
  await state.close();

  // A trace shows that nothing is cut or joined.
  const folder = await mkdtemp(join(tmpdir(), "ornstein-parts-"));
  const traced = await compileStateful(
    carried,
    { loss: flatLoss },
    {
      state: createState({ params: [count], gradient: [count] }, { threads: 1 }),
      threads: 1,
      profile: join(folder, "trace"),
    },
  );
  await traced.step(feeds);
  traced.endProfile();
  const trace = await readFile(join(folder, (await readdir(folder))[0]), "utf8");
  assert.match(trace, /"op_name" : "Gemm"/);
  assert.doesNotMatch(trace, /"op_name" : "(Slice|Concat|Split|Gather)"/);
  await traced.close();
  await rm(folder, { recursive: true });

  // The same vector is read and changed: whoever reads it next has what was written last, and before that after undo.
  const same = {
    params: { before: flat("params"), after: concat([gradient.slice(0, 0, 3), gradient.slice(0, 3, count)], 0) },
  };
  const moving = await compileStateful(same, {}, { threads: 1 });
  moving.state.load({ params: start });
  await moving.step(feeds);
  const once = Float32Array.from((await moving.state.read("params")).params);
  await moving.step(feeds);
  assert.notDeepEqual((await moving.state.read("params")).params, once);
  moving.undo();
  assert.deepEqual((await moving.state.read("params")).params, once);
  await moving.close();
});
