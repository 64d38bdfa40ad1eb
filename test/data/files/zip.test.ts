import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { strToU8, type Zippable, zipSync } from "fflate";
import { openFile, openZip, sourceOf } from "../../../src/data/files/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";
import { survives } from "./mutation.ts";
import { python, withoutPython } from "./python.ts";
import { folderOf } from "./temporary.ts";

const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message);
const open = (bytes: Uint8Array) => openZip(sourceOf(bytes), "x.zip");

/** Every file of an archive by its name. */
async function contents(bytes: Uint8Array): Promise<Record<string, Uint8Array>> {
  const zip = await open(bytes);
  const files: Record<string, Uint8Array> = {};
  for (const entry of zip.entries) files[entry.name] = await zip.read(entry);
  return files;
}

const noise = Uint8Array.from({ length: 5000 }, (_, i) => (i * i * 31 + (i >> 3)) % 251);
const sample: Zippable = {
  "a.txt": [strToU8("hello ".repeat(100)), { level: 9 }],
  "folder/deep/b.bin": [noise, { level: 0 }],
  "folder/empty": new Uint8Array(),
  "ünïcode/π.txt": strToU8("x"),
};

test("what one library packs, stored or deflated, comes out again", async () => {
  const files = await contents(zipSync(sample));
  assert.deepEqual(Object.keys(files).sort(), Object.keys(sample).sort());
  assert.deepEqual(files["folder/deep/b.bin"], noise);
  assert.deepEqual(files["a.txt"], strToU8("hello ".repeat(100)));
  assert.equal(files["folder/empty"].length, 0);

  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.uint8Array({ maxLength: 300 }), { minKeys: 1 }),
      fc.constantFrom(0, 6),
      async (all, level) => {
        const found = await contents(zipSync(all, { level: level as 0 | 6 }));
        assert.deepEqual(Object.keys(found).length, Object.keys(all).length);
        for (const [name, bytes] of Object.entries(all)) assert.deepEqual(found[name], Uint8Array.from(bytes));
      },
    ),
    { numRuns: 40 },
  );
});

test("archives of Python: streamed, zip64, with a comment, behind other bytes", { skip: withoutPython }, async () => {
  const folder = folderOf();
  python(
    `
import zipfile, io, sys
class Pipe(io.RawIOBase):
    def __init__(self, f): self.f = f
    def writable(self): return True
    def seekable(self): return False
    def write(self, b): return self.f.write(b)
with zipfile.ZipFile('plain.zip', 'w', zipfile.ZIP_DEFLATED) as z:
    z.comment = b'a comment PK\\x05\\x06 in which a signature is'
    z.writestr('folder/', '')
    z.writestr('folder/a', 'abc' * 50)
    z.writestr('ä', 'umlaut')
with open('streamed.zip', 'wb') as f, zipfile.ZipFile(Pipe(f), 'w') as z:
    with z.open('big', 'w', force_zip64=True) as e: e.write(b'0123456789')
    z.writestr('small', 'xyz')
with open('behind.zip', 'wb') as f:
    f.write(b'#!/bin/sh\\nexit\\n' * 9)
with zipfile.ZipFile('behind.zip', 'a') as z: z.writestr('a', 'A')
with zipfile.ZipFile('many.zip', 'w') as z:
    for i in range(70000): z.writestr(str(i), b'')
`,
    folder,
  );
  const load = async (file: string) => {
    const source = await openFile(join(folder, file));
    try {
      const zip = await openZip(source, file);
      const texts = zip.entries
        .slice(0, 5)
        .map(async (entry) => [entry.name, new TextDecoder().decode(await zip.read(entry))]);
      return { count: zip.entries.length, files: Object.fromEntries(await Promise.all(texts)) };
    } finally {
      await source.close();
    }
  };
  assert.deepEqual(await load("plain.zip"), { count: 2, files: { "folder/a": "abc".repeat(50), ä: "umlaut" } });
  assert.deepEqual(await load("streamed.zip"), { count: 2, files: { big: "0123456789", small: "xyz" } });
  assert.deepEqual(await load("behind.zip"), { count: 1, files: { a: "A" } });
  assert.equal((await load("many.zip")).count, 70_000);
});

