/** What a check found. */

/** `error`: results are or will be wrong. `warning`: they may be. `note`: worth knowing. */
export type Severity = "ok" | "note" | "warning" | "error";

export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  readonly severity: Severity;
  /** What was found, with its numbers. */
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** Findings of one check. */
export const found = (check: string) => ({
  ok: (text: string): Finding => ({ check, severity: "ok", text }),
  note: (text: string, advice?: string): Finding => ({ check, severity: "note", text, ...(advice && { advice }) }),
  warning: (text: string, advice: string): Finding => ({ check, severity: "warning", text, advice }),
  error: (text: string, advice: string): Finding => ({ check, severity: "error", text, advice }),
});

/** A number to three digits. */
export const short = (value: number): string => String(Number(value.toPrecision(3)));

/** A share as a percentage. */
export const percent = (share: number): string => `${short(100 * share)} %`;
