import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const scripts: string = new URL("../../../scripts/ensure.mjs", import.meta.url).href;
const { isInstalled }: { isInstalled(folder?: string): boolean } = await import(scripts);

const folder = mkdtempSync(join(tmpdir(), "ornstein-ensure-"));
after(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, "node_modules"));
const write = (name: string, packages: object) => writeFileSync(join(folder, name), JSON.stringify({ packages }));

test("what npm installed itself is not installed again; what is missing or of another version is", () => {
  write("package-lock.json", {
    "": { version: "0.1.0" },
    "node_modules/a": { version: "1.0.0" },
    "node_modules/other-system": { version: "2.0.0", optional: true },
  });
  assert.equal(isInstalled(folder), false);
  write("node_modules/.package-lock.json", { "node_modules/a": { version: "1.0.0" } });
  assert.equal(isInstalled(folder), true);
  write("node_modules/.package-lock.json", { "node_modules/a": { version: "0.9.0" } });
  assert.equal(isInstalled(folder), false);
  write("node_modules/.package-lock.json", {});
  assert.equal(isInstalled(folder), false);
});
