export { blockProbe } from "./block-probe.ts";
export { lower } from "./lower.ts";
export { onnxMetadata } from "./metadata.ts";
export { type Loop, type ModelOptions, toOnnx } from "./model.ts";
