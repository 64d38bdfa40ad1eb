/** Every reader against at least 2,000 damaged files of its format, in bounded time and memory. */
import assert from "node:assert/strict";
import { after } from "node:test";

process.env["ORNSTEIN_MUTANTS"] = "2000";
const started = performance.now();
let most = 0;
const watching = setInterval(() => {
  most = Math.max(most, process.memoryUsage().rss);
}, 50);

for (const name of [
  "archive",
  "arrays",
  "cifar",
  "cifar-python",
  "folder",
  "idx",
  "labels",
  "npy",
  "parquet",
  "table",
  "zip",
])
  await import(`./${name}.test.js`);

after(() => {
  clearInterval(watching);
  // Each of four threads may hold an image of 100 megapixels, the largest that is decoded.
  assert.ok(most < 3 * 2 ** 30, `${(most / 2 ** 20).toFixed(0)} MiB`);
  assert.ok(performance.now() - started < 1000 * 60 * 15);
});
