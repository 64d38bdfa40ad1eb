import { test } from "node:test";
import { killAndResume } from "./kill.ts";

test("training killed at 4 random moments and resumed ends in the same bytes", () => killAndResume(4, 0));
