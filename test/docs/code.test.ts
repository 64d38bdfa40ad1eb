import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { blocks, pages, read, root } from "./pages.ts";

/** Within the package, so that `ornstein/…` means the package itself, as built. */
const folder = join(root, "dist/docs-code");
const scratch = mkdtempSync(join(tmpdir(), "ornstein-docs-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const examples = pages.flatMap((page) =>
  blocks(read(page), "ts").map((code, i) => ({
    name: `${page} ${i + 1}`,
    file: `${page.replace(/\W/g, "-")}-${i + 1}`,
    code,
  })),
);

describe("code in the documentation", () => {
  before(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const { file, code } of examples) writeFileSync(join(folder, `${file}.ts`), `${code}\nexport {};\n`);
    const config = {
      extends: "../../tsconfig.base.json",
      compilerOptions: {
        composite: false,
        declaration: false,
        sourceMap: false,
        outDir: ".",
        rootDir: ".",
        types: ["node"],
        noUnusedLocals: false,
      },
      include: ["*.ts"],
      exclude: [],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  });

  test("compiles", () => {
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
    assert.equal(status, 0, stdout);
  });

  for (const { name, file } of examples)
    test(`runs: ${name}`, async () => {
      const { log } = console;
      const here = process.cwd();
      process.chdir(scratch);
      console.log = () => {};
      try {
        await import(pathToFileURL(join(folder, `${file}.js`)).href);
      } finally {
        console.log = log;
        process.chdir(here);
      }
    });
});
