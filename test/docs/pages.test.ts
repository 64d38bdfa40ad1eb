import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { commands } from "../../src/cli/commands.ts";
import { helpOf } from "../../src/cli/help.ts";
import { parseCommandLine } from "../../src/cli/parse.ts";
import { askedRecipe, type RecipeFlags } from "../../src/cli/recipes.ts";
import { defineRecipe, preset, setField } from "../../src/recipe/index.ts";
import { samplers } from "../../src/sampling/index.ts";
import { blocks, pages, read, root } from "./pages.ts";

/** The words of a line of shell, without its comment. */
const words = (line: string): string[] =>
  [...line.replace(/\s#\s.*$/, "").matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c);

/** Everything short of carrying it out: the command, its flags, and the recipe that they make. */
function check(line: string): void {
  const parsed = parseCommandLine(words(line));
  if ("helpOf" in parsed) return;
  const { command, argument, values } = parsed;
  if (argument !== undefined && (command.name === "train" || command.name === "explain"))
    if (!argument.endsWith(".json") && !argument.startsWith("runs/")) askedRecipe(argument, values as RecipeFlags);
}

describe("commands in the documentation and in help can be given", () => {
  for (const page of pages)
    for (const line of blocks(read(page), "sh").flatMap((block) => block.split("\n"))) {
      const [, rest] = /^(?:npx )?ornstein (.*)$/.exec(line) ?? [];
      if (rest !== undefined) test(`${page}: ${rest}`, () => check(rest));
    }
  for (const { name, examples } of Object.values(commands))
    for (const example of examples) test(`${name} --help: ${example}`, () => check(example));
});

describe("fields in the text of the documentation can be set", () => {
  for (const page of pages)
    for (const [, assignment] of read(page).matchAll(/`--set ([a-z][^`]*)`/g))
      test(`${page}: ${assignment}`, () => {
        defineRecipe(setField(preset("edm"), words(assignment)[0]));
      });
});

test("every sampler is in the documentation by its name", () => {
  const text = read("docs/sampling.md") + read("docs/solvers-discrete.md");
  for (const name of Object.keys(samplers)) assert.ok(text.includes(`\`${name}\``), name);
});

test("docs/cli.md has the help of every command, word for word", () => {
  const page = read("docs/cli.md");
  const start = page.search(/^## /m);
  const help = Object.values(commands).map(
    (command) => `## ${command.name}\n\n\`\`\`text\n${helpOf(command, { program: "npx ornstein" })}\n\`\`\`\n`,
  );
  const text = `${page.slice(0, start < 0 ? undefined : start)}${help.join("\n")}`;
  if (process.env["UPDATE_DOCS"]) writeFileSync(join(root, "docs/cli.md"), text);
  else assert.equal(page, text, "Run this test with UPDATE_DOCS=1 to bring docs/cli.md up to date.");
});

test("links in the documentation lead somewhere", () => {
  for (const page of pages)
    for (const [, target] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const path = join(root, dirname(page), target.replace(/#.*$/, ""));
      // The picture of the README is made by npm start.
      assert.ok(existsSync(path) || target.endsWith("digits.png"), `${page}: ${target}`);
    }
});

test("every page is reached from the README", () => {
  const linked = [...read("README.md").matchAll(/\]\((docs\/[^)\s]+\.md)\)/g)].map(([, target]) => target);
  assert.deepEqual([...new Set(linked)].sort(), pages.filter((page) => page.startsWith("docs/")).sort());
});
