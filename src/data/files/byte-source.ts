/** Bytes that can be read anywhere without reading all of them: a file on disk, or an array. */
import { type FileHandle, open } from "node:fs/promises";
import { ConfigError } from "../../errors/index.ts";

/** Random access to some bytes. */
export interface ByteSource {
  readonly size: number;
  /** The bytes from `at` to `at + length − 1`, which must exist. */
  read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A file that is open until `close`. */
export interface OpenFile extends ByteSource {
  close(): Promise<void>;
}

/** One read of the operating system takes less than 2 GiB. */
const chunk = 2 ** 28;

/** Opens a file for reading; one that cannot be opened, or is a folder, is a ConfigError. */
export async function openFile(path: string): Promise<OpenFile> {
  const unreadable = (error: Error) => {
    throw new ConfigError(`${path}: cannot be read: ${error.message}.`, { cause: error });
  };
  const handle = await open(path).catch(unreadable);
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    throw new ConfigError(`${path}: is no file.`);
  }
  return {
    size: stats.size,
    read: (at, length) => readAt(handle, at, length).catch(unreadable),
    close: () => handle.close(),
  };
}

/** An array as a source; reads are copies. */
export function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    async read(at, length) {
      if (at < 0 || length < 0 || at + length > bytes.length)
        throw new RangeError(`internal: ${length} bytes at ${at} of ${bytes.length}.`);
      return new Uint8Array(bytes.subarray(at, at + length));
    },
  };
}

/** All bytes of a file. */
export async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = await openFile(path);
  try {
    return await file.read(0, file.size);
  } finally {
    await file.close();
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(bytes, at, Math.min(chunk, length - at), position + at);
    if (bytesRead === 0) throw new Error("it ends too soon");
    at += bytesRead;
  }
  return bytes;
}
