/** Random numbers as values: a counter-based generator and streams keyed by (seed, purpose, index). */
export { philox } from "./philox.ts";
export { normalRows, normals, type Shuffled, type Stream, stream } from "./stream.ts";
