/** Networks as functions from a scope and graph nodes to a graph node; their parameters as one flat vector. */
export type { AdmEncoderConfig, AdmPool } from "./adm-encoder.ts";
export type { AdmOptions, AdmUNetConfig } from "./adm-unet.ts";
export { attentionPool, type QkvOrder, qkvAttention, qkvOrders } from "./attention.ts";
export { type AttentionOptions, type BlockInit, type BlockOptions, residualBlock } from "./block.ts";
export type { DhariwalUNetConfig } from "./dhariwal-unet.ts";
export {
  embeddingNames,
  embedNoise,
  fourierEmbedding,
  type NoiseEmbedding,
  positionalEmbedding,
} from "./embeddings.ts";
export { bake, flatGradient, flatten, initialize, layout, type Place, parameterCount } from "./flat.ts";
export { defaultInit, type FanInit, type Init, initScale, type LayerInit } from "./init.ts";
export {
  type ConvOptions,
  conv,
  groupsOf,
  type LayerOptions,
  linear,
  type NormOptions,
  norm,
  type Resample,
  resampled,
} from "./layers.ts";
export type { MlpConfig } from "./mlp.ts";
export type { Network, NetworkInputs } from "./network.ts";
export {
  type BuildOptions,
  type BuiltNetwork,
  buildNetwork,
  type NetworkConfig,
  network,
  networkNames,
  networks,
  sideStep,
} from "./networks.ts";
export { createScope, type NoiseInput, type Parameter, type Scope, type ScopeOptions } from "./scope.ts";
export { type AuxDecoder, type AuxEncoder, ddpmpp, ncsnpp, type SongUNetConfig } from "./song-unet.ts";
