/** Other runs that guide sampling: a classifier, a discriminator. */
import { ConfigError } from "../errors/index.ts";
import type { DiscriminatorGuidance, Guides } from "../recipe/index.ts";
import { openDiscriminator, RunFolder } from "../runs/index.ts";
import { openClassifier } from "./accuracy.ts";
import { grouped, type Values } from "./command.ts";
import type { weightFlags } from "./weights.ts";

export const guideFlags = grouped("Guidance", {
  classifier: {
    type: "string",
    value: "RUN",
    help: "Guide by this classifier: a run of train --objective classifier",
  },
  classifierScale: {
    type: "number",
    min: 0,
    needs: "classifier",
    help: "How strongly the classifier guides; 1 if left out",
  },
  discriminator: { type: "string", value: "RUN", help: "Correct by this discriminator: a run of discriminate" },
  discriminatorWeight: {
    type: "string",
    value: "W|W,W2",
    needs: "discriminator",
    help: "Of the correction, 1 if left out; of heun's first and second evaluations, such as 2,0",
  },
  discriminatorWindow: {
    type: "string",
    value: "LOW,HIGH",
    needs: "discriminator",
    help: "VP times at which it is asked; 0.01,1 if left out",
  },
  discriminatorBoost: {
    type: "boolean",
    needs: "discriminator",
    help: "More noise and weight for doubtful samples (heun)",
  },
});

type GuideFlags = Values<typeof guideFlags> & Pick<Values<typeof weightFlags>, "threads" | "device">;

/** Refuses numbers that are none before anything is loaded. */
export function checkGuides(flags: Values<typeof guideFlags>): void {
  correction(flags);
}

/** Works with the classifier and the discriminator that the flags name, if any, and closes them. */
export async function withGuides<T>(flags: GuideFlags, work: (guides: Guides) => Promise<T>): Promise<T> {
  const { classifier: guide, classifierScale: scale = 1, discriminator: judge } = flags;
  const settings = correction(flags);
  const options = { threads: flags.threads, device: flags.device };
  const classifier = guide === undefined ? undefined : openClassifier(RunFolder.open(guide), options);
  const discriminator = judge === undefined ? undefined : openDiscriminator(RunFolder.open(judge), options);
  try {
    return await work({
      ...(classifier && { towards: { classifier, scale } }),
      ...(discriminator && { corrected: { discriminator, ...settings } }),
    });
  } finally {
    await classifier?.close();
    await discriminator?.close();
  }
}

/** How a discriminator corrects, as the flags say. */
function correction({
  discriminatorWeight = "1",
  discriminatorWindow,
  discriminatorBoost,
}: Values<typeof guideFlags>): Omit<DiscriminatorGuidance, "discriminator"> {
  const [weight, second, ...more] = numbers("--discriminator-weight", discriminatorWeight);
  if (weight < 0 || (second ?? 0) < 0 || more.length > 0)
    throw new ConfigError(`--discriminator-weight: must be W or W,W2, from 0 on; got ${discriminatorWeight}.`);
  return {
    weight,
    ...(second !== undefined && { second }),
    ...(discriminatorWindow !== undefined && { window: windowOf(discriminatorWindow) }),
    ...(discriminatorBoost && { boosting: true }),
  };
}

function windowOf(text: string): readonly [number, number] {
  const [low, high, ...more] = numbers("--discriminator-window", text);
  if (!(low >= 0 && low < high && high <= 1 && more.length === 0))
    throw new ConfigError(`--discriminator-window: must be two rising times from 0 to 1; got ${text}.`);
  return [low, high];
}

function numbers(where: string, text: string): number[] {
  const found = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (!found.every(Number.isFinite)) throw new ConfigError(`${where}: must be numbers; got ${JSON.stringify(text)}.`);
  return found;
}
