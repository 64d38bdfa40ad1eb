import assert from "node:assert/strict";
import { test } from "node:test";
import { inProcess } from "./command-line.ts";
import { trainEach } from "./presets.ts";

test("every preset learns in 200 steps, and explain says of each run how its loss spreads", () =>
  trainEach(200, async (name, losses, run) => {
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
    const [first, last] = [mean(losses.slice(0, 5)), mean(losses.slice(-50))];
    assert.ok(last < first, `${name}: from ${first} to ${last}`);
    const { code, stdout, stderr } = await inProcess(["explain", run, "--n", "4", "--threads", "1"]);
    assert.equal(code, 0, `${name}: ${stderr}`);
    assert.match(stdout, /variance .*: one draw's loss varies by \d/, name);
    assert.ok(!/NaN|undefined/.test(stdout), `${name}: ${stdout}`);
  }));
