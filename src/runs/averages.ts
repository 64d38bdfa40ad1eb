/** Averages of a length chosen after training, put together from those that the run stored on the way. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "../disk/index.ts";
import { ConfigError } from "../errors/index.ts";
import {
  averageName,
  decodeSafetensors,
  encodeSafetensors,
  type NamedArray,
  postHocEma,
  type Safetensors,
} from "../training/index.ts";
import { explained, writeAtomic } from "./atomic.ts";
import type { RunFolder } from "./run-folder.ts";

const format = "ornstein averages 1";
const fileName = /^averages-(\d{12})\.safetensors$/;
const folderOf = ({ path }: RunFolder) => join(path, "averages");

/** Images seen at each stored snapshot, ascending. */
export function storedAverages(folder: RunFolder): number[] {
  const path = folderOf(folder);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .flatMap((name) => fileName.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

const pathOf = (folder: RunFolder, images: number) =>
  join(folderOf(folder), `averages-${String(images).padStart(12, "0")}.safetensors`);

/** Stores the averages of a moment. */
export function saveAverages(
  folder: RunFolder,
  tensors: Readonly<Record<string, NamedArray>>,
  { images, step }: { readonly images: number; readonly step: number },
): void {
  const path = folderOf(folder);
  explained(path, () => makeFolder(path));
  const metadata = { format, images: String(images), step: String(step) };
  writeAtomic(pathOf(folder, images), encodeSafetensors({ tensors: { ...tensors }, metadata }));
}

/** Forgets what was stored after so many images, before training goes on from there. */
export function rewindAverages(folder: RunFolder, images: number): void {
  for (const later of storedAverages(folder).filter((at) => at > images))
    rmSync(pathOf(folder, later), { force: true });
}

/**
 * The parameters as averaged with a power-function profile of relative length `std`, at the end of what was stored or after
 * `images`: the combination of all snapshots up to there that comes closest (EDM2, §3.2).
 */
export function averageOfLength(
  folder: RunFolder,
  std: number,
  images?: number,
): { readonly params: Float32Array; readonly images: number; readonly step: number } {
  if (!(std > 0 && std <= 0.28)) throw new ConfigError(`--ema: a length must be above 0 and at most 0.28; got ${std}.`);
  const all = storedAverages(folder);
  const times = images === undefined ? all : all.filter((at) => at <= images);
  const last = times.at(-1);
  if (last === undefined)
    throw new ConfigError(
      `${folder.path}: has no averages to put one together from${all.length > 0 ? `; the first is of ${all[0]} images` : ""}. Train with --set 'training.averages={"stds":[0.05,0.1],"snapshots":16}'.`,
    );
  const read = (at: number): Safetensors => {
    const path = pathOf(folder, at);
    const file = decodeSafetensors(new Uint8Array(readFileSync(path)), path);
    if (file.metadata["format"] !== format) throw new ConfigError(`${path}: holds no averages of a run.`);
    return file;
  };
  const final = read(last);
  const stds = Object.keys(final.tensors).map((name) => Number(name.replace(/^average\//, "")));
  const snapshots = times.flatMap((time) => stds.map((one) => ({ time, std: one })));
  const coefficients = postHocEma(snapshots, { time: last, std });
  const sums = new Float64Array(final.tensors[averageName(stds[0])].data.length);
  for (const [k, time] of times.entries()) {
    const { tensors } = time === last ? final : read(time);
    for (const [j, one] of stds.entries()) {
      const { data } = tensors[averageName(one)] ?? { data: [] };
      if (data.length !== sums.length)
        throw new ConfigError(`${pathOf(folder, time)}: is of another model, or damaged.`);
      const weight = coefficients[k * stds.length + j];
      for (let i = 0; i < sums.length; i++) sums[i] += weight * data[i];
    }
  }
  return { params: Float32Array.from(sums), images: last, step: Number(final.metadata["step"]) };
}
