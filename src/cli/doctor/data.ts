/** Data: what `data inspect` warns of, and whether they are as a recipe takes them to be. */
import { inspect, type LoadedDataset } from "../../data/files/index.ts";
import type { Recipe } from "../../recipe/index.ts";
import type { Terminal } from "../command.ts";
import { showing, shown } from "../eta.ts";
import { type Finding, found, percent, short } from "./finding.ts";

/** Relative differences of σ_data that matter, and that are wrong. */
const [noticed, wrong] = [0.1, 0.5];

/** Findings about a data set, by itself or as that of a recipe. */
export async function checkData(
  dataset: LoadedDataset,
  recipe: Recipe | undefined,
  terminal: Terminal,
): Promise<Finding[]> {
  const say = found("data");
  const show = showing(terminal);
  const { warnings, statistics, size, shape } = await shown(inspect(dataset), ({ what, done, total }) =>
    show(what, done, total),
  );
  const { mean, std, min, max, nonFinite } = statistics;
  const findings: Finding[] = [];
  if (nonFinite > 0)
    findings.push(
      say.error(`${nonFinite} numbers are NaN or infinite`, "Training ends at the first: remove those examples."),
    );
  const text = `${dataset.name}: ${size} examples of [${shape.join(", ")}], mean ${short(mean)}, deviation ${short(std)}, from ${short(min)} to ${short(max)}`;
  findings.push(std > 0 ? say.ok(text) : say.error(text, "All numbers are equal: there is nothing to learn."));
  const sigmaData = recipe?.data.sigmaData;
  if (typeof sigmaData === "number" && std > 0) {
    const off = std / sigmaData - 1;
    const told = `data.sigmaData is ${short(sigmaData)}; the data's is ${short(std)}`;
    const advice = 'The network is scaled for other data: set data.sigmaData to "auto", and train anew.';
    const scale = found("σ_data");
    findings.push(
      Math.abs(off) > wrong
        ? scale.error(`${told} (${percent(off)})`, advice)
        : Math.abs(off) > noticed
          ? scale.warning(`${told} (${percent(off)})`, advice)
          : scale.ok(told),
    );
  }
  for (const note of dataset.report.notes) findings.push(say.note(note));
  // These say themselves what to do.
  for (const text of warnings) findings.push({ check: "data", severity: "warning", text });
  return findings;
}
