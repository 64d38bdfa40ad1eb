import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { checks } from "../runtime/state-checks.ts";
import { type Browser, missing, openChromium } from "./chromium.ts";
import { caseNames, train } from "./training.ts";

describe("in Chromium", { skip: missing }, () => {
  let browser: Browser;
  before(async () => {
    browser = await openChromium();
  });
  after(() => browser.close());

  for (const device of ["cpu", "webgpu"] as const) {
    for (const name of Object.keys(checks))
      test(`${device}: state: ${name}`, async () => {
        const [check, on] = [name, device].map((text) => JSON.stringify(text));
        await browser.evaluate(`import("/test/runtime/state-checks.js").then(({ checks }) => checks[${check}](${on}))`);
      });

    for (const name of caseNames)
      test(`${device}: training ${name} is training in Node`, async () => {
        const expected = await train(name, "cpu");
        const found = await browser.evaluate<typeof expected>(
          `import("/test/browser/training.js").then(({ train }) => train("${name}", "${device}"))`,
        );
        for (const list of ["losses", "params"] as const) {
          const error = Math.hypot(...expected[list].map((value, i) => value - found[list][i]));
          assert.ok(error <= 1e-4 * Math.hypot(...expected[list]), `${list}: off by ${error}`);
        }
      });
  }
});
