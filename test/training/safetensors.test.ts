import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors/index.ts";
import { decodeSafetensors, encodeSafetensors, type Safetensors } from "../../src/training/index.ts";

const file: Safetensors = {
  tensors: {
    weights: { shape: [2, 3], data: Float32Array.from([1, -2, 3.5, 1e-40, Number.MAX_VALUE, 6]) },
    exact: { shape: [2], data: Float64Array.of(Math.PI, -0) },
    none: { shape: [0, 4], data: new Float32Array(0) },
    scalar: { shape: [], data: Float32Array.of(7) },
  },
  metadata: { format: "test", note: "ünï" },
};
const encoded = () => new Uint8Array(Buffer.concat(encodeSafetensors(file)));

/** A file with this header (an object or the text itself) and so many bytes behind it. */
function withHeader(header: unknown, bytes = 64, claimed?: bigint): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + text.length + bytes);
  new DataView(out.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  out.set(text, 8);
  return out;
}

test("what is written is read back, bit for bit", () => {
  const read = decodeSafetensors(encoded(), "file");
  assert.deepEqual(read.metadata, file.metadata);
  assert.deepEqual(Object.keys(read.tensors).sort(), Object.keys(file.tensors).sort());
  for (const [name, { shape, data }] of Object.entries(file.tensors)) {
    assert.deepEqual(read.tensors[name].shape, shape);
    assert.deepEqual(read.tensors[name].data, data);
  }
});

test("a file that begins anywhere in memory is read", () => {
  for (const shift of [1, 3, 4, 7]) {
    const memory = new Uint8Array(encoded().length + shift);
    memory.set(encoded(), shift);
    assert.deepEqual(
      decodeSafetensors(memory.subarray(shift), "file").tensors["exact"].data,
      Float64Array.of(Math.PI, -0),
    );
  }
});

const entry = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
const hostile: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  empty: new Uint8Array(0),
  "seven bytes": new Uint8Array(7),
  "header of 2⁶⁴ − 1 bytes": withHeader({}, 0, 2n ** 64n - 1n),
  "header of 90 MB": withHeader({}, 0, 90_000_000n),
  "header one byte too long": withHeader({}, 0, 3n),
  "no JSON": withHeader("{nonsense"),
  "a list": withHeader([]),
  "a number": withHeader("3"),
  null: withHeader("null"),
  "not UTF-8": withHeader("{}", 2, 4n),
  "an entry that is null": withHeader({ a: null }),
  "no dtype": withHeader({ a: { shape: [2], data_offsets: [0, 8] } }),
  "an unknown dtype": withHeader({ a: { ...entry, dtype: "BF16" } }),
  "a dtype from the prototype": withHeader({ a: { ...entry, dtype: "constructor" } }),
  "a shape that is a text": withHeader({ a: { ...entry, shape: "2" } }),
  "a negative size": withHeader({ a: { ...entry, shape: [-2] } }),
  "a broken size": withHeader({ a: { ...entry, shape: [0.5, 4] } }),
  "a size of 2⁵³": withHeader({ a: { ...entry, shape: [2 ** 53] } }),
  "sizes whose product overflows": withHeader({ a: { ...entry, shape: [2 ** 52, 2 ** 52, 2 ** 52] } }),
  "more than there is": withHeader({ a: { ...entry, shape: [1e9], data_offsets: [0, 4e9] } }),
  "offsets that run backwards": withHeader({ a: { ...entry, data_offsets: [8, 0] } }),
  "negative offsets": withHeader({ a: { ...entry, data_offsets: [-8, 0] } }),
  "one offset": withHeader({ a: { ...entry, data_offsets: [8] } }),
  "offsets of another size": withHeader({ a: { ...entry, data_offsets: [0, 16] } }),
  "offsets beyond the end": withHeader({ a: { ...entry, data_offsets: [60, 68] } }),
  "arrays that overlap": withHeader({ a: entry, b: { ...entry, data_offsets: [4, 12] } }),
};

for (const [name, bytes] of Object.entries(hostile))
  test(`refused: ${name}`, () => {
    assert.throws(
      () => decodeSafetensors(bytes, "bad.safetensors"),
      (error) =>
        error instanceof ConfigError && /^bad\.safetensors: .*[.?]$/.test(error.message) && !/\n/.test(error.message),
    );
  });

test("a tensor named __proto__ is a tensor like any other", () => {
  const { tensors } = decodeSafetensors(withHeader(`{"__proto__":${JSON.stringify(entry)}}`), "file");
  assert.deepEqual(Object.keys(tensors), ["__proto__"]);
  assert.equal(tensors["shape"], undefined);
});

/** Either a file is refused with a ConfigError, or what it says is consistent with its length. Nothing else. */
function survives(bytes: Uint8Array<ArrayBuffer>): void {
  const before = process.memoryUsage().arrayBuffers;
  try {
    const { tensors } = decodeSafetensors(bytes, "file");
    for (const { shape, data } of Object.values(tensors)) {
      assert.equal(
        data.length,
        shape.reduce((n, s) => n * s, 1),
      );
      assert.ok(data.byteLength <= bytes.length);
    }
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20, "memory beyond the file's");
}

test("any prefix of a file is refused", () => {
  const whole = encoded();
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => decodeSafetensors(whole.slice(0, length), "file"), ConfigError);
});

test("changed bytes never do more than be refused", () => {
  const whole = encoded();
  const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(whole.length), (changes, cut) => {
      const bytes = encoded();
      for (const [at, value] of changes) bytes[at] = value;
      survives(bytes);
      survives(bytes.slice(0, cut));
    }),
    { numRuns: 500 },
  );
});

test("headers of any JSON never do more than be refused", () => {
  const size = fc.oneof(fc.integer({ min: -2, max: 70 }), fc.maxSafeInteger(), fc.double());
  const plausible = fc.record(
    {
      dtype: fc.constantFrom("F32", "F64", "I64", 3),
      shape: fc.oneof(fc.array(size, { maxLength: 4 }), fc.jsonValue()),
      data_offsets: fc.oneof(fc.tuple(size, size), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(fc.dictionary(fc.string(), plausible), fc.jsonValue()), fc.nat(80), (header, bytes) =>
      survives(withHeader(header, bytes)),
    ),
    { numRuns: 500 },
  );
});
