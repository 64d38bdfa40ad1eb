import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { Flag, Flags } from "../../src/cli/command.ts";
import { flagName } from "../../src/cli/command.ts";
import { commands } from "../../src/cli/commands.ts";
import { checkPlace, type Place, writeTo } from "../../src/cli/places.ts";
import { inProcess } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-places-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);
writeFileSync(at("file.png"), "");
mkdirSync(at("folder.png"));

test("a place is refused where nothing of its kind can be, and nothing is made", () => {
  const refused: readonly (readonly [string, Place, RegExp])[] = [
    [at("a.jpg"), ".png", /--out: must end in \.png; got ".*a\.jpg"\./],
    [at("folder.png"), ".png", /is a folder, not a file/],
    [at("folder.png"), "file", /is a folder, not a file/],
    [at("file.png"), "folder", /is a file, not a folder/],
    [at("file.png", "a.png"), ".png", /is below .*file\.png, which is a file/],
    [at("file.png", "a", "b"), "names", /is below .*file\.png, which is a file/],
    [at("file.png", "a"), "folder", /is below .*file\.png, which is a file/],
  ];
  for (const [path, place, pattern] of refused) assert.throws(() => checkPlace("--out", path, place), pattern);
  const fine: readonly (readonly [string, Place])[] = [
    [at("new", "deep", "a.PNG"), ".png"],
    [at("file.png"), ".png"],
    [at("new"), "folder"],
    [at("folder.png"), "folder"],
    [at("new", "plot"), "names"],
    ["plot", "names"],
  ];
  for (const [path, place] of fine) checkPlace("--out", path, place);
  assert.deepEqual(readdirSync(folder).sort(), ["file.png", "folder.png"]);
});

test("a place is refused where the file system takes nothing", (t) => {
  if (!existsSync("/proc/self")) return t.skip("no /proc here");
  for (const place of ["folder", "file"] as const)
    assert.throws(
      () => checkPlace("--out", "/proc/none/of/these", place),
      /cannot be written: (there is no such|no perm)/,
    );
});

test("writing makes the folders above", () => {
  writeTo(at("new", "deep", "a.json"), "{}");
  assert.deepEqual(readdirSync(at("new", "deep")), ["a.json"]);
});

/** A value that a flag takes. */
const some = (flag: Flag): string[] => {
  if (flag.type === "boolean") return [];
  if (flag.type === "choice") return [flag.choices[0]];
  return [flag.type === "integer" || flag.type === "number" ? String(flag.max ?? Math.max(flag.min ?? 1, 1)) : "x.npy"];
};

describe("flags that go with others", () => {
  for (const { name, argument, flags } of Object.values(commands))
    for (const [key, flag] of Object.entries<Flag>(flags as Flags)) {
      const words = [...name.split(" "), ...(argument ? [at("nothing")] : []), flagName(key), ...some(flag)];
      const { needs, notWith = [] } = flag;
      if (needs !== undefined)
        test(`${name} ${flagName(key)} needs ${flagName(needs)}`, async () => {
          assert.ok(needs in flags);
          const { code, stderr } = await inProcess(words);
          assert.equal(code, 2);
          assert.match(stderr, new RegExp(`${flagName(key)} needs ${flagName(needs)}\\.`));
        });
      for (const other of notWith)
        test(`${name} ${flagName(key)} has no use beside ${flagName(other)}`, async () => {
          assert.ok(other in flags);
          const { code, stderr } = await inProcess([...words, flagName(other), ...some(flags[other])]);
          assert.equal(code, 2);
          assert.match(stderr, new RegExp(`${flagName(key)} has no use beside ${flagName(other)}\\.`));
        });
    }
});

test("every flag that names a place to write is checked before the command begins", () => {
  for (const { name, flags } of Object.values(commands))
    for (const [key, flag] of Object.entries<Flag>(flags))
      if (["out", "plot", "curve", "preview", "latents"].includes(key) && name !== "data build")
        assert.ok(flag.type === "string" && flag.writes !== undefined, `${name} ${flagName(key)}`);
});
