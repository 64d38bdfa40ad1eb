/** As much of `node:assert/strict` as checks that also run in browsers use. */

const shown = (value: unknown) =>
  JSON.stringify(value, (_, v) => (ArrayBuffer.isView(v) ? [v.constructor.name, ...(v as Float32Array)] : v));

function demand(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

const matches = (error: unknown, pattern: RegExp) =>
  demand(error instanceof Error && pattern.test(error.message), `${error} does not match ${pattern}`);

export default {
  ok: (value: unknown, message = "is not so") => demand(Boolean(value), message),
  equal: (a: unknown, b: unknown, message = `${a} is not ${b}`) => demand(Object.is(a, b), message),
  deepEqual: (a: unknown, b: unknown) => demand(shown(a) === shown(b), `${shown(a)} is not ${shown(b)}`),
  notDeepEqual: (a: unknown, b: unknown) => demand(shown(a) !== shown(b), `${shown(a)} is the same`),
  throws(action: () => unknown, pattern: RegExp) {
    try {
      action();
    } catch (error) {
      return matches(error, pattern);
    }
    throw new Error("nothing was thrown");
  },
  async rejects(work: Promise<unknown>, pattern: RegExp) {
    await work.then(
      () => demand(false, "nothing was thrown"),
      (error) => matches(error, pattern),
    );
  },
};
