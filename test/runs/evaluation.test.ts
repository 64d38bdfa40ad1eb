import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { type Dataset, imagesFromBytes } from "../../src/data/index.ts";
import { ConfigError, SessionError } from "../../src/errors/index.ts";
import { type Examples, pixelExtractor } from "../../src/evaluation/index.ts";
import { input } from "../../src/graph/index.ts";
import { toOnnx } from "../../src/onnx/index.ts";
import {
  appendEvaluation,
  autoFeatures,
  cachedReference,
  type Evaluation,
  hashDataset,
  openFeatures,
  readEvaluations,
  sampleStore,
} from "../../src/runs/index.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-evaluation-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);

async function finished<T, R>(work: AsyncGenerator<T, R, void>): Promise<{ steps: number; result: R }> {
  for (let steps = 0; ; steps++) {
    const next = await work.next();
    if (next.done) return { steps, result: next.value };
  }
}

/** Sixty 4×4 images in two classes: dark and light. */
const dataset = (shift = 0, name = "sixty"): Dataset =>
  imagesFromBytes({
    name,
    pixels: Uint8Array.from({ length: 60 * 16 }, (_, i) => (Math.floor(i / 16) % 2) * 128 + ((i * 31 + shift) % 100)),
    shape: [1, 4, 4],
    labels: Array.from({ length: 60 }, (_, i) => i % 2),
  });

describe("what identifies data", () => {
  test("is what is in it, and not its name", () => {
    assert.equal(hashDataset(dataset()), hashDataset(dataset(0, "other")));
    assert.notEqual(hashDataset(dataset()), hashDataset(dataset(1)));
    const { label: _, classes: __, ...unlabelled } = dataset();
    assert.notEqual(hashDataset(dataset()), hashDataset(unlabelled));
    assert.notEqual(hashDataset(dataset()), hashDataset({ ...dataset(), label: (i) => (i + 1) % 2 }));
  });
});

describe("samples on disk", () => {
  const images = (first: number): Examples => ({
    shape: [1, 2, 2],
    count: 3,
    data: Uint8Array.from({ length: 12 }, (_, i) => first + i),
  });
  const key = { shape: [1, 2, 2], batch: 3, made: { steps: 18 } };
  test("are there when written, by seed and by what made them", () => {
    const store = sampleStore(at("eval"), key, 0);
    assert.ok(!store.has(0));
    store.write(1, images(12));
    store.write(0, images(0));
    assert.ok(store.has(0) && store.has(1) && !store.has(2));
    assert.deepEqual(
      [...sampleStore(at("eval"), key, 0).read(5).data],
      Array.from({ length: 20 }, (_, i) => i),
    );
    assert.ok(!sampleStore(at("eval"), key, 1).has(0), "another seed");
    assert.ok(!sampleStore(at("eval"), { ...key, made: { steps: 19 } }, 0).has(0), "made otherwise");
    assert.ok(!sampleStore(at("eval"), { ...key, batch: 4 }, 0).has(0), "in other batches");
  });
  test("that were cut short do not count", () => {
    const store = sampleStore(at("cut"), key, 0);
    store.write(0, images(0));
    const [file] = readdirSync(at("cut"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".u8"));
    truncateSync(at("cut", file), 5);
    assert.ok(!store.has(0));
  });
  test("of points are numbers", () => {
    const store = sampleStore(at("points"), { shape: [2], batch: 2, made: null }, 0);
    store.write(0, { shape: [2], count: 2, data: Float32Array.of(1.5, -2, 3, 4) });
    assert.deepEqual([...store.read(2).data], [1.5, -2, 3, 4]);
  });
});

test("evaluations are added one by one; half a line, and lines of other programs, do not count", () => {
  const evaluation = (at: string): Evaluation => ({
    at,
    subject: { type: "source", name: "images", hash: "h", size: 3 },
    protocol: {
      n: 3,
      seeds: [0],
      features: { name: "pixels", hash: "none" },
      reference: { name: "data", hash: "r", size: 3 },
      rounding: "edm",
    },
    metrics: ["fd"],
    measurements: [{ name: "fd", better: "lower", values: [1] }],
    cautions: [],
  });
  const path = at("eval.jsonl");
  assert.deepEqual(readEvaluations(path), []);
  appendEvaluation(path, evaluation("first"));
  appendFileSync(path, '{"at": "half a li');
  appendEvaluation(path, evaluation("second"));
  appendFileSync(path, "[1]\nnull\n");
  assert.deepEqual(
    readEvaluations(path).map(({ at }) => at),
    ["first", "second"],
  );
});

