/** Networks that are compiled for the batch sizes that are asked for, each once. */
export interface PerBatch<T> {
  /** The one for batches of a size; compiled when first asked for. */
  of(batch: number): Promise<T>;
  /** All that have been compiled. */
  readonly ready: readonly T[];
  close(): Promise<void>;
}

/** Keeps what `compile` makes of each batch size. */
export function perBatch<T extends { close(): Promise<void> }>(compile: (batch: number) => Promise<T>): PerBatch<T> {
  const compiled = new Map<number, Promise<T>>();
  const ready: T[] = [];
  return {
    ready,
    of(batch) {
      const known = compiled.get(batch);
      if (known) return known;
      const fresh = compile(batch).then((network) => {
        ready.push(network);
        return network;
      });
      compiled.set(batch, fresh);
      return fresh;
    },
    async close() {
      // One that did not compile has said so to who asked for it.
      await Promise.allSettled(compiled.values());
      await Promise.all(ready.map((network) => network.close()));
    },
  };
}
