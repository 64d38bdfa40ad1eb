/** What the bench asks of an engine in its own process: one JSON request a line, one JSON answer a line. */
import type { MemorySpec } from "../src/training/index.ts";
import type { BenchConfig } from "./networks.ts";

/** A file that each process is started with. */
export interface Job {
  readonly network: { readonly name: string; readonly config: BenchConfig };
  /** Path and shape of each parameter, in the order of their values in the file `weights`. */
  readonly parameters: readonly (readonly [path: string, shape: readonly number[]])[];
  /** A file of float32 values. */
  readonly weights: string;
  /** File and shape, batch included, of each input and of "target". */
  readonly inputs: Readonly<Record<string, readonly [file: string, shape: readonly number[]]>>;
  readonly lr: number;
  readonly threads: number;
  /** How much the library keeps for gradients. */
  readonly memory: MemorySpec;
  /** Layout of images in memory, for engines that let it be chosen. */
  readonly layout?: Layout;
}

export type Layout = "nchw" | "channels_last";

/** Requests by name, with what they carry and what they are answered with. An engine may answer `refused` to any. */
export interface Requests {
  /** The engine and its version. */
  versions: { request: object; answer: { readonly name: string } };
  /** Updates: loss, gradient and Adam. The first one may compile. */
  step: {
    request: { readonly count: number };
    answer: { readonly seconds: number; readonly losses: readonly number[] };
  };
  /** Passes through the network with constant weights; `mean` is that of the squared output, for comparison. */
  forward: { request: { readonly count: number }; answer: { readonly seconds: number; readonly mean: number } };
  /** Most memory that the process has held so far. */
  memory: { request: object; answer: { readonly bytes: number } };
  /** From graph to program, without running it. */
  compile: { request: object; answer: { readonly seconds: number } };
  /** Square matrix products; the rate of the fastest. */
  matmul: { request: { readonly size: number }; answer: { readonly flopsPerSecond: number } };
  /** A few updates with a trace of every op. */
  profile: { request: { readonly count: number }; answer: Profile };
}

/** Where the time of an update goes; each node counts with its fastest run, which other work on the machine disturbs least. */
export interface Profile {
  /** Sum over all nodes. */
  readonly seconds: number;
  /** Of convolution kernels alone, gradients among them. */
  readonly convSeconds: number;
  readonly convFlops: number;
  /** By op, longest first. */
  readonly ops: readonly { readonly op: string; readonly nodes: number; readonly seconds: number }[];
}
