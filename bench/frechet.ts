/** Time of a Fréchet distance between full-rank covariances: `node dist/bench/frechet.js [dims]`, 2048 by default. */
import { type FeatureGaussian, frechetDistance } from "../src/metrics/index.ts";

const n = Number(process.argv[2] ?? 2048);

/** A covariance with known eigenvalues: H diag(λ) H for a reflection H = I − 2uuᵀ, so that two share no eigenvectors. */
function gaussian(frequency: number): FeatureGaussian {
  const raw = Float64Array.from({ length: n }, (_, i) => Math.sin(frequency * i + 1));
  const norm = Math.hypot(...raw);
  const u = raw.map((value) => value / norm);
  const lambda = Float64Array.from({ length: n }, (_, i) => 1 / (1 + (i * frequency) / n));
  const weighted = u.reduce((sum, value, i) => sum + lambda[i] * value * value, 0);
  const covariance = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      covariance[i * n + j] =
        (i === j ? lambda[i] : 0) - 2 * u[i] * u[j] * (lambda[i] + lambda[j]) + 4 * weighted * u[i] * u[j];
  return { mean: raw, covariance };
}

const [a, b] = [gaussian(1.7), gaussian(0.3)];
const started = performance.now();
const { distance, clamped } = frechetDistance(a, b);
const seconds = (performance.now() - started) / 1000;
console.log(`${n} × ${n}: ${seconds.toFixed(2)} s (distance ${distance.toPrecision(8)}, ${clamped} clamped)`);
