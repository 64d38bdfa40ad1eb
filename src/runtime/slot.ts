/** Where one array of a state lives: its present value, and for a while the one before, which can be brought back. */
import type { Tensor } from "#ort";
import { type Shape, sizeOf } from "../graph/index.ts";
import { hostTensor } from "./program.ts";

/** An array of a state, 0 at first. */
export interface Slot {
  readonly shape: Shape;
  /** The value, for a program to read. */
  present(): Promise<Tensor>;
  /**
   * The memory for the next value, if a program can be told; `read` is whether that program reads the present one. Gives up
   * the value before the present one.
   */
  room(read: boolean): Tensor | undefined;
  /** The next value, which is in what {@link room} gave if that gave something. */
  advance(next: Tensor): void;
  /** Takes the last {@link advance} back. Only once, and not if something else came after it, or if nobody read the value before. */
  back(): void;
  /** Frees the value before the present one on a device; {@link back} is then over. */
  settle(): void;
  /** The value's own memory, to be changed in place; undefined where values are replaced. */
  memory(): Float32Array | undefined;
  /** The value in the processor's memory. To be treated as read-only, and used before it changes. */
  read(): Promise<Float32Array>;
  load(values: ArrayLike<number>): void;
  /** Makes it 0. */
  clear(): void;
  /** Frees what it holds on a device. */
  close(): void;
}

const notKept = () => new Error("internal: the state before is not kept: undo comes once, right after a step.");

/** Buffers in the processor's memory: one is read while another is written, and then they change places. */
export function takingTurns(shape: Shape): Slot {
  const buffer = () => {
    const data = new Float32Array(sizeOf(shape));
    return { data, tensor: hostTensor(data, shape) };
  };
  let present = buffer();
  let other: typeof present | undefined;
  let written = present;
  let kept = false;
  return {
    shape,
    present: async () => present.tensor,
    room(read) {
      kept = false;
      written = read ? (other ??= buffer()) : present;
      return written.tensor;
    },
    advance() {
      kept = written !== present;
      if (kept) [present, other] = [written, present];
    },
    back() {
      if (!kept || !other) throw notKept();
      [present, other] = [other, present];
      kept = false;
    },
    settle() {
      kept = false;
    },
    memory() {
      kept = false;
      return present.data;
    },
    read: async () => present.data,
    load(values) {
      present.data.set(values);
      kept = false;
    },
    clear() {
      present.data.fill(0);
      kept = false;
    },
    close() {},
  };
}

/** Brings values to a device and back. */
export interface Transfer {
  up(value: Tensor): Promise<Tensor>;
  down(value: Tensor): Promise<Float32Array>;
  /** A tensor of zeros, which is the transfer's to free. */
  zeros(shape: Shape): Promise<Tensor>;
}

/** A tensor that every change replaces by a new one. It lives where programs leave it; with a `transfer`, on a device. */
export function replacing(shape: Shape, transfer?: Transfer): Slot {
  // Nothing stands for zeros.
  let present: Tensor | undefined;
  let before: Tensor | undefined;
  let kept = false;
  const settle = () => {
    before?.dispose();
    before = undefined;
    kept = false;
  };
  const replace = (value: Tensor | undefined) => {
    settle();
    present?.dispose();
    present = value;
  };
  const zeros = () => new Float32Array(sizeOf(shape));
  return {
    shape,
    async present() {
      if (!transfer) return (present ??= hostTensor(zeros(), shape));
      if (!present) return transfer.zeros(shape);
      if (present.location === "cpu") present = await transfer.up(present);
      return present;
    },
    room(read) {
      if (read) settle();
      else replace(undefined);
      return undefined;
    },
    advance(next) {
      settle();
      [before, present] = [present, next];
      kept = true;
    },
    back() {
      if (!kept) throw notKept();
      present?.dispose();
      [present, before] = [before, undefined];
      kept = false;
    },
    settle,
    memory: () => undefined,
    async read() {
      if (!present) return zeros();
      return transfer && present.location !== "cpu" ? transfer.down(present) : (present.data as Float32Array);
    },
    load: (values) => replace(hostTensor(Float32Array.from(values), shape)),
    clear: () => replace(undefined),
    close: () => replace(undefined),
  };
}
