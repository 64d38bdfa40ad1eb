/** Damage for files: what a parser meets sooner or later. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError } from "../../../src/errors/index.ts";

/** Copies of `original` with a few bytes changed, and some cut short, lengthened or with a piece moved. */
export function mutants(original: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat(Math.max(0, original.length - 1));
  const value = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255));
  return fc
    .record({
      changes: fc.array(fc.tuple(at, value), { maxLength: 8 }),
      cut: fc.option(at, { freq: 4 }),
      more: fc.option(fc.uint8Array({ maxLength: 40 }), { freq: 4 }),
      moved: fc.option(fc.tuple(at, at, fc.nat(64)), { freq: 4 }),
    })
    .map(({ changes, cut, more, moved }) => {
      const bytes = Uint8Array.from(original);
      for (const [place, byte] of changes) bytes[place] = byte;
      if (moved) bytes.copyWithin(moved[0], moved[1], moved[1] + moved[2]);
      const kept = cut === null ? bytes : bytes.subarray(0, cut);
      return more ? Uint8Array.from([...kept, ...more]) : Uint8Array.from(kept);
    });
}

/** How many damaged files are tried: so many, or as many as the slow tests ask for. */
export const mutantCount = (usual: number): number => Math.max(usual, Number(process.env["ORNSTEIN_MUTANTS"] ?? 0));

/** Whatever `read` makes of damaged bytes, it returns or throws a ConfigError of one line. */
export async function survives(
  original: Uint8Array,
  read: (bytes: Uint8Array) => unknown,
  { runs: usual = 300 }: { readonly runs?: number } = {},
): Promise<void> {
  const runs = mutantCount(usual);
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(mutants(original), async (bytes) => {
      try {
        await read(bytes);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        assert.ok(!error.message.includes("\n"), error.message);
        refused++;
      }
    }),
    { numRuns: runs },
  );
  assert.ok(refused > runs / 20, `only ${refused} of ${runs} damaged files were refused`);
}
