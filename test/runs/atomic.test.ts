import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { writeAtomic } from "../../src/runs/index.ts";
import { folderOf } from "../data/files/temporary.ts";

test("writes pieces one after the other, and replaces a file", () => {
  const path = join(folderOf(), "file");
  writeAtomic(path, ["one ", new TextEncoder().encode("two")]);
  assert.equal(readFileSync(path, "utf8"), "one two");
  writeAtomic(path, ["three"]);
  assert.equal(readFileSync(path, "utf8"), "three");
});

test("a failure leaves the old file and nothing else", { skip: process.platform !== "linux" }, () => {
  const folder = folderOf({ file: "old" });
  const path = join(folder, "file");
  // The temporary file is on a device that is always full.
  symlinkSync("/dev/full", `${path}.${process.pid}.tmp`);
  assert.throws(
    () => writeAtomic(path, ["new"]),
    (error) =>
      error instanceof ConfigError &&
      error.message === `${path}: cannot be written: the disk is full. Free some space.`,
  );
  assert.equal(readFileSync(path, "utf8"), "old");
  assert.deepEqual(readdirSync(folder), ["file"]);
});

test("what is in the way is named", () => {
  const folder = folderOf({ file: "" });
  assert.throws(
    () => writeAtomic(join(folder, "none", "file"), [""]),
    /none\/file: cannot be written: there is no such folder/,
  );
  assert.throws(() => writeAtomic(join(folder, "file", "below"), [""]), /part of the path is a file, not a folder/);
  mkdirSync(join(folder, "folder"));
  writeFileSync(join(folder, "folder", "inside"), "");
  assert.throws(() => writeAtomic(join(folder, "folder"), [""]), /there is a folder of that name/);
  assert.throws(() => writeAtomic(join(folder, "x".repeat(300)), [""]), /the name is too long/);
  assert.deepEqual(readdirSync(folder).sort(), ["file", "folder"]);
});
