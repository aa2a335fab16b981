"use strict";
// Pillow's bicubic resize of 8-bit pictures, bit for bit (its Resample.c): along rows and along columns, with whole-number
// coefficients of 22 bits behind the point. What predict does in Python the page so does by itself.
const Resize = (() => {
  const ONE = 2 ** 22;

  const cubic = (at) => {
    const x = Math.abs(at);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
  };

  // For each pixel of the result: the first pixel that it is made of, and the weights of that and those behind it.
  const weights = (from, to) => {
    const scale = from / to, wide = Math.max(scale, 1), support = 2 * wide;
    return Array.from({ length: to }, (_, i) => {
      const centre = (i + 0.5) * scale;
      const first = Math.max(0, Math.trunc(centre - support + 0.5));
      const last = Math.min(from, Math.trunc(centre + support + 0.5));
      const raw = Array.from({ length: last - first }, (_, k) => cubic((k + first - centre + 0.5) * (1 / wide)));
      const sum = raw.reduce((a, b) => a + b, 0);
      return { first, taps: raw.map((w) => Math.trunc((w / sum) * ONE + (w / sum < 0 ? -0.5 : 0.5))) };
    });
  };

  const clip = (sum) => Math.min(255, Math.max(0, Math.floor(sum / ONE)));

  // Along one direction: `step` bytes lie between neighbours in it, `across` starts lie in the other.
  const pass = (pixels, table, to, starts, step, outStarts, outStep) => {
    for (let line = 0; line < starts.length; line++) {
      for (let i = 0; i < table.length; i++) {
        const { first, taps } = table[i];
        for (let channel = 0; channel < 3; channel++) {
          let sum = ONE / 2, place = starts[line] + first * step + channel;
          for (let k = 0; k < taps.length; k++, place += step) sum += pixels[place] * taps[k];
          to[outStarts[line] + i * outStep + channel] = clip(sum);
        }
      }
    }
    return to;
  };

  const range = (count, step) => Array.from({ length: count }, (_, i) => i * step);

  // From RGB bytes of width x height pixels to those of side x side.
  const square = (pixels, width, height, side) => {
    const [alongRows, alongColumns] = [weights(width, side), weights(height, side)];
    const rows = (from, high) => pass(from, alongRows, new Uint8Array(side * high * 3),
      range(high, width * 3), 3, range(high, side * 3), 3);
    const columns = (from, wide) => pass(from, alongColumns, new Uint8Array(side * wide * 3),
      range(wide, 3), wide * 3, range(wide, 3), wide * 3);
    // Which comes first decides where is rounded. Pillow 13 begins with the columns of tall pictures; this is when.
    const tall = height > side && 2 * width < height + side;
    return tall ? rows(columns(pixels, width), side) : columns(rows(pixels, height), side);
  };

  return { square };
})();
