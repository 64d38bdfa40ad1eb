// The few globals that Node and browsers share and that platform-neutral rows may use.
// Neither Node's nor the DOM's types are visible there.

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label?: string, options?: { readonly fatal?: boolean });
  decode(bytes: Uint8Array): string;
}
interface AbortSignal {
  readonly aborted: boolean;
  throwIfAborted(): void;
}
declare const performance: { now(): number };
