export { type Cost, cost, type IsView, peakBytes } from "./cost.ts";
export {
  type ConvAttrs,
  concat,
  constant,
  type DType,
  Expr,
  type FloatType,
  input,
  interleave,
  isFloat,
  lift,
  type OpAttrs,
  type Operand,
  type OpName,
  topological,
} from "./expr.ts";
export {
  attention,
  dropout,
  embedding,
  firDown,
  firPad,
  firUp,
  groupNorm,
  isBox,
  meanSquaredError,
  softplus,
  split,
  upConv2d,
} from "./functions.ts";
export { gradients } from "./gradients.ts";
export { halfBits, halfValue, roundHalf } from "./half.ts";
export { infer } from "./infer.ts";
export { inFloat16, type Precision, type PrecisionRule, precisionRules, precisions } from "./precision.ts";
export { print } from "./print.ts";
export { recompute } from "./recompute.ts";
export { evaluate, reference } from "./reference.ts";
export { schedule } from "./schedule.ts";
export { broadcast, type Shape, sameShape, showShape, sizeOf, strides } from "./shape.ts";
export { simplify } from "./simplify.ts";
export { substitute } from "./substitute.ts";
export { vjp } from "./vjp.ts";
