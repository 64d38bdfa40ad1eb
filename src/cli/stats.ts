/** `ornstein stats`: statistics of a data set's features, for other programs and for comparing without the data. */
import { cacheFolder, featureStatisticsBytes } from "../data/files/index.ts";
import { ConfigError } from "../errors/index.ts";
import { areImages, examplesAt } from "../evaluation/index.ts";
import { stream } from "../random/index.ts";
import { cachedReference, hashDataset } from "../runs/index.ts";
import { command, grouped } from "./command.ts";
import { computeFlags } from "./compute-flags.ts";
import { showing, shown } from "./eta.ts";
import { describeFeatures, extractorFor, featureFlags, readFeatures } from "./features.ts";
import { writeTo } from "./places.ts";
import { loadSource, sourceFlags, testSplit } from "./sources.ts";

/** Images that ADM's own reference files hold. */
const storedImages = 10_000;

export const stats = command({
  name: "stats",
  summary: "Write the mean and covariance of a data set's features, as EDM's and ADM's programs do.",
  argument: { name: "SRC", help: "Data set: mnist, emoji, a folder, a file, …", required: true },
  examples: [
    "stats mnist --out mnist.npz",
    "stats photos/ --size 64 --features inception=inception.onnx --layout adm --out photos.npz",
  ],
  flags: {
    ...featureFlags,
    ...sourceFlags,
    ...grouped("Output", {
      out: {
        type: "string",
        value: "FILE.npz",
        writes: ".npz",
        help: "Where to write; only counted and kept if left out",
      },
      layout: {
        type: "choice",
        choices: ["edm", "adm"],
        default: "edm",
        help: "edm: mu and sigma; adm: also mu_s and sigma_s of spatial features, and images",
      },
    }),
    ...computeFlags,
  },
  async run(source = "", flags, terminal) {
    const chosen = readFeatures(flags.features);
    if (flags.out !== undefined && !flags.out.endsWith(".npz"))
      throw new ConfigError(`stats: --out: must end in .npz; got "${flags.out}".`);
    const dataset = await loadSource(source, flags, terminal);
    const test = () => testSplit(source, flags, terminal);
    const extractor = await extractorFor(chosen, dataset, test, flags, terminal);
    try {
      terminal.say(`features: ${describeFeatures(extractor)}`);
      const show = showing(terminal);
      const reference = await shown(cachedReference(dataset, extractor, cacheFolder()), ({ done, total }) =>
        show(`looking at ${dataset.name}`, done, total),
      );
      const layout = flags.layout;
      if (flags.out !== undefined) {
        const some = stream(0, "stored").permutation(dataset.size).subarray(0, storedImages).sort();
        const images = layout === "adm" ? examplesAt(dataset, some) : undefined;
        const stored = images && areImages(images) ? images : undefined;
        writeTo(flags.out, featureStatisticsBytes(reference, layout, stored));
      }
      const { mean, covariance } = reference.features;
      const variance = mean.reduce((sum, _, d) => sum + covariance[d * (mean.length + 1)], 0);
      const spatial = reference.spatial ? `, ${reference.spatial.mean.length} spatial ones` : "";
      terminal.print(
        `${dataset.name}: ${dataset.size} examples, ${mean.length} features${spatial}, total variance ${variance.toPrecision(4)}${flags.out === undefined ? "" : `: ${flags.out}`}`,
      );
      terminal.record({
        name: dataset.name,
        hash: hashDataset(dataset),
        size: dataset.size,
        features: extractor.record,
        dims: mean.length,
        spatial: reference.spatial?.mean.length ?? null,
        variance,
        layout,
        out: flags.out ?? null,
      });
    } finally {
      await extractor.close();
    }
  },
});
