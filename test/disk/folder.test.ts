import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeFolder, tryFolder } from "../../src/disk/index.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-folder-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("folders are made with those above them, and may be there already", () => {
  const deep = join(folder, "a", "b", "c");
  makeFolder(deep);
  makeFolder(deep);
  assert.ok(existsSync(deep));
});

test("a file in the way is an error, and so is a file system that takes nothing", (t) => {
  writeFileSync(join(folder, "file"), "");
  assert.throws(() => makeFolder(join(folder, "file")), /EEXIST/);
  assert.throws(() => makeFolder(join(folder, "file", "a")), /EEXIST|ENOTDIR/);
  if (!existsSync("/proc/self")) return t.skip("no /proc here");
  assert.throws(() => makeFolder("/proc/none/of/these"), /ENOENT|EACCES|EPERM/);
  assert.throws(() => tryFolder("/proc"), /ENOENT|EACCES|EPERM/);
});

test("trying a folder leaves nothing in it", () => {
  const empty = join(folder, "empty");
  mkdirSync(empty);
  tryFolder(empty);
  assert.deepEqual(readdirSync(empty), []);
});
