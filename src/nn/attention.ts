/** Self-attention over the positions of an image, and pooling by attention. */
import { GraphError } from "../errors/index.ts";
import { concat, type Expr } from "../graph/index.ts";
import { defaultInit, layerInits } from "./init.ts";
import type { Scope } from "./scope.ts";

/**
 * How the 3C channels of queries, keys and values are laid out, outermost first: `interleaved` is (head, channel, qkv),
 * `legacy` (head, qkv, channel), `new` (qkv, head, channel). Weights trained with one mean nothing under another.
 */
export type QkvOrder = "interleaved" | "legacy" | "new";

/** The sizes of the channel axis in layout order, and which of them is qkv. */
const orders: { readonly [T in QkvOrder]: (heads: number, d: number) => { sizes: number[]; axis: number } } = {
  interleaved: (heads, d) => ({ sizes: [heads, d, 3], axis: 3 }),
  legacy: (heads, d) => ({ sizes: [heads, 3, d], axis: 2 }),
  new: (heads, d) => ({ sizes: [3, heads, d], axis: 1 }),
};

/** The names of all channel orders. */
export const qkvOrders = Object.keys(orders) as readonly QkvOrder[];

/** v · softmax(qᵀ k / √d)ᵀ for each head, from q, k and v side by side as [B, 3C, L]; the result is [B, C, L]. */
export function qkvAttention(qkv: Expr, heads: number, order: QkvOrder): Expr {
  const [batch, triple, length] = qkv.shape;
  const d = triple / (3 * heads);
  if (!Number.isInteger(d))
    throw new GraphError(`attention: ${triple / 3} channels do not divide into ${heads} heads.`);
  const { sizes, axis } = orders[order](heads, d);
  const parts = qkv.reshape([batch, ...sizes, length]);
  const [q, k, v] = [0, 1, 2].map((i) => parts.slice(axis, i, i + 1).reshape([batch, heads, d, length]));
  const weights = q
    .mul(1 / Math.sqrt(d))
    .matmul(k, { transA: true })
    .softmax(); // [B, heads, L, L]
  return v.matmul(weights, { transB: true }).reshape([batch, heads * d, length]);
}

/**
 * An image [B, C, H, W] as one vector [B, features] (Radford et al. 2021): the mean is put before the positions, a
 * trained embedding of each position is added, and the answer is what the mean attends to.
 */
export function attentionPool(s: Scope, x: Expr, features: number, heads: number): Expr {
  const [batch, c, h, w] = x.shape;
  const pixels = x.reshape([batch, c, h * w]);
  const tokens = concat([pixels.mean([2]), pixels], 2).add(
    s.param("positional_embedding", [c, h * w + 1], { type: "normal", std: 1 / Math.sqrt(c) }),
  );
  const project = (name: string, y: Expr, out: number) => {
    const inits = layerInits(defaultInit, c, out);
    const weight = s.at(name).param("weight", [out, c], inits.weight);
    return weight.matmul(y).add(s.at(name).param("bias", [out], inits.bias).reshape([out, 1]));
  };
  const attended = qkvAttention(project("qkv_proj", tokens, 3 * c), heads, "new");
  return project("c_proj", attended.slice(2, 0, 1), features).reshape([batch, features]);
}
