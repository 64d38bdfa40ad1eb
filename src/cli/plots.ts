/** Plots as files. */
import { writePlot } from "../runs/index.ts";
import type { Terminal } from "./command.ts";

/** Writes plots, each as SVG and PNG where `pathOf` its name says, and tells of all in one line. */
export async function writePlots(
  plots: Readonly<Record<string, string>>,
  pathOf: (name: string) => string,
  terminal: Terminal,
): Promise<void> {
  for (const [name, svg] of Object.entries(plots)) await writePlot(pathOf(name), svg);
  terminal.say(`Plots, each as .svg and .png: ${Object.keys(plots).map(pathOf).join(", ")}`);
}
