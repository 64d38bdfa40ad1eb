export { lower } from "./lower.ts";
export { toOnnx } from "./model.ts";
