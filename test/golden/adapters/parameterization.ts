/** Predictions, their conversions, and preconditioning. */
import {
  conditionalPath,
  convert,
  errorFactor,
  flowSample,
  type Prediction,
  precondition,
  predictionNames,
} from "../../../src/diffusion/index.ts";
import type { Adapters, Tensor } from "../vectors.ts";

export const parameterization: Adapters = {
  // The vector holds no prediction, but exact ones; every one of them must give all the others again, and the worst of
  // the routes is what is compared.
  "parameterization.convert": ({ alpha, sigma, sigmaData, z }, { expect }) => {
    const expected = expect as Readonly<Record<Prediction, Tensor>>;
    const names = predictionNames.filter((name) => name in expected);
    const routes = names.map((from) =>
      names.map((to) => [
        to,
        rows(z, (zRow, i) =>
          convert(from, to, { alpha: alpha[i], sigma: sigma[i], sigmaData }, zRow, row(expected[from], i)),
        ),
      ]),
    );
    return Object.fromEntries(
      names.map((to, j) => [
        to,
        {
          shape: z.shape,
          data: expected[to].data.map((value, k) => {
            const found = routes.map((route) => (route[j][1] as Float64Array)[k]);
            return found.reduce((worst, v) => (Math.abs(v - value) > Math.abs(worst - value) ? v : worst));
          }),
        },
      ]),
    );
  },
  "parameterization.error-identities": ({ alpha, sigma, sigmaData, x, xHat }) => {
    const levels = alpha.map((a: number, i: number) => ({ alpha: a, sigma: sigma[i], sigmaData }));
    const anyZ = new Float64Array(x.shape[1]);
    const each = (entry: (to: Prediction, i: number) => number) =>
      Object.fromEntries(predictionNames.map((to) => [to, alpha.map((_: number, i: number) => entry(to, i))]));
    return {
      factorFromX: each((to, i) => errorFactor("x", to, levels[i])),
      squaredError: each((to, i) => {
        const exact = convert("x", to, levels[i], anyZ, row(x, i));
        const estimate = convert("x", to, levels[i], anyZ, row(xHat, i));
        return exact.reduce((sum, value, k) => sum + (value - estimate[k]) ** 2, 0);
      }),
    };
  },
  "parameterization.preconditioning": ({ kind, sigma, x, rawOutput, ...constants }) => {
    const at = precondition({ type: kind, ...constants, ...(kind === "iddpm" && { nearestIsZero: true }) });
    const all = sigma.map(at);
    return {
      ...Object.fromEntries(
        (["cSkip", "cOut", "cIn", "cNoise"] as const).map((name) => [
          name,
          all.map((c: ReturnType<typeof at>) => c[name]),
        ]),
      ),
      scaledInput: { shape: x.shape, data: rows(x, (r, i) => r.map((v) => all[i].cIn * v)) },
      denoised: {
        shape: x.shape,
        data: rows(x, (r, i) => r.map((v, k) => all[i].cSkip * v + all[i].cOut * row(rawOutput, i)[k])),
      },
    };
  },
  "parameterization.flow-matching": ({ path, sigma, x0, x1, noise, t }) => {
    const at = t.map((v: number) => conditionalPath({ type: path, sigma }, v));
    const all = rowsOf(x0).map((r, i) => flowSample(at[i], r, row(x1, i), row(noise, i)));
    const tensor = (name: "mu" | "xt" | "flow") => ({ shape: x0.shape, data: all.map((sample) => sample[name]) });
    return {
      mu: tensor("mu"),
      xt: tensor("xt"),
      flow: tensor("flow"),
      sigmaT: at.map(({ s }: { readonly s: number }) => s),
    };
  },
};

/** Row i of a tensor: everything along its first axis. */
function row({ shape, data }: Tensor, i: number): Float64Array {
  const size = data.length / shape[0];
  return data.subarray(i * size, (i + 1) * size);
}

/** A function applied to every row, the results laid end to end. */
function rows(tensor: Tensor, each: (row: Float64Array, i: number) => Float64Array): Float64Array {
  return Float64Array.from(rowsOf(tensor).flatMap((values, i) => [...each(values, i)]));
}

function rowsOf(tensor: Tensor): Float64Array[] {
  return Array.from({ length: tensor.shape[0] }, (_, i) => row(tensor, i));
}
