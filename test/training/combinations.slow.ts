import assert from "node:assert/strict";
import { test } from "node:test";
import { preset, presetNames, trainerOf } from "../../src/recipe/index.ts";
import { createTrainer } from "../../src/training/index.ts";
import { factsOf, images, recipeOf } from "./tiny.ts";

const networks: Readonly<Record<string, string>> = {
  "song-unet": '{"type":"song-unet","modelChannels":8,"channelMult":[1],"numBlocks":1,"attentionResolutions":[]}',
  "adm-unet":
    '{"type":"adm-unet","modelChannels":8,"channelMult":[1],"numResBlocks":1,"attentionDownsampleFactors":[],"groups":4}',
};

for (const name of presetNames) {
  const network = networks[preset(name).model.network.type];
  if (network !== undefined)
    test(`${name} trains with matched noise and stable targets`, async () => {
      const recipe = recipeOf(
        name,
        "data.sigmaData=0.5",
        "training.batch=4",
        `model.network=${network}`,
        'training.coupling={"type":"aot","pool":10}',
        'training.target={"type":"stf","references":6}',
      );
      const trainer = await createTrainer(trainerOf(recipe, factsOf(images)), images, { threads: 1 });
      for (let step = 0; step < 4; step++) {
        const { loss, effectiveSampleSize = 0 } = await trainer.advance();
        assert.ok(Number.isFinite(loss) && effectiveSampleSize >= 1 && effectiveSampleSize <= 6);
      }
      await trainer.close();
    });
}
