export { blockProbe } from "./block-probe.ts";
export { lower } from "./lower.ts";
export { type ModelOptions, toOnnx } from "./model.ts";
