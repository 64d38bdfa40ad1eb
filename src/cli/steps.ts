/** `ornstein steps`: the best noise levels for a budget of steps. */
import { ConfigError } from "../errors/index.ts";
import { type PlannedGrid, selectSteps } from "../recipe/index.ts";
import { RunFolder, writeAtomic } from "../runs/index.ts";
import { command } from "./command.ts";
import { gridFileFormat } from "./grid-file.ts";
import { heldOut, splitFlags } from "./held-out.ts";
import { bar } from "./terminal.ts";
import { openModel, weightFlags } from "./weights.ts";

export const steps = command({
  name: "steps",
  summary: "Find the best noise levels for so many steps, by dynamic programming on the bound.",
  argument: { name: "RUN", help: "Run folder, as made by train", required: true },
  examples: [
    "steps runs/mnist --budget 5,10,20 --n 64 --out grid.json",
    "sample runs/mnist --grid grid.json --steps 10",
  ],
  flags: {
    budget: { type: "string", value: "K,K,…", default: "5,10,20,50", help: "Numbers of steps" },
    n: { type: "integer", default: 256, min: 1, help: "Examples to measure on at every level" },
    levels: { type: "integer", default: 200, min: 2, help: "Levels to choose from, where there are no timesteps" },
    variance: { type: "choice", choices: ["small", "large"], default: "small", help: "Of a step back: β̃ or β" },
    ...splitFlags,
    seed: { type: "integer", default: 0, min: 0, help: "Of examples and noise" },
    ...weightFlags,
    out: { type: "string", value: "FILE", help: "JSON file for sample --grid" },
  },
  async run(path, flags, terminal) {
    const budgets = flags.budget.split(",").map(Number);
    if (budgets.length === 0 || budgets.some((k) => !(Number.isInteger(k) && k >= 1)))
      throw new ConfigError(
        `steps: --budget: must be whole numbers such as 5,10,20; got ${JSON.stringify(flags.budget)}.`,
      );
    const folder = RunFolder.open(path ?? "");
    const { recipe } = folder.describe();
    const model = openModel(folder, flags);
    try {
      const dataset = await heldOut(recipe, flags, terminal);
      const selecting = selectSteps(model, dataset, {
        count: flags.n,
        seed: flags.seed,
        maxSteps: Math.max(...budgets),
        levels: flags.levels,
        variance: flags.variance as "small" | "large",
        ...(flags.batch !== undefined && { batch: flags.batch }),
      });
      let next = await selecting.next();
      while (!next.done) {
        const { share, evaluations } = next.value;
        terminal.progress(`${bar(share)} ${(share * 100).toFixed(0).padStart(3)}%  ${evaluations} network calls`);
        terminal.signal.throwIfAborted();
        next = await selecting.next();
      }
      const { unit, levels, best, usual } = next.value;
      terminal.print(
        `${dataset.name}: ${flags.n} examples at ${levels.length} noise levels, ${model.calls} network calls. Bounds in ${unit}:`,
      );
      const grids: Record<string, PlannedGrid> = {};
      for (const budget of budgets) {
        const plan = best(budget);
        grids[budget] = plan;
        const others = Object.entries(usual(budget)).map(([name, { bound }]) => `${name} ${bound.toFixed(3)}`);
        const least = others.length > 0 ? `  (${others.join(", ")})` : "";
        terminal.print(`${String(budget).padStart(4)} steps  ${plan.bound.toFixed(4)}${least}`);
        terminal.print(`            σ ${plan.sigmas.map((sigma) => Number(sigma.toPrecision(3))).join(" ")} 0`);
        terminal.record({ steps: budget, unit, ...plan, usual: usual(budget) });
      }
      if (flags.out === undefined) return;
      const file = { format: gridFileFormat, run: folder.path, unit, variance: flags.variance, grids };
      writeAtomic(flags.out, [`${JSON.stringify(file, null, 2)}\n`]);
      terminal.print(
        `Grids: ${flags.out}; draw with: ornstein sample ${folder.path} --grid ${flags.out} --steps ${budgets[0]}`,
      );
    } finally {
      await model.close();
    }
  },
});
