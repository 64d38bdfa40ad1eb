import { test } from "node:test";
import { trainEach } from "./presets.ts";

test("every preset trains and samples from the command line", () => trainEach(5, () => {}));
