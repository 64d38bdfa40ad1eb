/** Sums up a trace of ONNX Runtime. */
import type { Profile } from "./protocol.ts";

/** What is read of an event; `dur` is in microseconds. */
export interface TraceEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  /** When it began, in microseconds. */
  readonly ts: number;
  readonly args?: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
    readonly output_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
  };
}

/** Nodes with graphs of their own, whose nodes are in the trace too. */
const compound = ["If", "Scan"];

/** Each node with the fastest of its runs; one that runs within another is part of that. */
export function profileOf(trace: readonly TraceEvent[]): Profile {
  const runs = trace.filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"));
  const nodes = new Map<string, TraceEvent>();
  let end = Number.NEGATIVE_INFINITY;
  // Of those that begin at the same time the one that takes longest comes first.
  for (const event of [...runs].sort((a, b) => a.ts - b.ts || b.dur - a.dur)) {
    if (event.ts < end) continue;
    if (compound.includes(event.args?.op_name ?? "")) end = event.ts + event.dur;
    const known = nodes.get(event.name);
    if (!known || event.dur < known.dur) nodes.set(event.name, event);
  }
  const ops = new Map<string, { op: string; nodes: number; seconds: number }>();
  let [seconds, convSeconds, convFlops] = [0, 0, 0];
  for (const { dur, args } of nodes.values()) {
    const op = args?.op_name ?? "?";
    const sum = ops.get(op) ?? { op, nodes: 0, seconds: 0 };
    ops.set(op, { op, nodes: sum.nodes + 1, seconds: sum.seconds + dur / 1e6 });
    seconds += dur / 1e6;
    if (op !== "Conv") continue;
    const [, filter] = shapes(args?.input_type_shape);
    const [output] = shapes(args?.output_type_shape);
    convSeconds += dur / 1e6;
    convFlops += 2 * product(output) * product(filter.slice(1));
  }
  return { seconds, convSeconds, convFlops, ops: [...ops.values()].sort((a, b) => b.seconds - a.seconds) };
}

/** The shapes of [{ float: shape }, …]. */
const shapes = (values: readonly Readonly<Record<string, readonly number[]>>[] = []) =>
  values.map((value) => Object.values(value)[0] ?? []);

const product = (sizes: readonly number[]) => sizes.reduce((n, size) => n * size, 1);
