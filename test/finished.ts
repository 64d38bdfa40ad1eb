/** What long work comes to. */
export async function finished<T, R>(work: AsyncGenerator<T, R, void>): Promise<R> {
  for (;;) {
    const next = await work.next();
    if (next.done) return next.value;
  }
}
