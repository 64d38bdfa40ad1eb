import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import sharp from "sharp";
import { ornstein } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-quickstart-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("quickstart: goes on after Ctrl-C, ends in a sheet, begins anew when it is done", async () => {
  const args = ["quickstart", "--minutes", "0.5", "--json"];
  const first = await ornstein(args, {
    cwd: folder,
    onLine: (line, child) => {
      const record = JSON.parse(line);
      if (record.type === "step" && record.step === 2) child.kill("SIGINT");
    },
  });
  assert.equal(first.code, 130, first.stderr);
  const run = join(folder, "runs/quickstart");
  /** What is settled from the start: how long training lasts is planned when the machine's speed is known. */
  const settled = () => {
    const { training, ...recipe } = JSON.parse(readFileSync(join(run, "recipe.json"), "utf8")).recipe;
    return { ...recipe, batch: training.batch, optimizer: training.optimizer };
  };
  const before = settled();

  const second = await ornstein(args, { cwd: folder });
  assert.equal(second.code, 0, second.stderr);
  const records = second.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const [ready] = records;
  assert.ok(ready.step >= 2);
  assert.deepEqual(settled(), before);
  const { width, height } = await sharp(join(run, "samples/digits.png")).metadata();
  assert.ok(width > 8 * 56 && height > 10 * 56);

  const third = await ornstein(args, {
    cwd: folder,
    onLine: (line, child) => {
      if (JSON.parse(line).type === "step") child.kill("SIGKILL");
    },
  });
  assert.equal(third.code, null);
  // On a machine too slow for the fewest images the time is up first, and the run goes on.
  const complete = records.some(({ type, why }) => type === "done" && why === "complete");
  assert.equal(existsSync(join(folder, "runs/quickstart-2/recipe.json")), complete);
});
