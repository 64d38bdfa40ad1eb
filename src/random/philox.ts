/**
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a keyed bijection of 128-bit
 * counters whose outputs pass as independent random words. There is no state, so any block can be computed at once.
 */

const rounds = 10;

/**
 * Encrypts the counter (c0, c1, c2, c3) under the key (k0, k1) into `out[0..3]`. All are 32-bit words.
 * A round multiplies c0 by 0xd2511f53 and c2 by 0xcd9e8d57 and mixes the two 64-bit products; the key grows by the
 * golden ratio and √3 − 1.
 */
export function philox(out: Uint32Array, c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): void {
  for (let round = 0; round < rounds; round++) {
    // The upper words of the products, by halves of 16 bits: sums of a 32-bit product and a half never overflow.
    const a0 = c0 & 0xffff;
    const a1 = c0 >>> 16;
    const a10 = (Math.imul(a1, 0x1f53) + (Math.imul(a0, 0x1f53) >>> 16)) | 0;
    const a01 = (Math.imul(a0, 0xd251) + (a10 & 0xffff)) | 0;
    const a = (Math.imul(a1, 0xd251) + (a10 >>> 16) + (a01 >>> 16)) | 0;
    const b0 = c2 & 0xffff;
    const b1 = c2 >>> 16;
    const b10 = (Math.imul(b1, 0x8d57) + (Math.imul(b0, 0x8d57) >>> 16)) | 0;
    const b01 = (Math.imul(b0, 0xcd9e) + (b10 & 0xffff)) | 0;
    const b = (Math.imul(b1, 0xcd9e) + (b10 >>> 16) + (b01 >>> 16)) | 0;

    const low = Math.imul(c0, 0xd2511f53);
    c0 = b ^ c1 ^ k0;
    c1 = Math.imul(c2, 0xcd9e8d57);
    c2 = a ^ c3 ^ k1;
    c3 = low;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}
