/** A binary min-heap of the integers 0 … capacity − 1, each inside at most once, with a key that may be lowered. */
export class IndexedHeap {
  size = 0;
  readonly #keys: Float64Array;
  readonly #items: Int32Array;
  /** Where each item sits, −1 outside. */
  readonly #place: Int32Array;

  constructor(capacity: number) {
    this.#keys = new Float64Array(capacity);
    this.#items = new Int32Array(capacity);
    this.#place = new Int32Array(capacity).fill(-1);
  }

  /** The smallest key, Infinity when empty. */
  get least(): number {
    return this.size > 0 ? this.#keys[0] : Number.POSITIVE_INFINITY;
  }

  clear(): void {
    for (let p = 0; p < this.size; p++) this.#place[this.#items[p]] = -1;
    this.size = 0;
  }

  /** Puts an item in, or lowers the key it has. */
  put(item: number, key: number): void {
    const keys = this.#keys;
    const items = this.#items;
    const place = this.#place;
    let p = place[item] < 0 ? this.size++ : place[item];
    while (p > 0) {
      const parent = (p - 1) >> 1;
      if (keys[parent] <= key) break;
      keys[p] = keys[parent];
      items[p] = items[parent];
      place[items[p]] = p;
      p = parent;
    }
    keys[p] = key;
    items[p] = item;
    place[item] = p;
  }

  /** Takes out the item with the smallest key; the heap must not be empty. */
  pop(): number {
    const keys = this.#keys;
    const items = this.#items;
    const place = this.#place;
    const top = items[0];
    place[top] = -1;
    const size = --this.size;
    if (size === 0) return top;
    const key = keys[size];
    const item = items[size];
    let p = 0;
    for (let child = 1; child < size; child = 2 * p + 1) {
      if (child + 1 < size && keys[child + 1] < keys[child]) child++;
      if (keys[child] >= key) break;
      keys[p] = keys[child];
      items[p] = items[child];
      place[items[p]] = p;
      p = child;
    }
    keys[p] = key;
    items[p] = item;
    place[item] = p;
    return top;
  }
}
