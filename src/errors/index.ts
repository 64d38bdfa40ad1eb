/**
 * The errors Ornstein throws on purpose. One grammar for all of them:
 * `where: what was wrong: what was given (what was expected). What to do, if it isn't obvious.`
 */

/** Shapes, dtypes or attributes that do not fit together; thrown when a graph node is built, not when it runs. */
export class GraphError extends Error {
  override readonly name = "GraphError";
}

/** A flag, field, value or file from the user cannot be used. The command line prints its one line and exits 2. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** ONNX Runtime refused a model or a run. `cause` is its own error; the message lists each input with dtype and dims. */
export class SessionError extends Error {
  override readonly name = "SessionError";
}

/** The member of `choices` nearest to `given` by edit distance, if it is near enough to be a slip of the pen. */
export function nearest(given: string, choices: readonly string[]): string | undefined {
  const scored = choices.map((choice) => ({
    choice,
    distance: editDistance(given.toLowerCase(), choice.toLowerCase()),
  }));
  const best = scored.sort((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= Math.max(2, Math.floor(given.length / 3)) ? best.choice : undefined;
}

/** The sentence for a name outside a closed set: the value, the nearest match, all alternatives. */
export function unknownName(where: string, given: unknown, choices: readonly string[]): ConfigError {
  const near = typeof given === "string" ? nearest(given, choices) : undefined;
  const hint = near === undefined ? "" : ` Did you mean "${near}"?`;
  return new ConfigError(`${where}: must be one of ${choices.join(", ")}; got ${JSON.stringify(given)}.${hint}`);
}

/** What another's error says, as part of one of ours: in one line of at most 200 characters. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, " ").trim().slice(0, 200);
}

/** Levenshtein distance between two short strings. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
