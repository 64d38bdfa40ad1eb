/** Where one array of a state lives: its present value, and the one before, which can be brought back. */
import type { Tensor } from "#ort";
import { type Shape, sizeOf } from "../graph/index.ts";
import { hostTensor } from "./program.ts";

/** An array of a state, 0 at first. */
export interface Slot {
  readonly shape: Shape;
  /** The value, for a program to read. */
  present(): Promise<Tensor>;
  /** Gives up the value before the present one, and with it {@link back}; the memory for the next value, if a program can be told. */
  room(): Tensor | undefined;
  /** The next value, which is in what {@link room} gave if that gave something. */
  advance(next: Tensor): void;
  /** Takes the last {@link advance} back. Only once, and not if something else came after it. */
  back(): void;
  /** The value in the processor's memory. To be treated as read-only, and used before it changes. */
  read(): Promise<Float32Array>;
  load(values: ArrayLike<number>): void;
  /** Makes it 0. */
  clear(): void;
  /** Frees what it holds on a device. */
  close(): void;
}

const notKept = () => new Error("internal: the state before is not kept: undo comes once, right after a step.");

/** Two buffers in the processor's memory: one is read while the other is written, and then they change places. */
export function takingTurns(shape: Shape): Slot {
  const buffer = () => {
    const data = new Float32Array(sizeOf(shape));
    return { data, tensor: hostTensor(data, shape) };
  };
  let [present, other] = [buffer(), buffer()];
  let kept = false;
  const swap = (keep: boolean) => {
    [present, other] = [other, present];
    kept = keep;
  };
  return {
    shape,
    present: async () => present.tensor,
    room() {
      kept = false;
      return other.tensor;
    },
    advance: () => swap(true),
    back() {
      if (!kept) throw notKept();
      swap(false);
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
  const forget = () => {
    before?.dispose();
    before = undefined;
    kept = false;
  };
  const replace = (value: Tensor | undefined) => {
    forget();
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
    room() {
      forget();
      return undefined;
    },
    advance(next) {
      forget();
      [before, present] = [present, next];
      kept = true;
    },
    back() {
      if (!kept) throw notKept();
      present?.dispose();
      [present, before] = [before, undefined];
      kept = false;
    },
    async read() {
      if (!present) return zeros();
      return transfer && present.location !== "cpu" ? transfer.down(present) : (present.data as Float32Array);
    },
    load: (values) => replace(hostTensor(Float32Array.from(values), shape)),
    clear: () => replace(undefined),
    close: () => replace(undefined),
  };
}
