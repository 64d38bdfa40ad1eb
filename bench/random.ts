/** How many random numbers a second one core draws: `node dist/bench/random.js`. */
import { stream } from "../src/random/index.ts";

const count = 5_000_000;
const draws = stream(0, "bench");
const work: Readonly<Record<string, () => unknown>> = {
  "normals into float32": () => draws.fillNormal(new Float32Array(count)),
  "normals into float64": () => draws.fillNormal(new Float64Array(count)),
  "uniforms into float32": () => draws.fillUniform(new Float32Array(count)),
  "uniforms into float64": () => draws.fillUniform(new Float64Array(count)),
  "integers below 60000": () => {
    for (let i = 0; i < count; i++) draws.integer(60_000);
  },
  permutation: () => draws.permutation(count),
};

for (const [name, run] of Object.entries(work)) {
  run();
  const started = performance.now();
  run();
  console.log(`${name.padEnd(24)}${(count / (performance.now() - started) / 1000).toFixed(1).padStart(7)} M/s`);
}
