/** How a Python pickle writes text. */

/** Short printable strings are text; what is long or has other bytes stays bytes. */
export function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  return bytes.length <= 256 && bytes.every((byte) => byte >= 32 && byte < 127) ? latin1(bytes) : bytes;
}

/** Python's raw-unicode-escape. */
export const unescaped = (text: string) =>
  text.replace(/\\u([0-9a-fA-F]{4})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));

const decoder = new TextDecoder();

/** Bytes as UTF-8. */
export const utf8 = (bytes: Uint8Array) => decoder.decode(bytes);
/** Every byte as the character of its number. */
export const latin1 = (bytes: Uint8Array) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
