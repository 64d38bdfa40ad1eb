import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { differences } from "../../src/cli/compare/differences.ts";
import { describeTest, pairTests } from "../../src/cli/compare/tests.ts";
import { preset, setField } from "../../src/recipe/index.ts";
import type { Evaluation } from "../../src/runs/index.ts";
import { inProcess, tinyRun } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-compare-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);
process.env["ORNSTEIN_CACHE"] = at("cache");

before(async () => {
  for (const [name, width] of [
    ["narrow & dark", "8"],
    ["wide", "16"],
  ] as const) {
    const args = ["train", ...tinyRun, "--duration", "320", "--set", `model.network.width=${width}`, "--out", at(name)];
    assert.equal((await inProcess(args)).code, 0);
    assert.equal((await inProcess(["eval", at(name), "--n", "20", "--seeds", "2", "--steps", "3"])).code, 0);
  }
});

test("recipes differ in fields", () => {
  const edm = preset("edm");
  const other = setField(setField(edm, "training.batch=32"), "sampling.guidance=2") as typeof edm;
  const { differ, same } = differences([edm, other]);
  assert.deepEqual(differ, [
    { path: "training.batch", values: ["64", "32"] },
    { path: "sampling.guidance", values: [undefined, "2"] },
  ]);
  assert.ok(same > 20);
  const levels = Array.from({ length: 20 }, (_, i) => (i + 1) / 7);
  const long = { ...edm, sampling: { ...edm.sampling, grid: { type: "levels" as const, sigmas: levels } } };
  const texts = differences([edm, long]).differ.map(({ values }) => values[1]);
  assert.ok(texts.includes("0.1429, 0.2857, … 2.857 (20 numbers)"), texts.join());
});

test("the page has everything in itself", async () => {
  const out = at("page.html");
  const { code, stdout, stderr } = await inProcess(["compare", at("narrow & dark"), at("wide"), "--out", out]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /1 field of the recipes differs, [\s\S]*model\.network\.width {2}8 {2}\| {2}16/);
  assert.match(
    stdout,
    /wide against narrow & dark: [+−]?[\d.]+ ± [\d.]+, p [=<] [\d.e-]+, paired: (better|worse|no difference shown)/,
  );
  const html = readFileSync(out, "utf8");
  assert.match(html, /<h2>Differences<\/h2>/);
  for (const pattern of [
    /narrow &#38; dark/,
    /model\.<wbr>network\.<wbr>width/,
    /<svg/,
    /data:image\/png;base64,/,
    /real data/,
    /± /,
    // Few samples, more metrics: those go down.
    /class="numbers across"><thead><tr><th>metric</,
  ])
    assert.match(html, pattern);
  assert.doesNotMatch(html, /<script|https?:|src="(?!data:)|NaN|undefined|Infinity/);
  // Every tag that is opened is closed.
  for (const tag of ["section", "table", "figure", "svg", "div", "tr", "td"])
    assert.equal(html.split(`<${tag}`).length - 1, html.split(`</${tag}>`).length - 1, tag);
});

test("runs are tested in pairs where their seeds agree, and not where they cannot be compared", () => {
  const evaluation = (seeds: readonly number[], values: readonly number[], n = 20) =>
    ({
      protocol: { n, seeds, features: { hash: "f" }, reference: { hash: "r" }, rounding: "edm" },
      measurements: [{ name: "fd", better: "lower", values }],
    }) as unknown as Evaluation;
  const of = (...all: Evaluation[]) => pairTests(all.map((one) => ({ evaluations: [one] })));
  const [same] = of(evaluation([0, 1, 2], [10, 20, 30]), evaluation([0, 1, 2], [9, 19.1, 28.9]));
  assert.ok(same.paired && same.high < 0 && same.p < 0.01);
  assert.match(describeTest(same), /^−1\.00 ± 0\.25, p = 0\.0033, paired: better$/);
  const [nothing] = of(evaluation([0, 1], [0, 0]), evaluation([0, 1], [0, 0]));
  assert.match(describeTest(nothing), /^0 ± 0, p = 1, paired: no difference shown$/);
  const [other] = of(evaluation([0, 1, 2], [10, 20, 30]), evaluation([3, 4, 5], [9, 19.1, 28.9]));
  assert.ok(!other.paired && other.low < 0 && other.high > 0);
  assert.match(describeTest(other), /no difference shown$/);
  assert.deepEqual(of(evaluation([0, 1], [1, 2]), evaluation([0, 1], [1, 2], 30)), []);
  assert.deepEqual(of(evaluation([0], [1]), evaluation([0], [2])), []);
});

test("one run, no run, or another ending are mistakes", async () => {
  for (const [args, pattern] of [
    [[at("wide")], /needs two runs/],
    [[at("wide"), at("none")], /is no run/],
    [[at("wide"), at("wide"), "--out", "x.pdf"], /must end in \.html/],
    [[], /needs RUN/],
  ] as const) {
    const { code, stderr } = await inProcess(["compare", ...args]);
    assert.equal(code, 2);
    assert.match(stderr, pattern);
  }
});
