/**
 * The metrics against plain NumPy and SciPy, written from the papers' definitions, on features like a network's. The tolerances are
 * those that docs/metrics.md states.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { npzBytes } from "../../src/data/files/index.ts";
import {
  colourDistance,
  drawSubset,
  type Features,
  frechetDistance,
  inceptionScore,
  kernelDistance,
  kernelDistanceOfSubsets,
  memorisation,
  precisionRecall,
  twoSampleTest,
} from "../../src/metrics/index.ts";
import { python, withoutScipy } from "../data/files/python.ts";
import { near, normalFeatures, uniforms } from "./draws.ts";

const script = `
import json
import numpy as np
from scipy import linalg, special

given = np.load("given.npz")
x, y, logits = (given[name].astype(np.float64) for name in ("x", "y", "logits"))
rows1, rows2 = given["rows1"], given["rows2"]
k = int(given["k"][0])
found = {}

def frechet(a, b):
    difference = a.mean(0) - b.mean(0)
    s1, s2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(s1 @ s2)
    assert np.abs(root.imag).max() < 1e-3
    return difference @ difference + np.trace(s1) + np.trace(s2) - 2 * np.trace(root.real)

def mmd(a, b):
    kernel = lambda p, q: (p @ q.T / p.shape[1] + 1) ** 3
    n, m = len(a), len(b)
    aa, bb = kernel(a, a), kernel(b, b)
    np.fill_diagonal(aa, 0)
    np.fill_diagonal(bb, 0)
    return aa.sum() / (n * (n - 1)) + bb.sum() / (m * (m - 1)) - 2 * kernel(a, b).mean()

def distances(a, b):
    return np.stack([np.sqrt(((row - b) ** 2).sum(1)) for row in a])

if len(x) > x.shape[1]:
    found["fid"] = frechet(x, y)
found["kid"] = mmd(x, y)
subsets = [mmd(x[p], y[q]) for p, q in zip(rows1, rows2)]
found["kidMean"], found["kidStd"] = np.mean(subsets), np.std(subsets)
without = lambda a, i: np.delete(a, i, 0)
jack = lambda values: (len(values) - 1) ** 2 / len(values) * np.var(values, ddof=1)
if len(x) <= 60:
    found["kidError"] = np.sqrt(jack([mmd(without(x, i), y) for i in range(len(x))]) + jack([mmd(x, without(y, i)) for i in range(len(y))]))

scores = []
for part in np.array_split(special.softmax(logits, 1), 5):
    marginal = part.mean(0, keepdims=True)
    scores.append(np.exp(special.rel_entr(part, marginal).sum(1).mean()))
found["is"], found["isStd"] = np.mean(scores), np.std(scores)

xx, yy, yx = distances(x, x), distances(y, y), distances(y, x)
radius = lambda own: np.sort(own, 1)[:, k]  # column 0 is the vector itself
inside, recalled = yx <= radius(xx)[None], yx <= radius(yy)[:, None]
found["precision"], found["recall"] = inside.any(1).mean(), recalled.any(0).mean()
found["density"], found["coverage"] = inside.sum() / (k * len(y)), inside.any(0).mean()

nearest = np.sort(yx, 1)
found["copied"] = (nearest[:, 0] / nearest[:, 1] < 1 / 3).mean()
everything = distances(np.concatenate([x, y]), np.concatenate([x, y]))
np.fill_diagonal(everything, np.inf)
first = everything.argmin(1) < len(x)
found["c2st"] = (first[: len(x)].mean() + (~first[len(x) :]).mean()) / 2
colours = lambda a: a.reshape(len(a), 2, -1).mean(2).mean(0)
found["colour"] = np.linalg.norm(colours(x) - colours(y))
print(json.dumps({name: float(value) for name, value in found.items()}))
`;

const folder = mkdtempSync(join(tmpdir(), "ornstein-independent-"));
after(() => rmSync(folder, { recursive: true }));

/** Like the last layer of a network after its rectifier: not negative, skewed, correlated, of unequal scales. */
function networkLike(seed: number, count: number, dims: number, shift: number): Features {
  const hidden = normalFeatures(seed, count, 8);
  const mix = normalFeatures(7, 8, dims).data;
  const { data } = normalFeatures(seed + 1, count, dims, (noise, i, d) => {
    let sum = 0.6 * noise + shift * Math.sin(d);
    for (let h = 0; h < 8; h++) sum += 0.4 * hidden.data[8 * i + h] * mix[h * dims + d];
    return Math.max(0, sum) * (1 + (d % 5));
  });
  return { data, count, dims };
}

const cases = [
  { name: "more vectors than numbers", n: 700, m: 600, dims: 96, k: 3 },
  { name: "a few numbers", n: 50, m: 55, dims: 4, k: 5 },
  { name: "more numbers than vectors", n: 90, m: 70, dims: 200, k: 4 },
];

for (const [seed, { name, n, m, dims, k }] of cases.entries())
  test(`NumPy and SciPy find the same: ${name}`, { skip: withoutScipy }, () => {
    const [x, y] = [networkLike(10 * seed + 1, n, dims, 0), networkLike(10 * seed + 3, m, dims, 0.3)];
    const logits = normalFeatures(10 * seed + 5, m, 12, (value, i, d) => 2 * value + (i % 12 === d ? 4 : 0));
    const uniform = uniforms(seed);
    const size = Math.floor(Math.min(n, m) / 2);
    const subsets = Array.from({ length: 12 }, () => ({
      rows1: drawSubset(n, size, uniform),
      rows2: drawSubset(m, size, uniform),
    }));
    const matrix = ({ data, count }: Features) => ({
      dims: [count, data.length / count],
      values: Float64Array.from(data),
    });
    const rows = (of: "rows1" | "rows2") => ({
      dims: [subsets.length, size],
      values: Int32Array.from(subsets.flatMap((subset) => [...subset[of]])),
    });
    writeFileSync(
      join(folder, "given.npz"),
      npzBytes({
        x: matrix(x),
        y: matrix(y),
        logits: matrix(logits),
        rows1: rows("rows1"),
        rows2: rows("rows2"),
        k: { dims: [1], values: Int32Array.of(k) },
      }),
    );
    const expected: Readonly<Record<string, number>> = JSON.parse(python(script, folder));

    const kid = kernelDistance(x, y);
    const ofSubsets = kernelDistanceOfSubsets(x, y, subsets);
    const score = inceptionScore(logits, { splits: 5 });
    const { precision, recall, density, coverage } = precisionRecall(x, y, { k });
    const smooth: Readonly<Record<string, number>> = {
      fid: frechetDistance(x, y).distance,
      kid: kid.unbiased,
      kidError: kid.standardError,
      kidMean: ofSubsets.mean,
      kidStd: ofSubsets.std,
      is: score.mean,
      isStd: score.std,
      colour: colourDistance(x, y, 2).distance,
    };
    const counted: Readonly<Record<string, number>> = {
      precision,
      recall,
      density,
      coverage,
      copied: memorisation(y, x).copied,
      c2st: twoSampleTest(x, y).accuracy,
    };
    for (const [what, value] of Object.entries(expected))
      near({ ...smooth, ...counted }[what], value, what in counted ? 1e-12 : what === "fid" ? 1e-7 : 1e-9, what);
    assert.equal(Object.keys(expected).length, 12 + (n > dims ? 1 : 0) + (n <= 60 ? 1 : 0));
  });
