import assert from "node:assert/strict";
import { test } from "node:test";
import { trainEach } from "./presets.ts";

test("every preset learns in 200 steps", () =>
  trainEach(200, (name, losses) => {
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
    const [first, last] = [mean(losses.slice(0, 3)), mean(losses.slice(-5))];
    assert.ok(last < first, `${name}: from ${first} to ${last}`);
  }));
