/** Many ways to sample from the same starts, side by side. */
import { ConfigError, unknownName } from "../errors/index.ts";
import {
  type DrawRequest,
  defineRecipe,
  drawFrom,
  type Recipe,
  samplingPlan,
  type TrainedModel,
} from "../recipe/index.ts";
import { flagName, type Terminal } from "./command.ts";
import { type SamplingFlags, samplingFlags, samplingOf } from "./sampling-flags.ts";

/** One setting of a sweep. */
export interface Setting {
  /** Its values, such as "heun 10". */
  readonly name: string;
  readonly values: Readonly<Record<string, string | number>>;
  readonly sampling: Recipe["sampling"];
}

/**
 * All combinations of `sampler=heun,dpm++2m;steps=5..40;rho=3,7`, each checked; a name that is no flag is a solver's option.
 * `5..40` is five values in equal ratios, whole where both ends are, and `5..40:5` every fifth.
 */
export function settingsOf(recipe: Recipe, text: string, flags: SamplingFlags): Setting[] {
  const axes = text.split(";").map((part) => {
    const [, name, list] = /^\s*([^=\s]+)\s*=\s*(.+)$/.exec(part) ?? [];
    const values = list?.split(",").flatMap((value) => expanded(value.trim())) ?? [];
    if (name === undefined || values.some((value) => value === ""))
      throw new ConfigError(`--sweep: must be NAME=VALUE,VALUE;NAME=…; got ${JSON.stringify(part)}.`);
    const key = keyOf(name);
    if (key !== undefined && key !== "option" && (flags[key as keyof SamplingFlags] ?? false) !== false)
      throw new ConfigError(`--sweep: ${name} is swept, and ${flagName(key)} is given. Leave one of them out.`);
    return { name, values };
  });
  const combinations = axes.reduce<readonly Readonly<Record<string, string | number>>[]>(
    (all, { name, values }) =>
      all.flatMap((one) =>
        values.map((value) => ({ ...one, [name]: Number.isNaN(Number(value)) ? value : Number(value) })),
      ),
    [{}],
  );
  return combinations.map((values) => {
    const changed = Object.entries(values).reduce<SamplingFlags>(withValue, flags);
    const { sampling } = defineRecipe({ ...recipe, sampling: samplingOf(recipe, changed) }, "sample --sweep");
    samplingPlan(recipe, sampling);
    return { name: Object.values(values).join(" "), values, sampling };
  });
}

/** A range as its values; anything else as it is. */
function expanded(text: string): string[] {
  const [, from, to, by] = /^(-?[\d.]+?)\.\.(-?[\d.]+)(?::([\d.]+))?$/.exec(text) ?? [];
  if (from === undefined) return [text];
  const [low, high, step] = [Number(from), Number(to), by === undefined ? undefined : Number(by)];
  if (!(low < high) || (step !== undefined && !(step > 0)))
    throw new ConfigError(`--sweep: a range must rise, such as 5..40 or 5..40:5; got ${JSON.stringify(text)}.`);
  if (step !== undefined) {
    const count = Math.floor((high - low) / step + 1e-9) + 1;
    return Array.from({ length: count }, (_, i) => String(Number((low + i * step).toPrecision(12))));
  }
  const shares = [0, 0.25, 0.5, 0.75, 1];
  const values = shares.map((s) => (low > 0 ? low * (high / low) ** s : low + s * (high - low)));
  const whole = Number.isInteger(low) && Number.isInteger(high);
  return [...new Set(values.map((value) => String(whole ? Math.round(value) : Number(value.toPrecision(4)))))];
}

/** The sampling flag of a name in a sweep; none of a solver's option. */
const keyOf = (name: string) =>
  Object.keys(samplingFlags).find((known) => known === name || flagName(known) === `--${name}`);

function withValue(flags: SamplingFlags, [name, value]: readonly [string, string | number]): SamplingFlags {
  const key = keyOf(name);
  if (key === undefined || key === "option") return { ...flags, option: [...flags.option, `${name}=${value}`] };
  const { type } = samplingFlags[key as keyof typeof samplingFlags];
  if (type === "boolean") throw unknownName("--sweep: name", name, Object.keys(samplingFlags));
  if ((type === "number" || type === "integer") && typeof value !== "number")
    throw new ConfigError(`--sweep: ${name}: must be numbers; got ${JSON.stringify(value)}.`);
  const given = type === "number" || type === "integer" ? value : String(value);
  return { ...flags, [key]: given };
}

/** What a setting came to. */
export interface Swept extends Setting {
  readonly samples: Float64Array;
  /** Evaluations of D for a sample. */
  readonly evaluations: number;
  readonly seconds: number;
}

/** Draws the same samples under every setting. */
export async function sweep(
  model: TrainedModel,
  settings: readonly Setting[],
  request: Omit<DrawRequest, "sampling">,
  terminal: Terminal,
): Promise<Swept[]> {
  const swept: Swept[] = [];
  for (const [i, setting] of settings.entries()) {
    const started = performance.now();
    const drawing = drawFrom(model, { ...request, sampling: setting.sampling });
    let next = await drawing.next();
    let evaluations = 0;
    while (!next.done) {
      evaluations = next.value.perSample;
      terminal.progress(setting.name, (i + next.value.share) / settings.length);
      terminal.signal.throwIfAborted();
      next = await drawing.next();
    }
    swept.push({ ...setting, samples: next.value, evaluations, seconds: (performance.now() - started) / 1000 });
  }
  return swept;
}
