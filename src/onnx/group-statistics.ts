/** Means and variances of groups of channels in the blocked layout. */
import type { Expr, OpAttrs } from "../graph/index.ts";
import { imageDots, imageMeans, single, total } from "./image-sums.ts";
import type { Layouts, Sum, Term } from "./layouts.ts";

/** How far squares may exceed the variance for their difference to be it: at most a part in 10⁵ is lost. */
const mostSquares = 32;

/**
 * The image that is normalised, and as vectors [B·C] what is still to be added to centre it and 1/std of each channel's
 * group. Means of groups are products with a matrix of ones on the groups' diagonal blocks. The variance is that of each
 * channel, E[x²] − E[x]², plus that of the channels' means: the image is read twice and never written. Where channels vary
 * so little about their means that this loses digits, it is the variance of the centred image.
 */
export function groupStatistics(layouts: Layouts, x: Expr, { groups, eps }: OpAttrs["groupNormalize"]) {
  const { emit } = layouts;
  const [b, c, h, w] = x.shape;
  const found = single(layouts, x);
  const { base, shift }: Omit<Sum, "terms"> & Term = found.scale === undefined ? found : { base: layouts.blocked(x) };
  const [inverse, added] = emit.once(`group statistics ${base} ${shift} ${groups} ${eps}`, () => {
    const blocks = (value: number) =>
      emit.once(`blocks ${c} ${groups} ${value}`, () => {
        const matrix = new Float32Array(c * c);
        const size = c / groups;
        for (let i = 0; i < c; i++)
          for (let j = 0; j < c; j++) if (Math.floor(i / size) === Math.floor(j / size)) matrix[i * c + j] = value;
        return [emit.floats(matrix, [c, c])];
      })[0];
    const channels = (rows: string) => layouts.view(rows, [b, c]);
    const rows = (channels: string) => layouts.view(channels, [b * c]);
    const square = (value: string) => emit.node("Mul", [value, value]);
    const plusEps = emit.floats([eps], [1]);

    const ownMeans = imageMeans(layouts, base, x.shape);
    const means = total(layouts, ownMeans, shift)!;
    const minusMean = rows(emit.node("MatMul", [channels(means), blocks(-groups / c)]));
    const added = total(layouts, minusMean, shift)!;
    const squares = emit.node("Mul", [imageDots(layouts, base, base, x.shape), emit.floats([1 / (h * w)], [])]);
    const within = emit.node("Sub", [squares, square(ownMeans)]);
    const around = emit.node("Add", [within, square(emit.node("Add", [means, minusMean]))]);
    const variance = emit.node("Gemm", [channels(around), blocks(groups / c), plusEps]);
    const excess = emit.node("ReduceMax", [emit.node("Abs", [emit.node("Div", [channels(squares), variance])])], {
      keepdims: 0,
    });
    const isExact = emit.node("LessOrEqual", [excess, emit.floats([mostSquares], [])]);
    const ofSums = blocks(groups / (c * h * w));
    const ofCentred = () => {
      const centred = layouts.depthwise(base, x.shape, { shift: added });
      return emit.node("Gemm", [channels(imageDots(layouts, centred, centred, x.shape)), ofSums, plusEps]);
    };
    const sure = emit.choice(isExact, [b, c], { holds: () => variance, fails: ofCentred });
    return [rows(emit.node("Reciprocal", [emit.node("Sqrt", [sure])])), added];
  });
  return { image: base, inverse, added };
}
