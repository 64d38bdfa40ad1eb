/** `ornstein analyze spectra`: which frequencies of images each noise level hides. */
import { bandLogSnr, radialSpectrum, whiteNoisePower } from "../analysis/index.ts";
import { ConfigError } from "../errors/index.ts";
import { analyzeFlags, cells, choose, numbers, show, writeAnalysis } from "./analyze.ts";
import { command, grouped } from "./command.ts";
import { loadSource, sourceFlags } from "./sources.ts";

export const analyzeSpectra = command({
  name: "analyze spectra",
  summary: "Plot the power of images by frequency, and what each noise level hides (Kingma & Gao 2023, Figures 6, 7).",
  argument: { name: "SOURCE", help: "Data: images", required: true },
  examples: ["analyze spectra mnist", "analyze spectra photos/ --size 64 --sigmas 0.1,1,10"],
  flags: {
    ...grouped("What to measure", {
      n: { type: "integer", default: 1000, min: 1, help: "Images to average over, at most" },
      sigmas: { type: "string", value: "S,S,…", default: "0.05,0.5,5", help: "Noise levels σ̃ to draw" },
    }),
    ...sourceFlags,
    ...analyzeFlags,
  },
  async run(source, flags, terminal) {
    const sigmas = numbers("--sigmas", flags.sigmas, (sigma) => sigma > 0 && Number.isFinite(sigma), "numbers above 0");
    const dataset = await loadSource(source ?? "", flags, terminal);
    if (dataset.shape.length !== 3)
      throw new ConfigError(`analyze spectra: ${dataset.name} has examples of [${dataset.shape}] (images expected).`);
    const [, height, width] = dataset.shape;
    const count = Math.min(flags.n, dataset.size);
    const spectrum = radialSpectrum(choose(dataset, count, flags.seed, "images"), { height, width });
    const radii = Array.from(spectrum.power, (_unused, radius) => radius).slice(1);
    // σ̃ at which a frequency's own power and that of the noise are equal.
    const crossing = radii.map((radius) => Math.sqrt(spectrum.power[radius] / whiteNoisePower(height, width, 1)));
    terminal.print(`${count} images of ${dataset.name}: power by frequency, and the noise level that hides it`);
    terminal.print(cells("frequency", "power", "hidden at σ", "that is λ"));
    for (const [i, radius] of radii.entries())
      terminal.print(cells(radius, spectrum.power[radius], crossing[i], -2 * Math.log(crossing[i])));
    const ends = [crossing[0], crossing[crossing.length - 1]].map(show);
    terminal.print(`Growing noise hides the finest detail at σ = ${ends[1]}, the coarsest at ${ends[0]}.`);

    const lambdas = Array.from({ length: 49 }, (_unused, i) => -12 + i / 2);
    const bands = [1, 2, 4, 8, 16, 32, 64].filter((radius) => radius < spectrum.power.length);
    const snr = lambdas.map((lambda) => bandLogSnr(spectrum, [height, width], Math.exp(-lambda / 2)));
    await writeAnalysis(
      flags.out,
      "spectra",
      {
        data: dataset.name,
        count,
        radii,
        power: radii.map((radius) => spectrum.power[radius]),
        crossing,
        bands: bands.map((radius) => ({ radius, lambda: lambdas, logSnr: snr.map((all) => all[radius]) })),
      },
      {
        spectra: {
          title: `Power of ${dataset.name} and of noise`,
          xLabel: "frequency, periods in an image",
          yLabel: "power",
          log: true,
          series: [
            { name: "images", x: radii, y: radii.map((radius) => spectrum.power[radius]) },
            ...sigmas.map((sigma) => ({
              name: `noise, σ = ${sigma}`,
              x: radii,
              y: radii.map(() => whiteNoisePower(height, width, sigma)),
              dashed: true,
            })),
          ],
        },
        "spectra-bands": {
          title: `Log-SNR of frequencies, ${dataset.name}`,
          xLabel: "log-SNR λ of the pixels",
          yLabel: "log-SNR of the frequency",
          series: bands.map((radius) => ({
            name: `frequency ${radius}`,
            x: lambdas,
            y: snr.map((all) => all[radius]),
          })),
        },
      },
      terminal,
    );
  },
});
