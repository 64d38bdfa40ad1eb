/**
 * Streams of random numbers keyed by (seed, purpose, index). A stream has no hidden state but its position, and
 * nothing is shared between streams, so sample 17 of seed 3 is the same at any batch size, on any worker, after resume.
 */
import { ConfigError } from "../errors/index.ts";
import { philox } from "./philox.ts";
import { density, heights, inside, ln, tail, widths } from "./ziggurat.ts";

/** One sequence of random numbers. Every method draws the next ones; a `fill` draws what single calls would. */
export interface Stream {
  /**
   * How many 64-bit draws have been taken. Assigning it moves the stream there, so a checkpoint needs no more than
   * this number. A uniform takes one draw; an integer or a normal takes one, and rarely more.
   */
  position: number;
  /** A number in [0, 1), a multiple of 2⁻⁵³. */
  uniform(): number;
  /** An integer in 0 … n − 1, each exactly as likely; `n` from 1 to 2⁵³ − 1. */
  integer(n: number): number;
  /** A number from N(0, 1), with 53 random bits. */
  normal(): number;
  /** Fills with numbers in [0, 1); into a Float32Array they are truncated to 24 bits, because rounding could give 1. */
  fillUniform<T extends Float32Array | Float64Array>(out: T): T;
  /** Fills with numbers from N(0, 1). */
  fillNormal<T extends Float32Array | Float64Array>(out: T): T;
  /** The numbers 0 … n − 1 in random order. */
  permutation(n: number): Uint32Array;
  /** Puts the elements into random order, in place, and returns the same array. */
  shuffle<T extends Shuffled>(items: T): T;
}

/** What can be shuffled: an array or a typed array. */
export type Shuffled = { [index: number]: unknown; readonly length: number };

/**
 * The stream of `seed`, a whole number from 0 to 2⁵³ − 1, for one `purpose` and one `index` of the same range
 * (0 by default): the index of the sample, the epoch or the step the numbers are for. Streams of different indices
 * never share a block of the generator; those of different seeds or purposes have different 64-bit keys, but for a
 * chance of 2⁻⁶⁴ for each pair.
 */
export function stream(seed: number, purpose: string, index = 0): Stream {
  whole("stream: seed", seed);
  whole("stream: index", index);
  const [key0, key1] = keyOf(seed, purpose);
  return new Philox(key0, key1, index);
}

/** `length` normal numbers from the start of a stream. */
export function normals(seed: number, purpose: string, index: number, length: number): Float64Array {
  return stream(seed, purpose, index).fillNormal(new Float64Array(length));
}

/** `count` normal numbers from the start of each of the `size` streams from `index` on, flat. */
export function normalRows(
  seed: number,
  purpose: string,
  index: number,
  size: number,
  count: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(size * count);
  for (let i = 0; i < size; i++) stream(seed, purpose, index + i).fillNormal(out.subarray(i * count, (i + 1) * count));
  return out;
}

class Philox implements Stream {
  readonly #key0: number;
  readonly #key1: number;
  readonly #index0: number;
  readonly #index1: number;
  /** The words of the current block, and its number. A block is two draws. */
  readonly #words = new Uint32Array(4);
  #block = -1;
  #position = 0;
  /** The latest draw: 64 bits. */
  #high = 0;
  #low = 0;

  constructor(key0: number, key1: number, index: number) {
    this.#key0 = key0;
    this.#key1 = key1;
    this.#index0 = index | 0;
    this.#index1 = Math.floor(index / 2 ** 32);
  }

  get position(): number {
    return this.#position;
  }

  set position(position: number) {
    whole("stream: position", position);
    this.#position = position;
  }

