/**
 * The same graph in float16 where that is safe and in float32 where it is not, as the lists of mixed-precision training
 * have it (Micikevicius et al. 2018, "Mixed precision training"): products in half precision, sums in full precision.
 */
import { GraphError } from "../errors/index.ts";
import { constant, Expr, type FloatType, isFloat, type OpName, topological } from "./expr.ts";
import { roundHalf } from "./half.ts";
import { sizeOf } from "./shape.ts";

/** Precisions in which a network may compute. */
export const precisions = ["float32", "float16"] as const;
export type Precision = (typeof precisions)[number];

/** How the precision of an op's value is chosen. */
export type PrecisionRule =
  /** float16, whatever goes in: where the work is, and sums are long enough to hide roundings. */
  | "float16"
  /** float32, whatever goes in: sums and statistics, and functions that leave float16's range or lose its digits. */
  | "float32"
  /** Computed in float32, and rounded to float16 if that is what went in: its values are of the order of 1. */
  | "rounded"
  /** The widest precision among its operands. */
  | "widest"
  /** As `widest`, of the operands as large as the result: what scales whole rows is cast to what it scales. */
  | "scaled"
  /** No arithmetic: the precision of what is moved. */
  | "moved";

export const precisionRules: { readonly [K in OpName]: PrecisionRule } = {
  input: "float32",
  constant: "moved",
  add: "widest",
  sub: "widest",
  mul: "scaled",
  div: "float32",
  pow: "float32",
  maximum: "widest",
  minimum: "widest",
  less: "float32",
  equal: "float32",
  where: "moved",
  neg: "widest",
  exp: "float32",
  log: "float32",
  sqrt: "float32",
  reciprocal: "float32",
  abs: "widest",
  sign: "widest",
  sin: "float32",
  cos: "float32",
  tanh: "widest",
  sigmoid: "widest",
  silu: "widest",
  siluGrad: "widest",
  cast: "moved",
  detach: "moved",
  after: "moved",
  reduceSum: "float32",
  reduceMax: "float32",
  sumSquares: "float32",
  reshape: "moved",
  transpose: "moved",
  expand: "moved",
  slice: "moved",
  pad: "moved",
  concat: "moved",
  oneHot: "float32",
  matmul: "float16",
  conv2d: "float16",
  conv2dInputGrad: "float16",
  conv2dFilterGrad: "float16",
  avgPool: "widest",
  upsample: "moved",
  interleave: "moved",
  phase: "moved",
  softmax: "rounded",
  rowAffine: "scaled",
  rowDot: "float32",
  groupNormalize: "rounded",
  groupInverseStd: "float32",
};

/** The precision of a node; `either` for what is made of constants and parameters without arithmetic. */
type Own = FloatType | "either";

/** What became of a node: its own form, and the same in the other precision once somebody asks for it. */
interface Forms {
  readonly own: Own;
  float32?: Expr;
  float16?: Expr;
}

/**
 * The same outputs, in float32 from and to outside, with float16 inside where {@link precisionRules} say so. Apply it to
 * whole graphs, after differentiation and after {@link recompute}. A value is cast once for all who want it in the other
 * precision; of `parameters`, inputs that hold a network's parameters, each is cast as a whole and cut up afterwards.
 */
export function inFloat16(outputs: readonly Expr[], parameters: readonly Expr[] = []): Expr[] {
  const given = new Set(parameters);
  const forms = new Map<Expr, Forms>();
  /** Integers and truths, which have one form. */
  const others = new Map<Expr, Expr>();

  const ownOf = (x: Expr): Own => forms.get(x)!.own;
  const formOf = (x: Expr, dtype: FloatType): Expr => {
    const known = forms.get(x)!;
    known[dtype] ??= known.own === "either" ? rebuilt(x, dtype) : formOf(x, known.own).cast(dtype);
    return known[dtype];
  };
  /** The node on inputs of a precision, whatever they were. */
  const rebuilt = (x: Expr, dtype: FloatType): Expr => {
    if (x.op === "input") return x.cast(dtype);
    if (isConstant(x)) return dtype === x.dtype ? x : constant(x.attrs.data, x.shape, dtype);
    if (x.op === "cast") {
      const [from] = x.inputs;
      const inside = isFloat(from.dtype) ? formOf(from, "float32") : others.get(from)!;
      return inside.cast(isFloat(x.dtype) ? dtype : x.dtype);
    }
    const inputs = x.inputs.map((input, i) => {
      if (!isFloat(input.dtype)) return others.get(input)!;
      // What is only waited for may be of any precision.
      return formOf(input, x.op === "after" && i > 0 ? singleOf(ownOf(input)) : dtype);
    });
    return inputs.every((input, i) => input === x.inputs[i]) ? x : new Expr(x.op, x.attrs, inputs);
  };

  for (const node of topological(outputs)) {
    if (node.dtype === "float16")
      throw new GraphError(`inFloat16: ${node.op} is float16 already (a graph of float32 expected).`);
    if (!isFloat(node.dtype)) {
      others.set(node, node.inputs.length === 0 ? node : rebuilt(node, "float32"));
      continue;
    }
    const rule = given.has(node) ? "moved" : precisionRules[node.op];
    const own = ownPrecision(rule, node, ownOf);
    if (own === "either") forms.set(node, { own });
    else if (rule !== "rounded") forms.set(node, { own, [own]: rebuilt(node, own) });
    else {
      const full = rebuilt(node, "float32");
      // Whoever wants float32 casts it back, so that the full values need not be kept.
      forms.set(node, { own, [own]: full.cast(own) });
    }
  }
  return outputs.map((y) => (isFloat(y.dtype) ? formOf(y, "float32") : others.get(y)!));
}

function ownPrecision(rule: PrecisionRule, node: Expr, ownOf: (x: Expr) => Own): Own {
  if (isConstant(node)) return fits(node) ? "either" : "float32";
  const operands = (node.op === "after" ? node.inputs.slice(0, 1) : node.inputs).filter((x) => isFloat(x.dtype));
  const widest = (nodes: readonly Expr[]): Own => {
    const found = new Set(nodes.map(ownOf));
    return found.has("float32") ? "float32" : found.has("float16") ? "float16" : "either";
  };
  switch (rule) {
    case "float16":
    case "float32":
      return rule;
    case "moved":
      return widest(operands);
    case "rounded":
    case "widest":
      return singleOf(widest(operands));
    case "scaled": {
      const size = sizeOf(node.shape);
      const large = widest(operands.filter((x) => sizeOf(x.shape) === size || isConstant(x)));
      return singleOf(large === "either" ? widest(operands) : large);
    }
  }
}

/** Arithmetic on constants and parameters alone is that of float32. */
const singleOf = (own: Own): FloatType => (own === "either" ? "float32" : own);

function isConstant(node: Expr): node is Expr<"constant"> & Expr {
  return node.op === "constant";
}

/** Whether float16 holds a constant: of single numbers, those that do not leave the range in which it has all digits. */
function fits({ attrs: { data } }: Expr<"constant">): boolean {
  if (data.length > 1) return true;
  const size = Math.abs(roundHalf(data[0]));
  return size === 0 ? data[0] === 0 : size >= 2 ** -14 && size < Infinity;
}
