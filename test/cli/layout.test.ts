import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commands } from "../../src/cli/commands.ts";
import { helpOf } from "../../src/cli/help.ts";
import { twoColumns, wrap } from "../../src/cli/layout.ts";
import { openTerminal } from "../../src/cli/terminal.ts";

test("text is broken between words, and loses none", () => {
  assert.deepEqual(wrap("one two three", 8), ["one two", "three"]);
  assert.deepEqual(wrap("heun|euler|ddim", 11), ["heun|euler|", "ddim"]);
  assert.deepEqual(wrap("unbreakable", 4), ["unbreakable"]);
  assert.deepEqual(wrap("", 4), [""]);
});

test("what is on the right goes on under itself; a long name has lines of its own", () => {
  const rows = [
    ["--n", "Number of samples that are drawn"],
    ["--sampler euler|heun|edm-ablation|ddim", "Solver"],
  ] as const;
  assert.deepEqual(twoColumns(rows, { columns: 28, width: 3 }), [
    "  --n  Number of samples",
    "       that are drawn",
    "  --sampler euler|heun|",
    "      edm-ablation|ddim",
    "       Solver",
  ]);
});

describe("help fits a terminal, apart from examples", () => {
  for (const command of Object.values(commands))
    for (const columns of [80, 120])
      test(`${command.name}, ${columns} columns`, () => {
        const lines = helpOf(command, { columns }).split("\n");
        assert.deepEqual(
          lines.filter((line) => line.length > columns && !line.startsWith("  $ ")),
          [],
        );
        const words = (text: string) => text.replace(/\s+/g, "");
        assert.equal(words(lines.join("\n")), words(helpOf(command, { columns: Infinity })));
      });
});

test("the bar of a progress line gives way to the text, on a narrow terminal", () => {
  const shown = (columns: number) => {
    let text = "";
    const out = { write: (more: string) => (text += more), columns };
    const terminal = openTerminal({ out, err: { ...out, isTTY: true } }, false);
    terminal.progress("2048 of 2000 images  loss 0.9737  44 images/s  0:09 left", 0.5);
    const [line] = text.split("\x1b[K").slice(1);
    terminal.close();
    return line;
  };
  assert.match(shown(120), /^█{10}░{10} {2}50% {2}2048 .* left$/);
  assert.match(shown(72), /^█+░+ {2}50% {2}2048 .* left$/);
  assert.equal(shown(40).length, 39);
});
