/** What every network is: a function of a scope, input nodes and a config, to an output node. */
import type { Expr } from "../graph/index.ts";
import type { Scope } from "./scope.ts";

export interface NetworkInputs {
  /** Images [B, C, H, W], or points [B, D]. */
  readonly x: Expr;
  /** Noise labels [B]: c_noise of the preconditioning, or timesteps. */
  readonly noise: Expr;
  /** Classes as one-hot rows [B, classes]; a row of zeros means "no class". Left out: not conditional. */
  readonly labels?: Expr;
  /** What augmentation did to each image [B, n]; zeros for none. Left out: not told. */
  readonly augment?: Expr;
  /** The weight of classifier-free guidance that is asked for [B]. Left out: the network knows none. */
  readonly guidance?: Expr;
}

export type Network<Config> = (s: Scope, inputs: NetworkInputs, config: Config) => Expr;
