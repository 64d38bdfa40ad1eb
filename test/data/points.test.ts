import assert from "node:assert/strict";
import { test } from "node:test";
import { example, mixture, type PointsName, points, pointsNames, statistics } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const all = (name: PointsName, options = {}) => {
  const set = points({ type: name, ...options } as Parameters<typeof points>[0], { size: 4000 });
  return Array.from({ length: set.size }, (_, i) => {
    const [x, y] = example(set, i);
    return { x, y, label: set.label?.(i) };
  });
};

/** What every distribution must obey; the table is total, so a new one needs a line here. */
const shapes: {
  readonly [N in PointsName]: { classes: number; check: (x: number, y: number, label?: number) => void };
} = {
  mixture: {
    classes: 8,
    check: (x, y, label) => {
      const { means, sigma } = mixture();
      const [mx, my] = means[label ?? -1];
      assert.ok(Math.hypot(x - mx, y - my) < 6 * sigma);
    },
  },
  moons: {
    classes: 2,
    check: (x, y, label) => {
      const [u, v] = [1.5 * x + 0.5, 1.5 * y + 0.25];
      const radius = label === 0 ? Math.hypot(u, v) : Math.hypot(u - 1, v - 0.5);
      assert.ok(Math.abs(radius - 1) < 6 * 0.06);
    },
  },
  rings: { classes: 3, check: (x, y, label = -1) => assert.ok(Math.abs(Math.hypot(x, y) - (label + 1) / 3) < 0.12) },
  checkerboard: {
    classes: 0,
    check: (x, y) => {
      const cell = (v: number) => Math.min(3, Math.floor(2 * (v + 1)));
      assert.equal((cell(x) + cell(y)) % 2, 0);
      assert.ok(Math.abs(x) <= 1 && Math.abs(y) <= 1);
    },
  },
  "swiss-roll": {
    classes: 0,
    check: (x, y) => {
      // On the roll, the turn is the radius, up to whole half turns of the angle.
      const radius = Math.hypot(x, y);
      const turn = Math.atan2(y, x) / (4 * Math.PI);
      const off = Math.abs(radius - turn - 0.5 * Math.round((radius - turn) / 0.5));
      assert.ok(off < 0.13, `${off}`);
    },
  },
};

for (const name of pointsNames) {
  test(`${name}: points lie where they should, in all parts, and fill the square`, () => {
    const drawn = all(name);
    for (const { x, y, label } of drawn) shapes[name].check(x, y, label);
    const labels = new Set(drawn.map(({ label }) => label));
    if (shapes[name].classes === 0) assert.deepEqual([...labels], [undefined]);
    else {
      assert.equal(labels.size, shapes[name].classes);
      for (const part of labels) {
        const share = drawn.filter(({ label }) => label === part).length / drawn.length;
        assert.ok(Math.abs(share * shapes[name].classes - 1) < 0.2);
      }
    }
    const { std, min, max } = statistics(points(name));
    assert.ok(std > 0.35 && std < 0.65 && min > -1.3 && max < 1.3, `${std} ${min} ${max}`);
  });

  test(`${name}: a larger set begins with the smaller one; seeds and splits differ`, () => {
    const [small, large] = [points(name, { size: 5 }), points(name, { size: 50 })];
    for (let i = 0; i < 5; i++) assert.deepEqual(example(small, i), example(large, i));
    assert.notDeepEqual(example(small, 0), example(points(name, { size: 5, seed: 1 }), 0));
    assert.notDeepEqual(example(small, 0), example(points(name, { size: 5, split: "test" }), 0));
  });
}

test("constants change the distribution", () => {
  assert.equal(new Set(all("mixture", { modes: 5 }).map(({ label }) => label)).size, 5);
  for (const { x, y } of all("rings", { rings: 1, sigma: 0 })) assert.ok(Math.abs(Math.hypot(x, y) - 1) < 1e-6);
});

test("unknown names and impossible constants are refused", () => {
  assert.throws(
    () => points("moon" as PointsName),
    (error) => error instanceof ConfigError && /"moons"/.test(error.message),
  );
  assert.throws(() => points("toString" as PointsName), ConfigError);
  for (const spec of [
    { type: "mixture", modes: 0 },
    { type: "mixture", sigma: -1 },
    { type: "rings", rings: 1.5 },
    { type: "checkerboard", cells: 3 },
    { type: "moons", sigma: Number.NaN },
  ] as const)
    assert.throws(() => points(spec), ConfigError);
  for (const size of [0, -1, 1.5, 1e12]) assert.throws(() => points("moons", { size }), ConfigError);
});
