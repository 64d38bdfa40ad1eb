/** The schema of a network's config, for every network. */
import { z } from "zod";
import type { NetworkConfig } from "../nn/index.ts";
import { count, member, optional, positive, share, whole } from "./fields.ts";

const embedding = z.discriminatedUnion("type", [
  member("positional", optional({ maxPositions: positive })),
  member("fourier", optional({ scale: positive, seed: whole, frequencies: z.array(z.number()) })),
  member("zero", {}),
]);

const counts = z.array(count).min(1);
const auxiliary = z.enum(["standard", "skip", "residual"]);
const common = optional({ outChannels: count, dropout: share });

/** Of Karras' U-Nets. */
const edm = {
  modelChannels: count,
  channelMult: counts,
  channelMultEmb: count,
  numBlocks: count,
  attentionResolutions: z.array(count),
};

const adm = {
  modelChannels: count,
  channelMult: z.array(positive).min(1),
  numResBlocks: count,
  attentionDownsampleFactors: z.array(count),
  channelsPerHead: count,
  heads: count,
  resblockUpdown: z.boolean(),
  convResample: z.boolean(),
  scaleShiftNorm: z.boolean(),
  newAttentionOrder: z.boolean(),
  groups: count,
};

export const networkSchema = z.discriminatedUnion("type", [
  member("song-unet", {
    ...common,
    ...optional({
      ...edm,
      embedding,
      channelMultNoise: count,
      encoder: auxiliary,
      decoder: auxiliary,
      resampleFilter: z.array(positive),
    }),
  }),
  member("dhariwal-unet", {
    ...common,
    ...optional({ ...edm, channelsPerHead: count }),
  }),
  member("adm-unet", {
    ...common,
    ...optional(adm),
  }),
  /** For classifiers. */
  member("adm-encoder", {
    ...common,
    ...optional({ ...adm, pool: z.enum(["adaptive", "attention", "spatial", "spatial-v2"]) }),
  }),
  member("mlp", {
    ...common,
    ...optional({
      width: count,
      layers: count,
      residual: z.boolean(),
      embedding,
      features: z.strictObject({ count, ...optional({ scale: positive, seed: whole }) }),
    }),
  }),
]) satisfies z.ZodType<NetworkConfig>;
