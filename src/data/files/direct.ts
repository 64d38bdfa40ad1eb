/**
 * Writing past the system's cache of pages. Files larger than memory do not stay in that cache, and copying into it takes
 * half the time of decoding a JPEG. Not every system and file system can; where one cannot, nothing is lost but speed.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** A file that is there, for writes from `alignedBytes` at multiples of 4096; nothing where that cannot be had. */
export async function openDirect(path: string): Promise<FileHandle | undefined> {
  // Node has the flag only where the system does.
  const flag: number | undefined = constants.O_DIRECT;
  return flag === undefined ? undefined : open(path, constants.O_WRONLY | flag).catch(() => undefined);
}

/** Whether a write failed because it must go through the cache. */
export const isNotDirect = (error: unknown) => error instanceof Error && "code" in error && error.code === "EINVAL";

const pageBytes = 65_536;

/** The one way to memory that begins at a page of the system, as such writes need. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
};

/** Zeros, at an address that is a multiple of 4096. */
export function alignedBytes(length: number): Uint8Array<ArrayBuffer> {
  const { buffer } = new WebAssembly.Memory({ initial: Math.ceil(length / pageBytes) });
  return new Uint8Array(buffer, 0, length);
}
