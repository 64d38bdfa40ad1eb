/** Other runs that guide sampling: a classifier, a discriminator. */
import { ConfigError } from "../errors/index.ts";
import type { Guides } from "../recipe/index.ts";
import { openDiscriminator, RunFolder } from "../runs/index.ts";
import type { Device } from "../runtime/index.ts";
import { openClassifier } from "./accuracy.ts";
import type { Flags, Values } from "./command.ts";
import type { weightFlags } from "./weights.ts";

export const guideFlags = {
  classifier: {
    type: "string",
    value: "RUN",
    help: "Guide by this classifier: a run of train --objective classifier",
  },
  classifierScale: { type: "number", min: 0, help: "How strongly the classifier guides; 1 if left out" },
  discriminator: { type: "string", value: "RUN", help: "Correct by this discriminator: a run of discriminate" },
  discriminatorWeight: { type: "number", min: 0, help: "Of the correction; 1 if left out" },
} as const satisfies Flags;

type GuideFlags = Values<typeof guideFlags> & Pick<Values<typeof weightFlags>, "threads" | "device">;

/** Refuses a weight of nothing. */
export function checkGuides(command: string, flags: Values<typeof guideFlags>): void {
  if (flags.classifierScale !== undefined && flags.classifier === undefined)
    throw new ConfigError(`${command}: --classifier-scale needs --classifier, the run that guides.`);
  if (flags.discriminatorWeight !== undefined && flags.discriminator === undefined)
    throw new ConfigError(`${command}: --discriminator-weight needs --discriminator, the run that corrects.`);
}

/** Works with the classifier and the discriminator that the flags name, if any, and closes them. */
export async function withGuides<T>(flags: GuideFlags, work: (guides: Guides) => Promise<T>): Promise<T> {
  const {
    classifier: guide,
    classifierScale: scale = 1,
    discriminator: judge,
    discriminatorWeight: weight = 1,
  } = flags;
  const options = { threads: flags.threads, device: flags.device as Device };
  const classifier = guide === undefined ? undefined : openClassifier(RunFolder.open(guide), options);
  const discriminator = judge === undefined ? undefined : openDiscriminator(RunFolder.open(judge), options);
  try {
    return await work({
      ...(classifier && { towards: { classifier, scale } }),
      ...(discriminator && { corrected: { discriminator, weight } }),
    });
  } finally {
    await classifier?.close();
    await discriminator?.close();
  }
}
