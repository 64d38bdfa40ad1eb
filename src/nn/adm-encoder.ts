/**
 * The descending half of the ADM U-Net with a pooled end (Dhariwal & Nichol 2021): classifiers for guidance and
 * discriminators. The noise label tells it how noisy the image is.
 */
import type { Expr } from "../graph/index.ts";
import { concat } from "../graph/index.ts";
import { admEncoder, admMiddle } from "./adm.ts";
import { type AdmOptions, admEmbedding, admParts } from "./adm-unet.ts";
import { counts, member } from "./admissible.ts";
import { attentionPool } from "./attention.ts";
import { conv, linear, norm } from "./layers.ts";
import type { Network } from "./network.ts";
import type { Scope } from "./scope.ts";

export interface AdmEncoderConfig extends AdmOptions {
  readonly type: "adm-encoder";
  /** Numbers that come out for each image: classes, or 1 logit of a discriminator. Default 1. */
  readonly outChannels?: number;
  /** How an image's features become one vector; default `attention`. */
  readonly pool?: AdmPool;
}

/**
 * `adaptive`: mean of the last features. `attention`: what their mean attends to. `spatial`: means of the features after
 * every block, through a hidden layer of 2048. `spatial-v2`: the same with a norm and silu inside.
 */
export type AdmPool = "adaptive" | "attention" | "spatial" | "spatial-v2";

interface Pooled {
  /** Features after every block, the middle's last. */
  readonly features: readonly Expr[];
  readonly outChannels: number;
  readonly groups: number;
  readonly heads: (channels: number) => number;
}

const hidden = 2048;

const pools: { readonly [T in AdmPool]: (s: Scope, from: Pooled) => Expr } = {
  adaptive: (s, { features, outChannels, groups }) => {
    const mean = norm(s.at("out_norm"), features.at(-1)!, { groups }).silu().mean([2, 3]);
    const init = { type: "kaiming-uniform", gain: 0 } as const;
    return conv(s.at("out_conv"), mean, { outChannels, kernel: 1, init }).reshape([mean.shape[0], outChannels]);
  },
  attention: (s, { features, outChannels, groups, heads }) => {
    const last = features.at(-1)!;
    const normed = norm(s.at("out_norm"), last, { groups }).silu();
    return attentionPool(s.at("out_pool"), normed, outChannels, heads(last.shape[1]));
  },
  spatial: (s, { features, outChannels }) =>
    linear(s.at("out_layer1"), linear(s.at("out_layer0"), means(features), hidden).maximum(0), outChannels),
  "spatial-v2": (s, { features, outChannels, groups }) => {
    const h = linear(s.at("out_layer0"), means(features), hidden);
    return linear(s.at("out_layer1"), norm(s.at("out_norm"), h, { groups }).silu(), outChannels);
  },
};

/** The mean of every channel of every feature map, side by side. */
const means = (features: readonly Expr[]) =>
  concat(
    features.map((h) => h.mean([2, 3]).reshape([h.shape[0], -1])),
    1,
  );

/** Numbers [B, outChannels] for images: logits, unless a training objective says otherwise. */
export const admEncoderNetwork: Network<AdmEncoderConfig> = (s, inputs, config) => {
  const { outChannels = 1, pool = "attention", groups = 32 } = config;
  counts("adm-encoder", { outChannels });
  member("adm-encoder: pool", pool, pools);
  const parts = admParts("adm-encoder", inputs.x, config);
  const embedding = admEmbedding(s, inputs, config);
  const down = admEncoder(s, inputs.x, embedding, parts);
  const features = [...down, admMiddle(s, "enc", down.at(-1)!, embedding, parts)];
  return pools[pool](s, { features, outChannels, groups, heads: parts.heads });
};
