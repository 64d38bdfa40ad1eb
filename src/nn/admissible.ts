/** Refusing configs and sizes that a network cannot be built from, with what would do instead. */
import { ConfigError, unknownName } from "../errors/index.ts";
import type { Expr } from "../graph/index.ts";

/** Refuses numbers that are not whole or are below `least`. */
export function counts(where: string, values: Readonly<Record<string, number>>, least = 1): void {
  for (const [name, value] of Object.entries(values))
    if (!(Number.isSafeInteger(value) && value >= least))
      throw new ConfigError(`${where}: ${name} must be a whole number, ${least} or more; got ${value}.`);
}

/** Refuses a name that is not a key of `table`. */
export function member(where: string, name: string, table: object): void {
  if (!Object.hasOwn(table, name)) throw unknownName(where, name, Object.keys(table));
}

/** The channels of each level of a U-Net. Multipliers may be fractions if the channels come out whole. */
export function levelChannels(where: string, modelChannels: number, channelMult: readonly number[]): number[] {
  counts(where, { modelChannels });
  if (channelMult.length === 0) throw new ConfigError(`${where}: channelMult is empty (one number for each level).`);
  return channelMult.map((mult, level) => {
    const channels = mult * modelChannels;
    counts(`${where}: channelMult[${level}] = ${mult}`, { "its product with modelChannels": channels });
    return channels;
  });
}

/** Refuses an image that cannot be halved levels − 1 times, naming sizes that can. */
export function halvable(where: string, x: Expr, levels: number): void {
  if (x.shape.length !== 4)
    throw new ConfigError(`${where}: takes images [B, C, H, W]; got [${x.shape}]. Points take the mlp network.`);
  const step = 2 ** (levels - 1);
  const [h, w] = x.shape.slice(2);
  if (h % step === 0 && w % step === 0) return;
  const near = (round: (n: number) => number) => [h, w].map((size) => Math.max(round(size / step), 1) * step).join("×");
  const sizes = [...new Set([near(Math.floor), near(Math.ceil)])].join(" or ");
  throw new ConfigError(
    `${where}: ${levels} levels halve an image ${levels - 1} times: ${h}×${w} (sides must be multiples of ${step}). ` +
      `${sizes} would do, and so would fewer levels in channelMult.`,
  );
}
