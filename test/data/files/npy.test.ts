import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { zipSync } from "fflate";
import {
  type NpyValues,
  npyBytes,
  npzBytes,
  openNpz,
  parseNpy,
  readNpy,
  sourceOf,
} from "../../../src/data/files/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";
import { survives } from "./mutation.ts";
import { python, withoutNumpy } from "./python.ts";
import { folderOf } from "./temporary.ts";

const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message);

const kinds: ((values: number[]) => NpyValues)[] = [
  (v) => Uint8Array.from(v),
  (v) => Int8Array.from(v),
  (v) => Uint16Array.from(v),
  (v) => Int16Array.from(v),
  (v) => Uint32Array.from(v),
  (v) => Int32Array.from(v),
  (v) => Float32Array.from(v),
  (v) => Float64Array.from(v),
];

test("every type and shape that is written is read again", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 5 }),
      fc.nat(kinds.length - 1),
      fc.double(),
      (dims, kind, seed) => {
        const length = dims.reduce((product, size) => product * size, 1);
        const values = kinds[kind](Array.from({ length }, (_, i) => i * 3 + (kind > 5 ? seed : 0)));
        const bytes = npyBytes({ dims, values });
        assert.equal((bytes.length - values.byteLength) % 64, 0);
        assert.deepEqual(parseNpy(bytes, "x.npy"), { dims, values });
        // At any place of a larger buffer too.
        const shifted = new Uint8Array(bytes.length + 3);
        shifted.set(bytes, 3);
        assert.deepEqual(parseNpy(shifted.subarray(3), "x.npy"), { dims, values });
      },
    ),
  );
});

test("NumPy's arrays of every type, order and byte order", { skip: withoutNumpy }, async () => {
  const folder = folderOf();
  python(
    `
import numpy as np
base = np.arange(24).reshape(2, 3, 4) - 5
for t in ['i1', '<i2', '>i2', '<i4', '>i4', '<i8', '>i8', '<f2', '>f2', '<f4', '>f4', '<f8', '>f8']:
    np.save(t.replace('<', 'l').replace('>', 'b') + '.npy', base.astype(t))
for t in ['u1', '<u2', '>u2', '<u4', '>u4', '<u8', '>u8']:
    np.save(t.replace('<', 'l').replace('>', 'b') + '.npy', (base + 5).astype(t))
np.save('bool.npy', base > 0)
np.save('fortran.npy', np.asfortranarray(base.astype('f4')))
np.save('fortran2.npy', np.asfortranarray(base[0].astype('>i4')))
np.save('scalar.npy', np.float64(2.5))
np.save('half.npy', np.array([0, -0.0, 1/3, 65504, 6e-8, -6.1e-5, np.inf, -np.inf, np.nan, 2049], 'f2'))
np.save('none.npy', np.zeros((0, 3)))
with open('v2.npy', 'wb') as f: np.lib.format.write_array(f, base, version=(2, 0))
with open('v3.npy', 'wb') as f: np.lib.format.write_array(f, base, version=(3, 0))
np.save('complex.npy', base.astype('c8'))
np.save('text.npy', np.array(['ab', 'c']))
np.save('record.npy', np.zeros(3, dtype=[('a', 'i4'), ('b', 'f4')]))
np.save('object.npy', np.array([{}, 1], dtype=object), allow_pickle=True)
np.savez('two.npz', a=base, b=base > 3)
np.savez_compressed('packed.npz', a=np.zeros((100, 100)), b=base.astype('f4'))
`,
    folder,
  );
  const read = (name: string) => readNpy(join(folder, `${name}.npy`));
  const base = Array.from({ length: 24 }, (_, i) => i - 5);
  for (const type of [
    "i1",
    "li2",
    "bi2",
    "li4",
    "bi4",
    "li8",
    "bi8",
    "lf2",
    "bf2",
    "lf4",
    "bf4",
    "lf8",
    "bf8",
    "v2",
    "v3",
    "fortran",
  ]) {
    const { dims, values } = await read(type);
    assert.deepEqual([dims, Array.from(values)], [[2, 3, 4], base], type);
  }
  for (const type of ["u1", "lu2", "bu2", "lu4", "bu4", "lu8", "bu8"])
    assert.deepEqual(
      Array.from((await read(type)).values),
      base.map((value) => value + 5),
      type,
    );
  assert.deepEqual(
    Array.from((await read("bool")).values),
    base.map((value) => (value > 0 ? 1 : 0)),
  );
  assert.deepEqual(await read("fortran2"), { dims: [3, 4], values: Int32Array.from(base.slice(0, 12)) });
  assert.deepEqual(await read("scalar"), { dims: [], values: Float64Array.of(2.5) });
  assert.deepEqual(Array.from((await read("half")).values), [
    0,
    -0,
    0.333251953125,
    65504,
    2 ** -24,
    -1023 * 2 ** -24,
    Infinity,
    -Infinity,
    Number.NaN,
    2048,
  ]);
  assert.deepEqual((await read("none")).dims, [0, 3]);
  for (const [name, pattern] of [
    ["complex", /elements of type '<c8'/],
    ["text", /elements of type '<U2'/],
    ["record", /elements of type record/],
    ["object", /elements of type '\|O'/],
  ] as const)
    await assert.rejects(read(name), refused(pattern));

  const archive = await openNpz(sourceOf(readFileSync(join(folder, "packed.npz"))), "packed.npz");
  assert.deepEqual(archive.names, ["a", "b"]);
  assert.deepEqual((await archive.read("a")).dims, [100, 100]);
  assert.deepEqual(Array.from((await archive.read("b")).values), base);
  await assert.rejects(archive.read("c"), refused(/has no array "c" \(it has a, b\)/));
});

