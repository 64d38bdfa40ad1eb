import { test } from "node:test";
import { killAndResume } from "./kill.ts";

test("training killed at 50 random moments and resumed ends in the same bytes", async (t) => {
  await killAndResume(50, 1);
  t.diagnostic("killed 50 times, resumed 50 times: the same bytes");
});
