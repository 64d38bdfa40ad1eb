/** `ornstein analyze low-bit`: at which noise level each bit of a pixel is learned. */
import { bitInformation } from "../analysis/index.ts";
import { analyzeFlags, cells, writeAnalysis } from "./analyze.ts";
import { command } from "./command.ts";

/** Beyond these log-SNRs next to nothing is learned. */
const [from, to, points] = [-10, 20, 91];

export const analyzeLowBit = command({
  name: "analyze low-bit",
  summary: "Plot at which noise level each bit of a pixel is learned (Kingma & Gao 2023, Figure 5).",
  examples: ["analyze low-bit", "analyze low-bit --bits 5 --out plots"],
  flags: {
    bits: { type: "integer", default: 8, min: 1, max: 10, help: "Bits of a pixel, the most" },
    out: analyzeFlags.out,
  },
  async run(_, { bits, out }, terminal) {
    const x = Array.from({ length: points }, (_unused, i) => from + ((to - from) * i) / (points - 1));
    const curves = Array.from({ length: bits }, (_unused, b) => x.map((lambda) => bitInformation(b + 1, lambda)));
    terminal.print(cells("bit", "area, bits", "most at λ", "half at λ"));
    const rows = curves.map((curve, b) => {
      const before = curves[b - 1];
      const gain = curve.map((point, i) => point.derivative - (before?.[i].derivative ?? 0));
      const peak = x[gain.indexOf(Math.max(...gain))];
      const half = x[curve.findIndex((point, i) => point.bits - (before?.[i].bits ?? 0) >= 0.5)];
      // In bits, by the trapezium rule.
      const area = (gain.reduce((sum, value) => sum + value, 0) * (x[1] - x[0])) / Math.LN2;
      terminal.print(cells(b + 1, area, peak, half));
      return { bit: b + 1, area, peak, half };
    });
    const named = (value: (point: (typeof curves)[number][number], i: number, b: number) => number, name: string) =>
      curves.map((curve, b) => ({ name: `${name} ${b + 1}`, x, y: curve.map((point, i) => value(point, i, b)) }));
    await writeAnalysis(
      out,
      "low-bit",
      {
        rows,
        lambda: x,
        curves: curves.map((curve, b) => ({
          bits: b + 1,
          information: curve.map((point) => point.bits),
          derivative: curve.map((point) => point.derivative),
        })),
      },
      {
        "low-bit-information": {
          title: "What a noisy pixel says of itself",
          xLabel: "log-SNR λ",
          yLabel: "information, bits",
          series: named((point) => point.bits, "bits:"),
        },
        "low-bit-loss": {
          title: "Where it is learned: the loss of an ideal model",
          xLabel: "log-SNR λ",
          yLabel: "nats for each unit of λ",
          series: named((point) => point.derivative, "bits:"),
        },
        "low-bit-gain": {
          title: "What each further bit adds: 1 bit of area each",
          xLabel: "log-SNR λ",
          yLabel: "nats for each unit of λ",
          series: named((point, i, b) => point.derivative - (curves[b - 1]?.[i].derivative ?? 0), "bit"),
        },
      },
      terminal,
    );
  },
});
