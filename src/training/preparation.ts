/** Micro-batches with everything that is drawn for them, some begun before they are wanted. */
import type { Batch, Preparation, PreparationTask } from "../data/index.ts";

/** Does what {@link prepare} does, somewhere else; may take the task's memory for itself. */
export type Preparer = (task: PreparationTask) => Promise<Preparation>;

/** A micro-batch with everything that is drawn for it. */
export interface PreparedBatch {
  readonly batch: Batch;
  readonly noise: Float32Array;
}

/** Micro-batches by position, some of them begun before they are wanted. */
export class PreparedBatches {
  readonly #make: (position: number) => Promise<PreparedBatch>;
  readonly #begun = new Map<number, Promise<PreparedBatch>>();

  constructor(make: (position: number) => Promise<PreparedBatch>) {
    this.#make = make;
  }

  take(position: number): Promise<PreparedBatch> {
    const batch = this.#begun.get(position) ?? this.#make(position);
    this.#begun.delete(position);
    return batch;
  }

  /** Begins these, and forgets all others. */
  begin(positions: readonly number[]): void {
    for (const position of this.#begun.keys()) if (!positions.includes(position)) this.#begun.delete(position);
    for (const position of positions) {
      if (this.#begun.has(position)) continue;
      const batch = this.#make(position);
      // Whoever takes it hears of a failure; nobody may ever.
      batch.catch(() => {});
      this.#begun.set(position, batch);
    }
  }

  /** Waits for what has been begun. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#begun.values());
  }
}
