import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { datasetFromArray, imagesFromBytes } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import {
  cautions,
  chooseMetrics,
  examplesAt,
  incomparable,
  joined,
  type MetricName,
  measure,
  metricNames,
  metricTable,
  type Need,
  type Protocol,
  parseMetrics,
  pixelExtractor,
  pointExtractor,
  type Reference,
  type Rows,
  referenceOf,
  type Seen,
  seeAll,
  sliceSeen,
} from "../../src/evaluation/index.ts";
import { normals } from "../../src/random/index.ts";

async function finished<T, R>(work: AsyncGenerator<T, R, void>): Promise<R> {
  for (;;) {
    const next = await work.next();
    if (next.done) return next.value;
  }
}

/** `count` normal rows of `dims` numbers, moved by `shift`. */
const rows = (seed: number, count: number, dims: number, shift = 0): Rows => ({
  data: Float32Array.from(normals(seed, "rows", 0, count * dims), (value) => value + shift),
  count,
  dims,
});

/** Logits that are sure of class i % classes for row i. */
const sure = (count: number, classes: number): Rows => ({
  data: Float32Array.from({ length: count * classes }, (_, i) =>
    i % classes === Math.floor(i / classes) % classes ? 20 : 0,
  ),
  count,
  dims: classes,
});

const count = 300;
const reference: Reference = await (async () => {
  const dataset = datasetFromArray({ name: "normal", values: rows(1, 2 * count, 4).data, shape: [4] });
  const known = await finished(referenceOf(dataset, "hash", pointExtractor));
  const sample: Seen = {
    ...known.sample!,
    spatial: known.sample!.features,
    logits: sure(2 * count, 3),
    labels: Int32Array.from({ length: 2 * count }, (_, i) => i % 3),
    colour: rows(2, 2 * count, 3, 100),
  };
  return { ...known, spatial: known.features, sample };
})();

/** Samples whose every number is `shift` away from the reference's. */
const samples = (seed: number, shift: number): Seen => ({
  features: rows(seed, count, 4, shift),
  spatial: rows(seed, count, 4, shift),
  colour: rows(seed, count, 3, 100 + shift),
  logits: sure(count, 3),
  labels: Int32Array.from({ length: count }, (_, i) => (i + (shift > 0 ? 1 : 0)) % 3),
});

function run(metrics: readonly MetricName[], sets: readonly Seen[]) {
  const measuring = measure(metrics, sets, reference);
  const asked: string[] = [];
  for (;;) {
    const next = measuring.next();
    if (next.done) return { asked, found: new Map(next.value.map((one) => [one.name, one])) };
    asked.push(next.value);
  }
}

describe("every metric", () => {
  const same = run(metricNames, [samples(11, 0), samples(12, 0), samples(13, 0)]);
  const off = run(metricNames, [samples(11, 2), samples(12, 2), samples(13, 2)]);
  for (const name of metricNames.filter((one) => one !== "copies"))
    test(`${name} tells samples from another distribution, and not those from the same`, () => {
      for (const { name: figure, better } of metricTable[name].figures) {
        const [good, bad] = [same.found.get(figure)!, off.found.get(figure)!];
        assert.equal(good.values.length, 3);
        assert.equal(good.better, better);
        assert.ok(good.floor !== undefined, "what real data score");
        assert.ok(good.over!.low <= good.over!.mean && good.over!.mean <= good.over!.high);
        if (figure === "is") continue; // does not look at the reference
        const worse = better === "lower" ? bad.over!.mean - good.over!.mean : good.over!.mean - bad.over!.mean;
        const spread = Math.max(good.over!.std, Math.abs(good.over!.mean - good.floor));
        assert.ok(worse > 3 * spread, `${figure}: ${good.over!.mean} and ${bad.over!.mean}, real ${good.floor}`);
      }
    });
  test("copies are counted, where some samples are examples of the reference, nearly", () => {
    const copied = samples(11, 0);
    const { data, dims } = copied.features;
    const known = reference.sample!.features.data;
    // Every third sample is an example, moved by less than anybody would see.
    for (let i = 0; i < count; i += 3)
      for (let d = 0; d < dims; d++) data[i * dims + d] = known[(i + 7) * dims + d] + 1e-4;
    const [honest, some] = [[samples(12, 0)], [copied]].map((sets) => measureAll(["copies"], sets, reference)[0]);
    assert.equal(some.floor, undefined, "the reference's own examples are all in it");
    assert.ok(some.values[0] > 1 / 3 && some.values[0] < 1 / 3 + 0.12, `${some.values[0]}`);
    assert.ok(honest.values[0] < 0.12);
  });
  test("comes in the order asked for", () => assert.deepEqual(same.asked, metricNames));
});

