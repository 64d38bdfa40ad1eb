/** The most memory of a training process: what its graphs hold is counted; how that becomes memory of a process was measured. */
import { type Cost, type Expr, type IsView, peakBytes } from "../graph/index.ts";

/** The most bytes of a training process beside its data, by what takes them. */
export interface Memory {
  /** Node, ONNX Runtime, this library, and its compiled graphs. */
  readonly programBytes: number;
  /** Parameters, average, and what the optimiser keeps. */
  readonly stateBytes: number;
  /** Values of one pass through the network and back. */
  readonly passBytes: number;
  /** A sheet of samples, which is drawn beside it with the network compiled a second time. */
  readonly sheetBytes: number;
}

/** A graph that is compiled, and stays so. */
export interface Held {
  readonly outputs: readonly Expr[];
  readonly cost: Cost;
}

const mebibyte = 2 ** 20;

/**
 * Fitted to the peaks of whole processes on Linux with Node 20 and ONNX Runtime 1.30; docs/training.md has them.
 * Operations take memory by their descriptions. Parameters are copied as graphs are built, sent over, and laid out for the
 * processor.
 */
const fitted = {
  process: 142 * mebibyte,
  perOperation: 46 * 1024,
  perParameter: 37,
  perPassByte: 1.55,
  perSheetByte: 0.75,
} as const;

/**
 * Values for which the processor's engine makes no memory of their own, mostly: normalised images are taken on piece by
 * piece, and parameters lie in their vector.
 */
const isSeldomMade: IsView = ({ op, inputs: [x] }) =>
  op === "reshape" ||
  op === "after" ||
  op === "groupNormalize" ||
  op === "rowAffine" ||
  (op === "slice" && x.op === "input" && x.shape.length === 1);

/** What a process holds besides the graphs of its training. */
export interface Beside {
  readonly parameters: number;
  readonly stateBytes: number;
  /** The network for one sample, one way. */
  readonly sample: Cost;
  /** Samples in one call of each network that only answers: the one that draws sheets, and a teacher. */
  readonly answers: readonly number[];
}

/** The most memory of a process that trains by these graphs. */
export function memoryOf(graphs: readonly Held[], { parameters, stateBytes, sample, answers }: Beside): Memory {
  const networks = answers.filter((count) => count > 0);
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  const operations = total(graphs.map(({ cost }) => cost.nodes)) + networks.length * sample.nodes;
  const held = total(graphs.map(({ outputs }) => peakBytes(outputs, isSeldomMade)));
  return {
    programBytes: fitted.process + fitted.perOperation * operations + fitted.perParameter * parameters,
    stateBytes,
    passBytes: fitted.perPassByte * held,
    sheetBytes: total(networks) * fitted.perSheetByte * sample.peakBytes,
  };
}

/** All of it, with the data's bytes. */
export const wholeBytes = ({ programBytes, stateBytes, passBytes, sheetBytes }: Memory, dataBytes: number): number =>
  programBytes + stateBytes + passBytes + sheetBytes + dataBytes;
