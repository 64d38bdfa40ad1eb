import assert from "node:assert/strict";
import { join, sep } from "node:path";
import { describe, test } from "node:test";
import { type Command, type Flag, flagName, groups } from "../../src/cli/command.ts";
import { commands } from "../../src/cli/commands.ts";
import { helpOf } from "../../src/cli/help.ts";
import { program } from "../../src/cli/program.ts";

const all = Object.values(commands);
const isHeading = (line: string) => /^\S.*:$/.test(line);

test("every flag of a command of many has a heading", () => {
  for (const { name, flags } of all.filter(({ flags }) => Object.keys(flags).length > 10))
    for (const [key, flag] of Object.entries<Flag>(flags))
      assert.ok(flag.group !== undefined, `${name} ${flagName(key)}`);
});

describe("help shows every flag once, and no heading without flags", () => {
  for (const command of all)
    test(command.name, () => {
      const lines = helpOf(command, { columns: Infinity }).split("\n");
      for (const key of [...Object.keys(command.flags), "json", "help"]) {
        const name = new RegExp(`^  (-h, )?${flagName(key)}( |$)`);
        assert.equal(lines.filter((line) => name.test(line)).length, 1, key);
      }
      for (const [i, line] of lines.entries()) if (isHeading(line)) assert.match(lines[i + 1], /^ {2}(-|\$)/, line);
      const headings = lines.filter((line) => isHeading(line) && line !== "More examples:" && line !== "Flags:");
      const order = headings.map((line) => groups.findIndex((group) => line === `${group}:`));
      assert.deepEqual(
        order,
        order.toSorted((a, b) => a - b),
      );
      assert.equal(headings.length > 0, Object.keys(command.flags).length > 10);
    });
});

test("every heading is that of some command", () => {
  const used = new Set(all.flatMap(({ flags }) => Object.values<Flag>(flags).map(({ group }) => group)));
  assert.deepEqual(
    groups.filter((group) => !used.has(group)),
    ["General"],
  );
});

test("one to three examples come before the flags, the others after them", () => {
  for (const command of all) {
    const lines = helpOf(command, { columns: Infinity, program: "run" }).split("\n");
    const examples = lines.filter((line) => line.startsWith("  $ run "));
    assert.deepEqual(
      examples,
      command.examples.map((example) => `  $ run ${example}`),
    );
    const first = lines.findIndex(isHeading);
    const before = lines.slice(0, first).filter((line) => line.startsWith("  $ "));
    assert.equal(before.length, Math.min(3, command.examples.length));
    assert.ok(before.length > 0, command.name);
  }
});

test("choices that are long stand in the help of their flag", () => {
  const flags = {
    short: { type: "choice", choices: ["a", "b"], default: "a", help: "One" },
    long: { type: "choice", choices: ["the-first-of-them", "the-second-of-them"], help: "Other" },
  } as const;
  const command: Command = { name: "try", summary: "Try.", examples: ["try"], flags, run: async () => {} };
  const text = helpOf(command);
  assert.match(text, / --short a\|b +One \[a\]\n/);
  assert.match(text, / --long NAME +Other\. One of the-first-of-them, the-second-of-them\n/);
});

test("the program is called as it was started", () => {
  const cwd = join(sep, "work", "here");
  const started = (...path: readonly string[]) => program(join(sep, ...path), cwd);
  assert.equal(started("work", "here", "node_modules", ".bin", "ornstein"), "npx ornstein");
  assert.equal(started("home", "_npx", "1", "node_modules", ".bin", "ornstein"), "npx ornstein");
  assert.equal(started("work", "here", "node_modules", "ornstein", "bin", "ornstein.js"), "npx ornstein");
  assert.equal(started("work", "here", "bin", "ornstein.js"), "npx ornstein");
  assert.equal(started("work", "there", "bin", "ornstein.js"), `node ${join("..", "there", "bin", "ornstein.js")}`);
  assert.equal(started("usr", "bin", "ornstein"), "ornstein");
  assert.equal(started("anything.js"), "npx ornstein");
});