test("known values: a shift of 2 in four dimensions, and an Inception score of three sure classes", () => {
  const { found } = run(["fd", "w2", "is", "accuracy", "colour"], [samples(11, 2), samples(12, 2)]);
  assert.ok(Math.abs(found.get("fd")!.over!.mean - 16) < 1);
  assert.ok(Math.abs(found.get("w2")!.over!.mean - 2) < 0.2, "2 √(4/4): the mean of (2·1·direction)² is 4");
  assert.ok(Math.abs(found.get("is")!.over!.mean - 3) < 1e-3);
  assert.equal(found.get("accuracy")!.over!.mean, 0);
  assert.ok(Math.abs(found.get("colour")!.over!.mean - 2 * Math.sqrt(3)) < 0.3);
});

test("one seed has no interval, and a reference with few examples no other examples", () => {
  const small: Reference = { ...reference, sample: sliceSeen(reference.sample!, 0, count + 5) };
  const [fd] = [...measureAll(["fd"], [samples(11, 0)], small)];
  assert.equal(fd.over, undefined);
  assert.equal(fd.floor, undefined);
});

function measureAll(metrics: readonly MetricName[], sets: readonly Seen[], against: Reference) {
  const measuring = measure(metrics, sets, against);
  let next = measuring.next();
  while (!next.done) next = measuring.next();
  return next.value;
}

describe("which metrics", () => {
  const all = new Set<Need>(["spatial", "logits", "labels", "colour", "sample"]);
  test("the usual ones of images, of points, of bare statistics", () => {
    assert.deepEqual(chooseMetrics(undefined, all, false), [
      "fd",
      "sfd",
      "kid",
      "copies",
      "pr",
      "is",
      "accuracy",
      "colour",
    ]);
    assert.deepEqual(chooseMetrics(undefined, new Set<Need>(["sample"]), true), ["fd", "kid", "w2", "c2st"]);
    assert.deepEqual(chooseMetrics(undefined, new Set<Need>(["colour"]), false), ["fd"]);
  });
  test("those asked for must be possible", () => {
    assert.deepEqual(chooseMetrics(["pr"], all, false), ["pr"]);
    assert.throws(
      () => chooseMetrics(["sfd"], new Set<Need>(["sample"]), false),
      /sfd needs a feature network with a spatial/,
    );
  });
  test("unknown ones are named", () => {
    assert.throws(
      () => parseMetrics("--metrics", ["fid"]),
      (error: Error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, /--metrics: must be one of fd, .*Did you mean "fd"\?/);
        return true;
      },
    );
  });
});

