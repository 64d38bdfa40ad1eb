/**
 * Optimal assignment against SciPy's `linear_sum_assignment`, on distances between smooth images and unit noise.
 * `node dist/bench/transport.js [N…]`; both solve the same matrix from the same file, turn by turn. Without python3 and
 * SciPy only our own times are printed, and the line says so.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { assign, certify, distances } from "../src/transport/index.ts";

const sizes = process.argv.slice(2).map(Number);
const side = 28;
const dims = side * side;

/** A small generator of repeatable numbers in (0, 1): the bench needs data, not statistics. */
function uniforms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    let x = state ^ (state >>> 16);
    x = Math.imul(x, 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32 + 2 ** -33;
  };
}

function normals(count: number, uniform: () => number): Float64Array {
  return Float64Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

/** Images in [−1, 1] whose power falls with frequency: tanh of random sums of the 6 × 6 lowest cosines. */
function smoothImages(count: number, uniform: () => number): Float64Array {
  const images = new Float64Array(count * dims);
  const waves = 6;
  const cosine = (k: number, p: number) => Math.cos((Math.PI * k * (p + 0.5)) / side);
  for (let i = 0; i < count; i++) {
    const amplitude = normals(waves * waves, uniform);
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        let sum = 0;
        for (let k = 0; k < waves; k++)
          for (let l = 0; l < waves; l++)
            sum += (amplitude[k * waves + l] / (1 + k * k + l * l)) * cosine(k, y) * cosine(l, x);
        images[i * dims + y * side + x] = Math.tanh(sum);
      }
  }
  return images;
}

const program = `
import sys, time, numpy
from scipy.optimize import linear_sum_assignment
for line in sys.stdin:
    path, n = line.split()
    cost = numpy.fromfile(path, dtype=numpy.float64).reshape(int(n), -1)
    start = time.perf_counter()
    rows, columns = linear_sum_assignment(cost)
    print(time.perf_counter() - start, cost[rows, columns].sum(), flush=True)
`;

/** Asks SciPy, in one process kept open; undefined where there is none. */
function scipy(): { solve(path: string, n: number): Promise<{ ms: number; cost: number }>; close(): void } | undefined {
  if (spawnSync("python3", ["-c", "import scipy.optimize"]).status !== 0) return undefined;
  const child: ChildProcess = spawn("python3", ["-c", program], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    async solve(path, n) {
      child.stdin!.write(`${path} ${n}\n`);
      const [seconds, cost] = String((await lines.next()).value)
        .split(" ")
        .map(Number);
      return { ms: seconds * 1000, cost };
    },
    close: () => child.stdin!.end(),
  };
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1];

const peer = scipy();
const folder = mkdtempSync(join(tmpdir(), "ornstein-bench-"));
console.log(`assignment, ‖image − noise‖ in ${dims} dimensions, ${cpus()[0]?.model ?? "unknown processor"}`);
if (!peer) console.log("SciPy: skipped, python3 cannot import scipy.optimize");
console.log("    N  repeats   distances      ours     SciPy   ratio   gap");
try {
  for (const n of sizes.length > 0 ? sizes : [64, 128, 256, 512, 1024, 2048]) {
    const uniform = uniforms(n);
    const images = smoothImages(n, uniform);
    const noise = normals(n * dims, uniform);
    const start = performance.now();
    const costs = distances(images, noise, dims);
    const building = performance.now() - start;
    const path = join(folder, `${n}.bin`);
    writeFileSync(path, costs.data);

    const repeats = n <= 128 ? 31 : n <= 512 ? 11 : n <= 1024 ? 5 : 3;
    let solution = assign(costs);
    await peer?.solve(path, n);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let k = 0; k < repeats; k++) {
      const before = performance.now();
      solution = assign(costs);
      ours.push(performance.now() - before);
      if (!peer) continue;
      const { ms, cost } = await peer.solve(path, n);
      theirs.push(ms);
      if (Math.abs(cost - solution.cost) > 1e-9 * cost) throw new Error(`N = ${n}: ${solution.cost}, SciPy ${cost}`);
    }
    const { gap, infeasibility } = certify(costs, solution);
    const column = (value: number | undefined, digits: number) => (value?.toFixed(digits) ?? "–").padStart(9);
    console.log(
      `${String(n).padStart(5)}${String(repeats).padStart(9)} ${column(building, 1)} ms${column(median(ours), 3)} ` +
        `${column(peer && median(theirs), 3)} ${(peer ? (median(theirs) / median(ours)).toFixed(1) : "–").padStart(6)} ` +
        ` ${Math.max(Math.abs(gap), infeasibility).toExponential(1)}`,
    );
  }
} finally {
  peer?.close();
  rmSync(folder, { recursive: true });
}
