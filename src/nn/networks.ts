/** All networks by name, and the building of one from its config. */
import { type Expr, input } from "../graph/index.ts";
import { type AdmEncoderConfig, admEncoderNetwork } from "./adm-encoder.ts";
import { type AdmUNetConfig, admUNet } from "./adm-unet.ts";
import { counts, member } from "./admissible.ts";
import { type DhariwalUNetConfig, dhariwalUNet } from "./dhariwal-unet.ts";
import { type MlpConfig, mlp } from "./mlp.ts";
import type { Network, NetworkInputs } from "./network.ts";
import { createScope, type Scope, type ScopeOptions } from "./scope.ts";
import { type SongUNetConfig, songUNet } from "./song-unet.ts";

/** A network by name and constants: what a recipe holds. */
export type NetworkConfig = SongUNetConfig | DhariwalUNetConfig | AdmUNetConfig | AdmEncoderConfig | MlpConfig;

type Config<T> = Extract<NetworkConfig, { type: T }>;

/** The network of every name. */
export const networks: { readonly [T in NetworkConfig["type"]]: Network<Config<T>> } = {
  "song-unet": songUNet,
  "dhariwal-unet": dhariwalUNet,
  "adm-unet": admUNet,
  "adm-encoder": admEncoderNetwork,
  mlp,
};

/** The names of all networks. */
export const networkNames = Object.keys(networks) as readonly NetworkConfig["type"][];

/** The network that the config names. Throws ConfigError where the config, or the size of x with it, makes no network. */
export const network: Network<NetworkConfig> = (s, inputs, config) => {
  member("network", config.type, networks);
  return build(config.type, s, inputs, config);
};

function build<T extends NetworkConfig["type"]>(type: T, s: Scope, inputs: NetworkInputs, config: Config<T>): Expr {
  return networks[type](s, inputs, config);
}

/** What the sides of its images must be multiples of: a U-Net halves them once less than it has levels. */
export function sideStep(config: NetworkConfig): number {
  const { type, channelMult } = { channelMult: undefined, ...config };
  if (type === "mlp") return 1;
  const levels = channelMult?.length ?? (type === "song-unet" ? 3 : 4);
  return 2 ** Math.max(0, levels - 1);
}

export interface BuildOptions extends ScopeOptions {
  /** Examples in one run. */
  readonly batch: number;
  /** Of one example: [C, H, W], or [D] for points. */
  readonly shape: readonly number[];
  /** Number of classes; default 0, not conditional. */
  readonly classes?: number;
  /** Numbers that tell what augmentation did; default 0, not told. */
  readonly augmentDim?: number;
  /** The network is told the weight of guidance; default false. */
  readonly guided?: boolean;
}

/** A network as a graph with named inputs. */
export interface BuiltNetwork {
  /** Holds the parameters, and the noise inputs of dropout. */
  readonly scope: Scope;
  /** Named "x", "noise", "labels", "augment" and "guidance". */
  readonly inputs: NetworkInputs;
  readonly output: Expr;
}

/** Builds the graph of a network for examples of one shape. */
export function buildNetwork(config: NetworkConfig, options: BuildOptions): BuiltNetwork {
  const { batch, shape, classes = 0, augmentDim = 0, guided = false, ...scopeOptions } = options;
  counts("network", { batch });
  counts("network", { classes, augmentDim }, 0);
  const scope = createScope(scopeOptions);
  const inputs: NetworkInputs = {
    x: input("x", [batch, ...shape]),
    noise: input("noise", [batch]),
    ...(classes > 0 && { labels: input("labels", [batch, classes]) }),
    ...(augmentDim > 0 && { augment: input("augment", [batch, augmentDim]) }),
    ...(guided && { guidance: input("guidance", [batch]) }),
  };
  return { scope, inputs, output: network(scope, inputs, config) };
}