  #draw(): void {
    const block = Math.floor(this.#position / 2);
    const words = this.#words;
    if (block !== this.#block) {
      philox(words, block | 0, Math.floor(block / 2 ** 32), this.#index0, this.#index1, this.#key0, this.#key1);
      this.#block = block;
    }
    const half = this.#position % 2;
    this.#high = words[2 * half];
    this.#low = words[2 * half + 1];
    this.#position++;
  }

  uniform(): number {
    this.#draw();
    return this.#fraction();
  }

  /** The upper 21 bits of one word and all of the other, as a multiple of 2⁻⁵³ in [0, 1). */
  #fraction(): number {
    return (this.#high >>> 11) * 2 ** -21 + this.#low * 2 ** -53;
  }

  integer(n: number): number {
    if (!(Number.isSafeInteger(n) && n >= 1))
      throw new RangeError(`integer: n must be a whole number from 1 to 2^53 − 1; got ${n}.`);
    // 2⁵³ equally likely numbers go into n bins of equal size; the few left over are drawn again.
    const bin = Math.floor(2 ** 53 / n);
    for (;;) {
      const result = Math.floor((this.uniform() * 2 ** 53) / bin);
      if (result < n) return result;
    }
  }

  normal(): number {
    for (;;) {
      this.#draw();
      // The fraction is made of other bits than the layer and the sign.
      const slot = this.#high & 511;
      const u = this.#fraction();
      const x = u * widths[slot];
      if (u < inside[slot]) return x;

      const layer = slot & 255;
      if (layer === 0) return slot === 0 ? this.#beyond() : -this.#beyond();
      const y = heights[layer] + this.uniform() * (heights[layer + 1] - heights[layer]);
      if (y < density(x)) return x;
    }
  }

  /** A normal number given that it exceeds `tail` (Marsaglia 1964). */
  #beyond(): number {
    for (;;) {
      const x = -ln(1 - this.uniform()) / tail;
      const y = -ln(1 - this.uniform());
      if (2 * y > x * x) return tail + x;
    }
  }

  fillUniform<T extends Float32Array | Float64Array>(out: T): T {
    const bits = out instanceof Float32Array ? 2 ** 24 : 2 ** 53;
    for (let i = 0; i < out.length; i++) out[i] = Math.floor(this.uniform() * bits) / bits;
    return out;
  }

  fillNormal<T extends Float32Array | Float64Array>(out: T): T {
    for (let i = 0; i < out.length; i++) out[i] = this.normal();
    return out;
  }

  permutation(n: number): Uint32Array {
    const order = new Uint32Array(n);
    for (let i = 0; i < n; i++) order[i] = i;
    return this.shuffle(order);
  }

  shuffle<T extends Shuffled>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const item = items[i];
      items[i] = items[j];
      items[j] = item;
    }
    return items;
  }
}

/**
 * The generator's key for (seed, purpose): Philox in cipher-block chaining over the text's UTF-16 units, eight at a
 * time, started from its length and keyed by the seed.
 */
function keyOf(seed: number, purpose: string): readonly [number, number] {
  if (latest.seed === seed && latest.purposes.has(purpose)) return latest.purposes.get(purpose)!;
  if (latest.seed !== seed || latest.purposes.size >= 1000) latest = { seed, purposes: new Map() };
  const key = computeKey(seed, purpose);
  latest.purposes.set(purpose, key);
  return key;
}

/** Keys of the seed in use: training asks for the same few again and again, once for every sample. */
let latest = { seed: -1, purposes: new Map<string, readonly [number, number]>() };

function computeKey(seed: number, purpose: string): readonly [number, number] {
  const state = new Uint32Array([purpose.length, 0, 0, 0]);
  const [seed0, seed1] = [seed | 0, Math.floor(seed / 2 ** 32)];
  let at = 0;
  do {
    for (let word = 0; word < 4; word++, at += 2)
      state[word] ^= (purpose.charCodeAt(at) & 0xffff) | (purpose.charCodeAt(at + 1) << 16);
    philox(state, state[0], state[1], state[2], state[3], seed0, seed1);
  } while (at < purpose.length);
  return [state[0], state[1]];
}

function whole(where: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0))
    throw new ConfigError(`${where}: must be a whole number from 0 to 2^53 − 1; got ${value}.`);
}
