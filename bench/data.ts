/**
 * How fast data is made ready for training: `node dist/bench/data.js [JPEGS]`. MNIST's 60,000 images, and photographs of
 * 512 × 512 pixels, drawn by formulas into a temporary folder, several hundred of them under many names; the memory that
 * reading them takes, while there are more.
 */
import { linkSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { loadDataset, loaded, writeStore } from "../src/data/files/index.ts";

const side = 512;
const count = Number(process.argv[2] ?? 1500);
const distinct = Math.min(count, 300);
const cores = availableParallelism();
const folder = mkdtempSync(join(tmpdir(), "ornstein-bench-"));
const seconds = async (work: () => Promise<unknown>) => {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
};
const megabytes = () => process.memoryUsage().rss / 2 ** 20;

try {
  const mnist = await seconds(async () => {
    for await (const _ of writeStore(join(folder, "mnist.ornstein"), await loaded(loadDataset("mnist"))));
  });
  console.log(`MNIST: 60,000 images read and written in ${mnist.toFixed(2)} s`);

  const rgb = new Uint8Array(side * side * 3);
  for (let n = 0; n < distinct; n++) {
    for (let y = 0, at = 0; y < side; y++)
      for (let x = 0; x < side; x++)
        for (let c = 0; c < 3; c++, at++)
          rgb[at] =
            128 + 70 * Math.sin((x * (n + 3)) / 97 + c) + 50 * Math.sin((y * x) / (900 + n)) + ((at * 7919) % 5);
    await sharp(rgb, { raw: { width: side, height: side, channels: 3 } })
      .jpeg({ quality: 90 })
      .toFile(join(folder, `${n}.jpg`));
  }
  for (let n = distinct; n < count; n++) linkSync(join(folder, `${n % distinct}.jpg`), join(folder, `${n}.jpg`));
  console.log(`JPEGs of ${(statSync(join(folder, "0.jpg")).size / 1024).toFixed(0)} KB`);
  for (const size of [side, 64]) {
    const sizes: number[] = [];
    const cpu = process.cpuUsage();
    const took = await seconds(async () => {
      const loading = loadDataset(folder, { size, cache: join(folder, ".cache") });
      for (let step = await loading.next(); !step.done; step = await loading.next()) sizes.push(megabytes());
    });
    const used = process.cpuUsage(cpu);
    const busy = (used.user + used.system) / 1e6;
    const quarter = (k: number) => sizes[Math.floor((k * (sizes.length - 1)) / 4)].toFixed(0);
    console.log(
      `${count} JPEGs of ${side}×${side} to ${size}×${size} in ${took.toFixed(1)} s: ${(count / took).toFixed(0)} images/s on ` +
        `${cores} cores, ${(count / took / cores).toFixed(0)} a core, ${(count / busy).toFixed(0)} per second of processor; ` +
        `memory at each quarter ${[0, 1, 2, 3, 4].map(quarter).join(", ")} MB, at most ${Math.max(...sizes).toFixed(0)}`,
    );
    rmSync(join(folder, ".cache"), { recursive: true, force: true });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
