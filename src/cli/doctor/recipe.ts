/** A recipe by itself: factors that do not go together, averages and rates that do not fit its length. */
import { freemem } from "node:os";
import { ConfigError } from "../../errors/index.ts";
import {
  type DataFacts,
  expenseOf,
  objectiveOf,
  type Recipe,
  trainedLevels,
  usualLevels,
  wholeBytes,
} from "../../recipe/index.ts";
import { dataBytes } from "../recipes.ts";
import { bytes } from "../terminal.ts";
import { type Finding, found, percent, short } from "./finding.ts";
import { checkSampling } from "./sampling.ts";

/** Shares of the training above which an average lags, or a warm-up takes too long. */
const [longAverage, longWarmup] = [0.25, 0.5];
/** Quantiles of the law of noise levels that are looked at. */
const quantiles = 2000;

/** Yields findings about a recipe; more of them where its data are known. */
export async function* checkRecipe(given: Recipe, facts?: DataFacts): AsyncGenerator<Finding> {
  // What the data's deviation is does not matter for most checks; presets leave it open.
  const recipe = given.data.sigmaData === "auto" ? { ...given, data: { ...given.data, sigmaData: 0.5 } } : given;
  yield* objectiveFindings(recipe);
  yield* await checkSampling(recipe);
  yield* labelFindings(recipe, facts);
  yield emaFinding(recipe);
  yield* rateFindings(recipe);
  if (facts) yield sizeFinding(recipe, facts);
}

function* objectiveFindings(recipe: Recipe): Generator<Finding> {
  const say = found("objective");
  try {
    const { warnings, sampler, draw } = objectiveOf(recipe);
    for (const warning of warnings)
      yield say.warning(warning, "ornstein explain shows what the recipe really optimises.");
    const { sigmaMin, sigmaMax } = usualLevels(recipe);
    const law = sampler.law(sampler.init());
    let inside = 0;
    for (let i = 0; i < quantiles; i++) {
      const { sigma } = draw(law, (i + 0.5) / quantiles);
      if (sigma >= sigmaMin && sigma <= sigmaMax) inside++;
    }
    const share = inside / quantiles;
    const { min, max } = trainedLevels(recipe);
    const text = `${percent(share)} of the draws lie where samples are drawn, σ̃ from ${short(sigmaMin)} to ${short(sigmaMax)} (trained from ${short(min)} to ${short(max)})`;
    yield share < 0.5
      ? say.warning(
          text,
          "Most of the training is spent where no sample goes. Change objective.timesteps, or the grid.",
        )
      : say.ok(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    yield say.error(error.message, "Change objective in the recipe.");
  }
}

function* labelFindings({ model, training, sampling, data }: Recipe, facts: DataFacts | undefined): Generator<Finding> {
  const say = found("labels");
  const { guidance } = sampling;
  const scale = typeof guidance === "number" ? guidance : (guidance?.scale ?? 1);
  if (scale !== 1 && !model.conditional)
    yield say.error(
      `guidance ${short(scale)} of a model without classes`,
      "Leave sampling.guidance out, or set model.conditional.",
    );
  else if (scale !== 1 && training.labelDropout === 0)
    yield say.error(
      `guidance ${short(scale)}, but training.labelDropout is 0: the network never sees an image without its class`,
      "Set training.labelDropout to 0.1, or leave guidance out.",
    );
  if (model.conditional && facts?.classes === 0)
    yield say.error("model.conditional, but the data has no labels", "Set model.conditional to false.");
  if (!model.conditional && (facts?.classes ?? 0) > 1)
    yield say.note(
      `the data has ${facts?.classes} classes, which the model is not told`,
      "Set model.conditional to use them.",
    );
  if (data.flip && /mnist|digits|letters/i.test(data.source) && !/fashion/.test(data.source))
    yield found("flip").warning(
      "data.flip mirrors digits",
      "Mirrored digits are other digits: set data.flip to false.",
    );
}

/** Images that the average reaches back, about. */
function reachOf({ training: { ema, batch, images } }: Recipe): number {
  if (ema.type === "half-life") return ema.images;
  if (ema.type === "update-count") return (Math.LN2 / -Math.log(ema.decay)) * batch;
  if (ema.type === "power-function") return ema.std * images;
  return (Math.LN2 / -Math.log(Math.min(ema.max ?? 1, 1 - (1 + images / batch / ema.gamma) ** -ema.power))) * batch;
}

function emaFinding(recipe: Recipe): Finding {
  const say = found("average");
  const { ema, images } = recipe.training;
  const reach = reachOf(recipe);
  const text = `half of the average's weight lies on the last ${short(reach)} of ${short(images)} images`;
  if (reach > longAverage * images)
    return say.warning(
      text,
      `The average lags behind: samples look like those of a much shorter training. Shorten training.ema, or train longer (at least ${short(reach / longAverage)} images).`,
    );
  if (ema.type === "half-life" && ema.rampup === null)
    return say.note(`${text}; without a ramp early samples are noise`, "Leave training.ema.rampup out.");
  return say.ok(text);
}

function* rateFindings({ training: { learningRate, images, batch } }: Recipe): Generator<Finding> {
  const say = found("rate");
  const { warmup, decay } = learningRate;
  const warm = warmup?.type === "images" ? warmup.images : warmup?.type === "steps" ? warmup.steps * batch : 0;
  if (warm > longWarmup * images)
    yield say.warning(
      `the learning rate rises for ${percent(warm / images)} of the training`,
      "Shorten training.learningRate.warmup, or train longer.",
    );
  if (decay?.type === "linear" || decay?.type === "cosine") {
    const end = decay.over === "images" ? decay.to : decay.to * batch;
    if (end < 0.95 * images)
      yield say.warning(
        `the learning rate is 0 after ${short(end)} of ${short(images)} images`,
        "Nothing is learnt from there on: set decay.to to the end.",
      );
    else yield say.ok(`the learning rate falls to 0 at the end (${decay.type})`);
  }
}

function sizeFinding(recipe: Recipe, facts: DataFacts): Finding {
  const say = found("size");
  try {
    const { parameters, memory } = expenseOf(recipe, facts);
    const [needed, free] = [wholeBytes(memory, dataBytes()), freemem()];
    const text = `${short(parameters / 1e6)} M parameters; training takes about ${bytes(needed)}`;
    return needed > 0.9 * free
      ? say.warning(
          `${text}, ${bytes(free)} are free`,
          "Train with a smaller --micro-batch: the same gradient in less memory.",
        )
      : say.ok(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return say.error(error.message, "Change the recipe or the size of the images.");
  }
}