test("NumPy reads what is written", { skip: withoutNumpy }, () => {
  const folder = folderOf();
  const sigma = Float64Array.from({ length: 9 }, (_, i) => i / 3);
  writeFileSync(
    join(folder, "stats.npz"),
    npzBytes({ mu: { dims: [3], values: Float32Array.of(1, 2, 3) }, sigma: { dims: [3, 3], values: sigma } }),
  );
  writeFileSync(join(folder, "one.npy"), npyBytes({ dims: [], values: Int32Array.of(-7) }));
  const printed = python(
    `
import numpy as np, json
z = np.load('stats.npz')
o = np.load('one.npy')
print(json.dumps([z['mu'].dtype.str, z['mu'].tolist(), z['sigma'].dtype.str, z['sigma'].tolist(), o.shape, int(o)]))
`,
    folder,
  );
  assert.deepEqual(JSON.parse(printed), [
    "<f4",
    [1, 2, 3],
    "<f8",
    [0, 1, 2].map((row) => [0, 1, 2].map((column) => (3 * row + column) / 3)),
    [],
    -7,
  ]);
});

test("what is no array is refused with the reason", () => {
  const good = npyBytes({ dims: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) });
  const changed = (from: string, to: string) => {
    const text = Buffer.from(good).toString("latin1").replace(from, to);
    return Uint8Array.from(Buffer.from(text, "latin1"));
  };
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(), /does not begin with/],
    [Uint8Array.from("PK…", (letter) => letter.charCodeAt(0)), /does not begin with/],
    [good.subarray(0, 30), /header of \d+ bytes is cut short/],
    [good.subarray(0, good.length - 1), /is cut short: 151 bytes \(152 for dimensions 2×3\)/],
    [Uint8Array.from([...good, 0]), /is too long/],
    [changed("(2, 3)", "(9, 9)"), /is cut short/],
    [changed("(2, 3)", "(2,-3)"), /lacks fortran_order or shape/],
    [changed("<f4", "<f3"), /elements of type '<f3'/],
    [changed("'shape': (2, 3)", "'shape': (9999999999999999999, 9)"), /is not an \.npy array: its shape|is cut short/],
    [changed("fortran_order", "fortran-order"), /lacks fortran_order or shape/],
    [changed("\x01", "\x09"), /format version is 9/],
  ];
  for (const [bytes, pattern] of cases) assert.throws(() => parseNpy(bytes, "x.npy"), refused(pattern));
});

test("damaged arrays are read or refused, nothing else", async () => {
  const values = Float32Array.from({ length: 60 }, (_, i) => i);
  await survives(npyBytes({ dims: [4, 5, 3], values }), (bytes) => parseNpy(bytes, "x.npy"), { runs: 1000 });
  const packed = zipSync({ "arr_0.npy": npyBytes({ dims: [4, 5, 3], values }) });
  await survives(packed, async (bytes) => {
    const npz = await openNpz(sourceOf(bytes), "x.npz");
    for (const name of npz.names) await npz.read(name);
  });
});
