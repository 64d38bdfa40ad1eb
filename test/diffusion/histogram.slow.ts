import { test } from "node:test";
import { continuousFit, discreteFit } from "./histogram.ts";

test("a continuous law's density fits a histogram of a million draws", () => continuousFit(1_000_000));

test("a discrete law's probabilities fit a histogram of a million draws", () => discreteFit(1_000_000));