describe("references", () => {
  const bytes = Uint8Array.from({ length: 1300 * 12 }, (_, i) => (i * 7919) % 256);
  const dataset = imagesFromBytes({
    name: "bytes",
    pixels: bytes,
    shape: [3, 2, 2],
    labels: Array.from({ length: 1300 }, (_, i) => i % 4),
  });
  test("see every example once, in an order that does not matter to the statistics", async () => {
    const { record, features, sample } = await finished(referenceOf(dataset, "h", pixelExtractor));
    assert.deepEqual(record, { name: "bytes", hash: "h", size: 1300 });
    const direct = await finished(
      seeAll(
        pixelExtractor,
        examplesAt(
          dataset,
          Int32Array.from({ length: 1300 }, (_, i) => i),
        ),
      ),
    );
    for (let d = 0; d < 12; d++) {
      let mean = 0;
      for (let i = 0; i < 1300; i++) mean += direct.features.data[12 * i + d] / 1300;
      assert.ok(Math.abs(features.mean[d] - mean) < 1e-6);
    }
    assert.equal(sample!.features.count, 1300);
    const sorted = (of: Seen) =>
      Array.from({ length: 1300 }, (_, i) => of.features.data.subarray(12 * i, 12 * i + 12).join()).sort();
    assert.deepEqual(sorted(sample!), sorted(direct));
  });
  test("labels go with their examples, and mean colours are grey levels", async () => {
    const { sample } = await finished(referenceOf(dataset, "h", pixelExtractor));
    const label = new Map(Array.from({ length: 1300 }, (_, i) => [bytes.subarray(12 * i, 12 * i + 12).join(), i % 4]));
    for (let i = 0; i < 1300; i++) {
      const image = Array.from(sample!.features.data.subarray(12 * i, 12 * i + 12), (v) => Math.round((v + 1) * 127.5));
      assert.equal(sample!.labels![i], label.get(image.join()));
      for (let c = 0; c < 3; c++) {
        const mean = image.slice(4 * c, 4 * c + 4).reduce((a, b) => a + b, 0) / 4;
        assert.ok(Math.abs(sample!.colour!.data[3 * i + c] - mean) < 1e-3);
      }
    }
  });
  test("one example is too few", () =>
    assert.rejects(
      finished(
        referenceOf(datasetFromArray({ name: "one", values: new Float32Array(2), shape: [2] }), "h", pointExtractor),
      ),
      /one: has 1 example/,
    ));
});

test("pieces are joined and cut again", () => {
  const [a, b] = [samples(1, 0), samples(2, 0)];
  const both = joined([a, b]);
  assert.equal(both.features.count, 2 * count);
  assert.deepEqual(sliceSeen(both, count, 2 * count), b);
});

describe("protocols", () => {
  const protocol: Protocol = {
    n: 1000,
    seeds: [0, 1],
    features: { name: "auto", hash: "a", task: "classes", accuracy: 0.99 },
    reference: { name: "data", hash: "r", size: 60_000 },
    rounding: "edm",
  };
  test("compare only if everything that matters is the same", () => {
    assert.equal(incomparable(protocol, { ...protocol, seeds: [3] }), undefined);
    assert.match(incomparable(protocol, { ...protocol, n: 5000 })!, /n is 1000 and 5000/);
    assert.match(
      incomparable(protocol, { ...protocol, features: { name: "x", hash: "b" } })!,
      /features are auto and x/,
    );
    assert.match(
      incomparable(protocol, { ...protocol, reference: { ...protocol.reference, hash: "s" } })!,
      /references/,
    );
    assert.match(incomparable(protocol, { ...protocol, rounding: "adm" })!, /rounding is edm and adm/);
  });
  test("warn of few samples, of one seed, of numbers that papers have otherwise", () => {
    const few = cautions({ ...protocol, n: 500, seeds: [0] }, ["fd", "kid", "is", "pr"], 128);
    for (const pattern of [
      /Fréchet distance of 128 features/,
      /kernel distance/,
      /inception score/,
      /Precision/,
      /One seed/,
    ])
      assert.ok(
        few.some((text) => pattern.test(text)),
        `${pattern} in ${few}`,
      );
    const inception = { ...protocol, n: 30_000, features: { name: "inception, bytes in", hash: "i" } };
    assert.match(cautions(inception, ["fd"], 2048).join(" "), /This is FID-30000, not the FID-50000/);
    assert.deepEqual(cautions({ ...protocol, n: 5000 }, metricNames, 128), []);
  });
});
