import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type LoadOptions, loadDataset, loaded } from "../../../src/data/files/index.ts";
import { parseTable } from "../../../src/data/files/table.ts";
import { example } from "../../../src/data/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";
import { survives } from "./mutation.ts";
import { python, withoutNumpy } from "./python.ts";
import { folderOf } from "./temporary.ts";

const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message);
const load = (text: string | Uint8Array, options?: LoadOptions, name = "x.csv") =>
  loaded(loadDataset(join(folderOf({ [name]: text }), name), options));

test("any table of cells that is written by the rules is read again", () => {
  const cell = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('"', ",", "\n", '""', "a,b", "", "π"));
  fc.assert(
    fc.property(
      fc
        .integer({ min: 2, max: 4 })
        .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1 })),
      fc.constantFrom("\n", "\r\n"),
      fc.boolean(),
      (rows, end, lastEnd) => {
        // The first row tells the separator.
        const all = [rows[0].map(() => "q"), ...rows];
        const text = all.map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(",")).join(end);
        const { header, rows: found } = parseTable(lastEnd ? text + end : text, "x.csv");
        assert.deepEqual(header ? [header, ...found] : found, all);
      },
    ),
  );
});

test("blanks, comments, empty lines, a mark of the byte order, other separators", () => {
  assert.deepEqual(parseTable('\ufeff# made by hand\n 1 ;2\r\n\n3; "4" \n', "x").rows, [
    ["1", "2"],
    ["3", '"4"'],
  ]);
  assert.deepEqual(parseTable("x\ty\n1\t\n", "x"), { header: ["x", "y"], rows: [["1", ""]] });
  assert.deepEqual(parseTable("a,b\nc,d", "x"), {
    rows: [
      ["a", "b"],
      ["c", "d"],
    ],
  });
  assert.deepEqual(parseTable("file,label\nc,d", "x"), { header: ["file", "label"], rows: [["c", "d"]] });
});

test("tables that are none are refused", () => {
  const cases: [string, RegExp][] = [
    ["", /x\.csv: is empty/],
    ["\n\n# only a comment\n", /is empty/],
    ["1,2\n3", /row 2 has 1 cells \(2, as the first\)/],
    ['1,"2\n3', /row 1: a quoted cell does not end: "\\"2/],
    ['"1"x,2', /row 1: a quoted cell goes on after its quote: "x"/],
    ["file,label", /has names of columns and no row/],
  ];
  for (const [text, pattern] of cases) assert.throws(() => parseTable(text, "x.csv"), refused(pattern));
});

test("points with and without names and labels", async () => {
  const plain = await load("1,2\n-3.5,4e-2\n.5,inf\n");
  assert.deepEqual([plain.size, plain.shape, plain.classes], [3, [2], undefined]);
  assert.deepEqual(
    [0, 1, 2].map((i) => Array.from(example(plain, i))),
    [
      [1, 2],
      [-3.5, Math.fround(0.04)],
      [0.5, Infinity],
    ],
  );
  const xy = await load("x,y\n1,2\n3,4\n");
  assert.deepEqual([xy.size, xy.shape, xy.classes], [2, [2], undefined]);
  const titled = await load("a\tlabel\tb\n1\t2\t3\n4\t0\t6\n", {}, "x.tsv");
  assert.deepEqual([titled.shape, titled.classes, titled.label?.(0)], [[2], ["0", "1", "2"], 2]);
  assert.deepEqual(Array.from(example(titled, 1)), [4, 6]);
  const iris = await load("5.1,3.5,setosa\n6.0,2.2,virginica\n5.0,3.0,setosa\n");
  assert.deepEqual([iris.shape, iris.classes, iris.label?.(1)], [[2], ["setosa", "virginica"], 1]);
  assert.equal((await load("a,b,y\n1,2,0\n3,4,1\n")).classes?.length, 2);
  const spatial = await load("x,y,z\n1,2,3\n4,5,6\n");
  assert.deepEqual([spatial.shape, spatial.classes], [[3], undefined]);
  const named = await load("x,y,class\n1,2,a\n3,4,b\n");
  assert.deepEqual([named.shape, named.classes], [[2], ["a", "b"]]);
  assert.equal((await load("1,2,x\n", { labels: "none" })).label, undefined);
});

test("cells that are no numbers are named", async () => {
  await assert.rejects(load("a,b\n1,2\n3,x\n5,6\n"), refused(/row 3, column "b": must be a number; got "x"/));
  await assert.rejects(load("1,two,3\n4,5,6\n"), refused(/row 1, column 2: must be a number; got "two"/));
  await assert.rejects(load("a,b\n1,\n"), refused(/row 2, column "b": must be a number; got ""/));
  await assert.rejects(load("1,0x10,3\n"), refused(/got "0x10"/));
  await assert.rejects(load("label\ncat\ndog\n"), refused(/no column of numbers beside its labels/));
  await assert.rejects(load("1,2\n", { size: 3 }), refused(/has no option size/));
});

test("NumPy's text files", { skip: withoutNumpy }, async () => {
  const folder = folderOf();
  python(
    "import numpy as np\nnp.savetxt('x.csv', np.arange(12).reshape(4, 3) / 7 - 1, delimiter=',', header='a,b,c')",
    folder,
  );
  const set = await loaded(loadDataset(join(folder, "x.csv")));
  assert.deepEqual([set.size, set.shape], [4, [3]]);
  assert.deepEqual(
    Array.from(example(set, 1)),
    [3, 4, 5].map((i) => Math.fround(i / 7 - 1)),
  );
});

test("damaged tables are read or refused, nothing else", async () => {
  const text = new TextEncoder().encode('x,y,"label"\n1,2,"a"\n3.5,-4e2,b\n# c\n5,6,"c ""d"""\n');
  await survives(text, (bytes) => load(bytes), { runs: 300 });
});