test("paths out of the archive are refused, Windows' separators are not", async () => {
  for (const name of ["../x", "a/../../x", "/etc/passwd", "C:\\x", "c:/x", "a\\..\\..\\x", "a/.."])
    await assert.rejects(open(zipSync({ [name]: noise })), refused(/a path out of the archive/), name);
  assert.deepEqual(Object.keys(await contents(zipSync({ "a\\b..c\\..d": noise }))), ["a/b..c/..d"]);
});

/** The archive with a 16- or 32-bit field of its first directory entry changed. */
function withField(archive: Uint8Array, field: number, value: number, bytes: 2 | 4): Uint8Array {
  const copy = Uint8Array.from(archive);
  const view = new DataView(copy.buffer);
  const directory = view.getUint32(copy.length - 6, true);
  if (bytes === 2) view.setUint16(directory + field, value, true);
  else view.setUint32(directory + field, value, true);
  return copy;
}

test("claims that cannot be true are refused before anything is unpacked", async () => {
  const zeros = zipSync({ a: [new Uint8Array(100_000), { level: 9 }], b: new Uint8Array(10) });
  const cases: [number, number, 2 | 4, RegExp][] = [
    [24, 4_000_000_000, 4, /bytes cannot become 4000000000/],
    [24, 99_999, 4, /cannot be decompressed to 99999 bytes/],
    [24, 100_001, 4, /has 100000 bytes \(100001\)/],
    [16, 1, 4, /checksum is wrong/],
    [10, 12, 2, /compressed by method 12/],
    [8, 1, 2, /is encrypted/],
    [42, 1, 4, /has no header/],
  ];
  for (const [field, value, size, pattern] of cases)
    await assert.rejects(contents(withField(zeros, field, value, size)), refused(pattern), String(pattern));
  await assert.rejects(contents(withField(zeros, 20, 2 ** 31, 4)), refused(/overlaps/));
  const zip = await open(zeros);
  await assert.rejects(zip.read(zip.entries[0], 99_999), refused(/100000 bytes \(at most 99999\)/));
});

test("two entries that share their bytes are refused: so are the best bombs made", async () => {
  const archive = zipSync({ a: noise, b: noise });
  const view = new DataView(archive.buffer);
  const directory = view.getUint32(archive.length - 6, true);
  const second = directory + 46 + 1;
  view.setUint32(second + 42, 0, true);
  await assert.rejects(open(archive), refused(/overlaps what follows it/));
});

test("what is no archive is refused", async () => {
  for (const bytes of [new Uint8Array(), strToU8("PK"), new Uint8Array(100), noise, zipSync(sample).subarray(0, 300)])
    await assert.rejects(open(bytes), refused(/is not a zip archive, or is cut short/));
  const empty = zipSync({});
  assert.deepEqual((await open(empty)).entries, []);
});

test("links inside an archive are not files", { skip: withoutPython }, async () => {
  const folder = folderOf();
  python(
    `
import zipfile
with zipfile.ZipFile('link.zip', 'w') as z:
    i = zipfile.ZipInfo('link.png'); i.create_system = 3; i.external_attr = 0o120777 << 16
    z.writestr(i, '/etc/passwd'); z.writestr('a', 'A')
`,
    folder,
  );
  const source = await openFile(join(folder, "link.zip"));
  const zip = await openZip(source, "link.zip");
  await source.close();
  assert.deepEqual(
    zip.entries.map(({ name }) => name),
    ["a"],
  );
});

test("damaged archives are read or refused, nothing else", async () => {
  await survives(zipSync(sample), contents, { runs: 600 });
});
