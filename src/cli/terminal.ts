/** Standard output for results, standard error for progress; Ctrl-C asks politely once. */
import type { Terminal } from "./command.ts";

/** On a file, progress lines come this often: what takes less time says nothing. */
const secondsBetweenLines = 10;

/** Where text goes; a process's standard output and standard error are such. */
export interface Streams {
  readonly out: Output;
  readonly err: Output & { readonly isTTY?: boolean };
}
interface Output {
  /** Characters in a line, of a terminal. */
  readonly columns?: number;
  write(text: string): unknown;
}

interface OpenTerminal {
  /** What the command asked for; 0 if nothing. */
  readonly code: number;
  close(): void;
}

/** A terminal on these streams. The first Ctrl-C gives its signal; the second ends the process at once. */
export function openTerminal({ out, err }: Streams, json: boolean): Terminal & OpenTerminal {
  const live = err.isTTY === true && !json;
  const abort = new AbortController();
  let open = false;
  let printedAt: number | undefined;
  let code = 0;
  /** Takes the live line away, so that what comes next stands in its place. */
  const clear = () => {
    if (open) err.write("\r\x1b[K");
    open = false;
  };
  const interrupt = () => {
    if (abort.signal.aborted) process.exit(130);
    clear();
    if (!json) err.write("Stopping after this step; once more stops at once.\n");
    abort.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return {
    json,
    columns: out.columns ?? Number.POSITIVE_INFINITY,
    signal: abort.signal,
    print(line) {
      clear();
      if (!json) out.write(`${line}\n`);
    },
    say(line) {
      clear();
      if (!json) err.write(`${line}\n`);
    },
    progress(text, share) {
      if (json) return;
      const room = (live ? (err.columns ?? 80) : 120) - 1;
      const line = share === undefined ? text : withBar(text, share, room);
      if (live) {
        err.write(`\r\x1b[K${line.slice(0, room)}`);
        open = true;
        return;
      }
      const now = performance.now() / 1000;
      printedAt ??= now;
      if (now - printedAt < secondsBetweenLines) return;
      printedAt = now;
      err.write(`${line}\n`);
    },
    record(value) {
      if (json) out.write(`${JSON.stringify(value)}\n`);
    },
    exit(asked) {
      code = asked;
    },
    get code() {
      return code;
    },
    close() {
      clear();
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", interrupt);
    },
  };
}

/** "1 sample", "2 samples". */
export const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** 95 s as "1:35", 7,500 s as "2:05:00". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** 36000 as "36.0k", 1200000 as "1.20M". */
export function amount(n: number): string {
  if (n >= 1e9) return `${(n / 1e9).toPrecision(3)}G`;
  if (n >= 1e6) return `${(n / 1e6).toPrecision(3)}M`;
  return n >= 1e4 ? `${(n / 1e3).toPrecision(3)}k` : String(Math.round(n));
}

/** 1.6e8 as "160 MFLOP". */
export function flops(n: number): string {
  const [scale, prefix] = n >= 1e12 ? [1e12, "T"] : n >= 1e9 ? [1e9, "G"] : n >= 1e6 ? [1e6, "M"] : [1e3, "k"];
  return `${(n / scale).toPrecision(3)} ${prefix}FLOP`;
}

/** Bytes with a unit. */
export function bytes(n: number): string {
  if (n >= 2 ** 30) return `${(n / 2 ** 30).toFixed(2)} GiB`;
  return n >= 2 ** 20 ? `${(n / 2 ** 20).toFixed(1)} MiB` : `${(n / 2 ** 10).toFixed(1)} KiB`;
}

/** A line of progress: the bar gives way to the text. */
function withBar(text: string, share: number, room: number): string {
  const rest = ` ${(100 * share).toFixed(0).padStart(3)}%  ${text}`;
  return bar(share, Math.min(20, Math.max(4, room - rest.length))) + rest;
}

/** A bar of the given share of `width` characters. */
export function bar(share: number, width = 20): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * width);
  return "█".repeat(full) + "░".repeat(width - full);
}
