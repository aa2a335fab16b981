"use strict";
// What an answer hangs on: the picture moved, mirrored and turned, and with a part covered. Images are RGB bytes.
const Explain = (() => {
  // The pixel of `image` at (x, y), between pixels a mean of four; beyond the edge the edge is repeated.
  const sample = (image, side, x, y, channel) => {
    const at = (value) => Math.min(side - 1, Math.max(0, value));
    const [left, top] = [Math.floor(x), Math.floor(y)], [u, v] = [x - left, y - top];
    const pixel = (column, row) => image[(at(row) * side + at(column)) * 3 + channel];
    return (1 - v) * ((1 - u) * pixel(left, top) + u * pixel(left + 1, top))
      + v * ((1 - u) * pixel(left, top + 1) + u * pixel(left + 1, top + 1));
  };

  // `right` and `down` are parts of the side, `degrees` clockwise.
  const moved = (image, side, { right = 0, down = 0, degrees = 0, mirror = false }) => {
    const out = new Uint8Array(image.length), centre = (side - 1) / 2, turn = (degrees * Math.PI) / 180;
    const near = (value) => Math.round(value * 1e9) / 1e9; // a quarter turn moves whole pixels
    const [cos, sin, dx, dy] = [near(Math.cos(turn)), near(Math.sin(turn)), Math.round(right * side), Math.round(down * side)];
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const [u, v] = [x - centre - dx, y - centre - dy];
        const across = cos * u + sin * v, along = cos * v - sin * u;
        for (let channel = 0; channel < 3; channel++) {
          const value = sample(image, side, centre + (mirror ? -across : across), centre + along, channel);
          out[(y * side + x) * 3 + channel] = Math.round(value);
        }
      }
    }
    return out;
  };

  // Where the upper left corners of the patches lie, and how large these are, in pixels.
  const patches = (side, { patch, stride }) => {
    const size = Math.max(1, Math.round(patch * side)), step = Math.max(1, Math.round(stride * side)), starts = [];
    for (let at = 0; at < side - size; at += step) starts.push(at);
    starts.push(side - size);
    return { size, corners: starts.flatMap((top) => starts.map((left) => [top, left])) };
  };

  const mean = (image) => {
    const sums = [0, 0, 0];
    image.forEach((value, i) => { sums[i % 3] += value; });
    return sums.map((sum) => Math.round((3 * sum) / image.length));
  };

  const covered = (image, side, [top, left], size, colour) => {
    const out = Uint8Array.from(image);
    for (let y = top; y < top + size; y++) for (let x = left; x < left + size; x++) out.set(colour, (y * side + x) * 3);
    return out;
  };

  // For each pixel the mean drop of the probability over the patches that cover it.
  const heat = (drops, side, { size, corners }) => {
    const sums = new Float64Array(side * side), counts = new Uint16Array(side * side);
    corners.forEach(([top, left], i) => {
      for (let y = top; y < top + size; y++) {
        for (let x = left; x < left + size; x++) { sums[y * side + x] += drops[i]; counts[y * side + x]++; }
      }
    });
    return sums.map((sum, i) => (counts[i] ? sum / counts[i] : 0));
  };

  // In words, where the centre of a patch lies.
  const place = ([top, left], size, side) => {
    const third = (at) => Math.min(2, Math.floor((3 * (at + size / 2)) / side));
    const [row, column] = [["upper", "middle", "lower"][third(top)], ["left", "centre", "right"][third(left)]];
    return row === "middle" && column === "centre" ? "the centre" : `the ${row} ${column}`;
  };

  // Standard deviation of all bytes, 0 to 127.5.
  const spread = (image) => {
    const middle = image.reduce((a, b) => a + b, 0) / image.length;
    return Math.sqrt(image.reduce((sum, value) => sum + (value - middle) ** 2, 0) / image.length);
  };

  // Many images as one array of bytes.
  const joined = (images) => {
    const out = new Uint8Array(images.reduce((sum, image) => sum + image.length, 0));
    images.reduce((at, image) => { out.set(image, at); return at + image.length; }, 0);
    return out;
  };

  // Indices of the largest, of equal ones the lower first.
  const best = (row, count) => [...row.keys()].sort((a, b) => row[b] - row[a] || a - b).slice(0, count);

  const softmax = (logits, temperature) => {
    const most = Math.max(...logits), parts = Array.from(logits, (value) => Math.exp((value - most) / temperature));
    const sum = parts.reduce((a, b) => a + b, 0);
    return parts.map((part) => part / sum);
  };

  return { moved, patches, mean, covered, heat, place, spread, joined, best, softmax };
})();
