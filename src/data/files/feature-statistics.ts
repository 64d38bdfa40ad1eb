/** Statistics of features as .npz files, in the layouts of EDM's and ADM's programs. */
import { ConfigError } from "../../errors/index.ts";
import type { FeatureGaussian } from "../../metrics/index.ts";
import { openFile } from "./byte-source.ts";
import { type NpyArray, npzBytes, openNpz, type ToNpy } from "./npy.ts";

/** What such a file holds. */
export interface FeatureStatisticsFile {
  readonly features: FeatureGaussian;
  /** Of spatial features, which ADM's layout has. */
  readonly spatial?: FeatureGaussian;
}

/** `edm`: mu and sigma. `adm`: those, mu_s and sigma_s of spatial features, and images in arr_0. */
export type StatisticsLayout = "edm" | "adm";

/** Images to store in ADM's layout: bytes, `[count, channels, height, width]`. */
export interface StoredImages {
  readonly shape: readonly number[];
  readonly count: number;
  readonly data: Uint8Array;
}

/** Reads a file of either layout; what is missing or does not fit is a ConfigError. */
export async function readFeatureStatistics(path: string): Promise<FeatureStatisticsFile> {
  const file = await openFile(path);
  try {
    const npz = await openNpz(file, path);
    const gaussian = async (mu: string, sigma: string): Promise<FeatureGaussian> =>
      toGaussian(path, mu, await npz.read(mu), sigma, await npz.read(sigma));
    if (!npz.names.includes("mu") || !npz.names.includes("sigma"))
      throw new ConfigError(
        `${path}: holds no statistics: mu and sigma are expected; it has ${npz.names.join(", ") || "nothing"}.`,
      );
    const features = await gaussian("mu", "sigma");
    if (!npz.names.includes("mu_s") || !npz.names.includes("sigma_s")) return { features };
    return { features, spatial: await gaussian("mu_s", "sigma_s") };
  } finally {
    await file.close();
  }
}

/** Whether a file is an archive that holds `mu` and `sigma`. */
export async function holdsFeatureStatistics(path: string): Promise<boolean> {
  const file = await openFile(path);
  try {
    const { names } = await openNpz(file, path);
    return names.includes("mu") && names.includes("sigma");
  } finally {
    await file.close();
  }
}

/** The bytes of a file. ADM's layout needs images, and has spatial statistics where there are any. */
export function featureStatisticsBytes(
  { features, spatial }: FeatureStatisticsFile,
  layout: StatisticsLayout = "edm",
  images?: StoredImages,
): Uint8Array {
  const arrays = {
    mu: vector(features),
    sigma: matrix(features),
    ...(layout === "adm" && spatial && { mu_s: vector(spatial), sigma_s: matrix(spatial) }),
  };
  return npzBytes(layout === "adm" && images ? { arr_0: channelsLast(images), ...arrays } : arrays);
}

const vector = ({ mean }: FeatureGaussian): ToNpy => ({ dims: [mean.length], values: mean });
const matrix = ({ mean, covariance }: FeatureGaussian): ToNpy => ({
  dims: [mean.length, mean.length],
  values: covariance,
});

function channelsLast({ shape: [channels, height, width], count, data }: StoredImages): ToNpy {
  const values = new Uint8Array(data.length);
  const plane = height * width;
  for (let i = 0; i < count; i++)
    for (let c = 0; c < channels; c++)
      for (let p = 0; p < plane; p++) values[(i * plane + p) * channels + c] = data[(i * channels + c) * plane + p];
  return { dims: [count, height, width, channels], values };
}

function toGaussian(path: string, mu: string, mean: NpyArray, sigma: string, covariance: NpyArray): FeatureGaussian {
  const n = mean.values.length;
  const [rows, columns] = covariance.dims;
  if (mean.dims.length !== 1 || covariance.dims.length !== 2 || rows !== n || columns !== n)
    throw new ConfigError(
      `${path}: ${mu} is [${mean.dims.join(", ")}] and ${sigma} is [${covariance.dims.join(", ")}] ([n] and [n, n]).`,
    );
  return { mean: Float64Array.from(mean.values), covariance: Float64Array.from(covariance.values) };
}
