/** `ornstein bench`: how fast the engine is here, beside other engines where they are installed. */
import {
  agrees,
  type BenchName,
  type BenchRecord,
  benchNames,
  quickNames,
  remarks,
  bench as run,
  table,
} from "../../bench/index.ts";
import { SessionError, unknownName } from "../errors/index.ts";
import { memorySpecs } from "../training/index.ts";
import { command } from "./command.ts";
import { mostThreads } from "./compute-flags.ts";
import { writeTo } from "./places.ts";

export const bench = command({
  name: "bench",
  summary: "Measure training and sampling, beside PyTorch where python3 has it.",
  argument: { name: "NETWORKS", help: `Of ${benchNames.join(", ")}; with commas; all if left out`, required: false },
  examples: ["bench --quick", "bench unet-a,ddpmpp-64 --out bench.json"],
  flags: {
    repeats: { type: "integer", default: 10, min: 1, help: "Measurements of each kind, the engines in turn" },
    threads: { type: "integer", default: 2, min: 1, max: mostThreads, help: "Threads of every engine" },
    memory: { type: "choice", choices: memorySpecs, default: "normal", help: "How Ornstein trains; see train --help" },
    quick: { type: "boolean", help: `Only ${quickNames.join(" and ")}, with 5 measurements at most` },
    python: { type: "string", value: "PROGRAM", help: "Interpreter that has PyTorch; python3 if left out" },
    out: { type: "string", value: "FILE.json", writes: ".json", help: "Where to write all results" },
  },
  async run(list, { repeats, threads, memory, quick, python, out }, terminal) {
    const names = list === undefined ? (quick ? quickNames : benchNames) : list.split(",").map(parseName);
    const records: BenchRecord[] = [];
    const running = run({
      names,
      repeats: quick ? Math.min(repeats, 5) : repeats,
      threads,
      memory,
      pythons: python === undefined ? ["python3", "/usr/bin/python3"] : [python],
    });
    for await (const record of running) {
      if (terminal.signal.aborted) {
        const some = records.some(({ type }) => type === "network");
        terminal.say(some ? "Stopped; what was measured before:" : "Stopped before anything was measured.");
        break;
      }
      if (record.type === "progress") {
        terminal.progress(record.text);
        continue;
      }
      records.push(record);
      terminal.record(record);
      if (record.type === "machine")
        terminal.say(
          `${record.processor}, ${record.cores} cores, ${threads} threads, Node ${record.node}` +
            (record.load > 0.5 ? `; other work is running (load ${record.load.toFixed(1)}): trust no number` : ""),
        );
      else if (record.type === "skipped") terminal.say(`skipped ${record.reason}`);
      else for (const line of remarks(record.result)) terminal.say(line);
    }
    const results = records.filter((record) => record.type === "network");
    if (results.length > 0) for (const line of table(results.flatMap(({ rows }) => rows))) terminal.print(line);
    if (out !== undefined) writeTo(out, `${JSON.stringify(records, null, 1)}\n`);
    const wrong = results.filter(({ result }) => !agrees(result.lossDifference));
    if (wrong.length > 0)
      throw new SessionError(
        `bench: ${wrong.map(({ result }) => result.network)}: engines disagree about the first losses.`,
      );
  },
});

function parseName(name: string): BenchName {
  const known = benchNames.find((candidate) => candidate === name);
  if (known === undefined) throw unknownName("bench: network", name, benchNames);
  return known;
}
