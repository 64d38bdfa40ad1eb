/** Medians and quartiles of repeated measurements. */

export interface Spread {
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
  readonly least: number;
  readonly most: number;
  readonly n: number;
}

/** The median between its quartiles, interpolated between neighbours. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => {
    const place = share * (sorted.length - 1);
    const [i, rest] = [Math.floor(place), place % 1];
    return rest === 0 ? sorted[i] : sorted[i] * (1 - rest) + sorted[i + 1] * rest;
  };
  return { median: at(0.5), lower: at(0.25), upper: at(0.75), least: at(0), most: at(1), n: sorted.length };
}
