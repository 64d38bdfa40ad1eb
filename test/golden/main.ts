/** `npm run test:golden`: every vector of a folder (GOLDEN_DIR, or ours), one line each; exit 1 if one fails. */
import { join } from "node:path";
import { adapters } from "./adapters/index.ts";
import { check, readVectors } from "./vectors.ts";

const folder = process.env.GOLDEN_DIR ?? join(import.meta.dirname, "../../../test/golden/vectors");
const only = process.argv.slice(2);
const total = { passed: 0, failed: 0, unknown: 0 };

for (const golden of readVectors(folder)) {
  if (only.length > 0 && !only.some((part) => golden.name.includes(part))) continue;
  const adapter = adapters[golden.name];
  const wrong: string[] = [];
  for (const [i, one] of golden.cases.entries())
    for (const line of adapter ? await check(golden, one, adapter) : [])
      wrong.push(`  case ${i}${one.note ? ` (${one.note})` : ""}: ${line}`);
  const outcome = !adapter ? "unknown" : wrong.length > 0 ? "failed" : "passed";
  total[outcome]++;
  console.log(`${outcome.padEnd(8)} ${golden.name} (${golden.cases.length} cases)`);
  for (const line of wrong.slice(0, 8)) console.log(line);
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.unknown} unknown`);
process.exit(total.failed > 0 ? 1 : 0);
