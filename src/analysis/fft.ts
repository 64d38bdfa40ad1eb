/** The discrete Fourier transform of any length: radix 2, and Bluestein's convolution for lengths that are no power of 2. */

/** Transforms a complex signal in place: X_k = Σ x_j e^(−2πi jk/n), unnormalised. */
export type Fft = (re: Float64Array, im: Float64Array) => void;

/** The transform of length n, with its tables. */
export function fft(n: number): Fft {
  if (!(Number.isInteger(n) && n >= 1)) throw new RangeError(`fft: length ${n} (expected an integer ≥ 1).`);
  return (n & (n - 1)) === 0 ? radix2(n) : bluestein(n);
}

function radix2(n: number): Fft {
  const cos = Float64Array.from({ length: n / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / n));
  const sin = Float64Array.from({ length: n / 2 }, (_, k) => Math.sin((2 * Math.PI * k) / n));
  return (re, im) => {
    for (let i = 1, j = 0; i < n; i++) {
      let bit = n >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i >= j) continue;
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
    for (let half = 1; half < n; half *= 2)
      for (let start = 0; start < n; start += 2 * half)
        for (let k = 0; k < half; k++) {
          const c = cos[(k * n) / (2 * half)];
          const s = sin[(k * n) / (2 * half)];
          const a = start + k;
          const b = a + half;
          const x = re[b] * c + im[b] * s;
          const y = im[b] * c - re[b] * s;
          re[b] = re[a] - x;
          im[b] = im[a] - y;
          re[a] += x;
          im[a] += y;
        }
  };
}

/** jk = (j² + k² − (j − k)²)/2 turns the transform into a convolution with a chirp. */
function bluestein(n: number): Fft {
  const size = 2 ** Math.ceil(Math.log2(2 * n - 1));
  const transform = radix2(size);
  // e^(−πi k²/n), with k² reduced first so that the angle stays exact.
  const cos = Float64Array.from({ length: n }, (_, k) => Math.cos((Math.PI * ((k * k) % (2 * n))) / n));
  const sin = Float64Array.from({ length: n }, (_, k) => -Math.sin((Math.PI * ((k * k) % (2 * n))) / n));
  const chirpRe = new Float64Array(size);
  const chirpIm = new Float64Array(size);
  for (let k = 0; k < n; k++)
    for (const at of [k, (size - k) % size]) {
      chirpRe[at] = cos[k];
      chirpIm[at] = -sin[k];
    }
  transform(chirpRe, chirpIm);
  return (re, im) => {
    const a = new Float64Array(size);
    const b = new Float64Array(size);
    for (let k = 0; k < n; k++) {
      a[k] = re[k] * cos[k] - im[k] * sin[k];
      b[k] = re[k] * sin[k] + im[k] * cos[k];
    }
    transform(a, b);
    for (let k = 0; k < size; k++) {
      const x = a[k] * chirpRe[k] - b[k] * chirpIm[k];
      const y = a[k] * chirpIm[k] + b[k] * chirpRe[k];
      // Exchanging the parts before and after makes the forward transform the inverse one.
      a[k] = y;
      b[k] = x;
    }
    transform(a, b);
    for (let k = 0; k < n; k++) {
      const x = b[k] / size;
      const y = a[k] / size;
      re[k] = x * cos[k] - y * sin[k];
      im[k] = x * sin[k] + y * cos[k];
    }
  };
}