describe("the network trained on the data", () => {
  const options = { images: 2 * 128, threads: 1 };
  test("is trained once, and found afterwards", async () => {
    const first = await finished(autoFeatures(dataset(), at("cache"), options));
    const second = await finished(autoFeatures(dataset(), at("cache"), options));
    assert.deepEqual([first.steps, second.steps], [2, 0]);
    const { record, roles } = second.result;
    assert.deepEqual(first.result.record, record);
    assert.deepEqual(roles, ["features", "logits"]);
    assert.equal(record.name, "auto, classes of sixty");
    assert.ok(record.accuracy !== undefined && record.hash.length === 64);
    await Promise.all([first.result.close(), second.result.close()]);
  });
  test("is trained anew for other data, and where its file is damaged", async () => {
    const other = await finished(autoFeatures(dataset(5), at("cache"), options));
    assert.equal(other.steps, 2);
    await other.result.close();
    for (const file of readdirSync(at("cache"))) truncateSync(at("cache", file), statSync(at("cache", file)).size - 7);
    const again = await finished(autoFeatures(dataset(), at("cache"), options));
    assert.equal(again.steps, 2);
    await again.result.close();
  });
});

describe("references", () => {
  test("are read once; another name, other data, other features, damage: read again", async () => {
    const first = await finished(cachedReference(dataset(), pixelExtractor, at("references")));
    const second = await finished(cachedReference(dataset(), pixelExtractor, at("references")));
    assert.ok(first.steps > 0);
    assert.equal(second.steps, 0);
    assert.deepEqual(second.result, first.result);
    assert.ok((await finished(cachedReference(dataset(3), pixelExtractor, at("references")))).steps > 0);
    const [file] = readdirSync(at("references"));
    const bytes = readFileSync(at("references", file));
    bytes[bytes.length - 3] ^= 1;
    writeFileSync(at("references", file), bytes);
    const sets = [dataset(), dataset(3)];
    const steps = await Promise.all(
      sets.map(async (set) => (await finished(cachedReference(set, pixelExtractor, at("references")))).steps),
    );
    assert.deepEqual(steps.filter((count) => count > 0).length, 1);
  });
});

describe("networks from elsewhere", () => {
  const x = input("x", [2, 1, 4, 4]);
  const model = toOnnx({ y: x.reshape([2, 16]) });
  test("are fed as the file beside them says", async () => {
    writeFileSync(at("net.onnx"), model);
    writeFileSync(at("net.onnx.json"), '{"name": "flat", "range": [0, 1]}');
    const extractor = await openFeatures(at("net.onnx"));
    assert.equal(extractor.record.name, "flat");
    const { features } = await extractor.extract({ shape: [1, 4, 4], count: 1, data: new Uint8Array(16).fill(51) });
    assert.ok(Math.abs(features.data[0] - 0.2) < 1e-6);
    await extractor.close();
  });
  const cases: Readonly<Record<string, readonly [() => string, new () => Error, RegExp]>> = {
    "no file": [() => at("none.onnx"), ConfigError, /none\.onnx: cannot be read/],
    "no model": [
      () => {
        writeFileSync(at("text.onnx"), "no model");
        return at("text.onnx");
      },
      SessionError,
      /text\.onnx: is no ONNX model/,
    ],
    "no hints": [
      () => {
        writeFileSync(at("bare.onnx"), model);
        return at("bare.onnx");
      },
      ConfigError,
      /bare\.onnx: is of no known layout/,
    ],
    "hints that are no JSON": [
      () => {
        writeFileSync(at("odd.onnx"), model);
        writeFileSync(at("odd.onnx.json"), "{");
        return at("odd.onnx");
      },
      ConfigError,
      /odd\.onnx\.json: is no JSON/,
    ],
  };
  for (const [name, [path, kind, pattern]] of Object.entries(cases))
    test(`${name} is refused`, () =>
      assert.rejects(openFeatures(path()), (error: Error) => error instanceof kind && pattern.test(error.message)));
});
