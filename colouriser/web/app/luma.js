// What the network sees of a photograph: luma as Pillow's convert("L"), and a small copy of it, made as the
// library makes it (pipeline.py), so that both ask the network the same.

/** @typedef {{width: number, height: number, data: Uint8Array}} Plane Luma, row by row. */

const DETAIL = 224; // the small copy has about so many pixels squared
const MAX_RATIO = 4; // a side of it is at most so many times that
export const STRIDE = 32; // the network's: sides are padded to a multiple of it
const GAP = 2; // a picture is brought to twice its new size by means of blocks, which costs little
/** Of the small copy's sides; those near 1 first. */
const FACTORS = Array.from({length: 13}, (_, index) => 1 + (index - 6) / 100).sort((a, b) => Math.abs(a - 1) - Math.abs(b - 1));

/**
 * Luma of pixels.
 * @param {Uint8ClampedArray | Uint8Array} rgba
 * @param {Uint8Array} out
 * @param {number} start Of the first pixel in `out`.
 */
export function toLuma(rgba, out, start = 0) {
  for (let from = 0, to = start; from < rgba.length; from += 4, to++)
    out[to] = (rgba[from] * 19595 + rgba[from + 1] * 38470 + rgba[from + 2] * 7471 + 0x8000) >> 16;
}

/**
 * Width and height of the network's copy: an area of about DETAIL², aspect kept, sides even, and as little to pad as
 * 6 % more or less allow.
 * @param {number} width
 * @param {number} height
 * @returns {[number, number]}
 */
export function smallSize(width, height, detail = DETAIL) {
  const sizes = FACTORS.map((factor) => {
    const scale = factor * detail / Math.sqrt(width * height);
    return /** @type {[number, number]} */ ([width, height].map((side) =>
      2 * Math.min(Math.max(roundEven(side * scale / 2), 16), Math.floor(MAX_RATIO * detail / 2))));
  });
  const padded = sizes.map(([a, b]) => toStride(a) * toStride(b) / (a * b));
  return sizes[padded.indexOf(Math.min(...padded))];
}

/** @param {number} side */
export const toStride = (side) => Math.max(2, Math.ceil(side / STRIDE)) * STRIDE;

/**
 * To the nearest whole number, as Python does it.
 * @param {number} value
 */
export const roundEven = (value) => value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);

/**
 * A smaller or larger copy: bilinear with antialiasing, as Pillow's.
 * @param {Plane} plane
 * @param {number} width
 * @param {number} height
 * @returns {Plane}
 */
export function resize(plane, width, height) {
  const across = Math.max(1, Math.floor(plane.width / width / GAP)), down = Math.max(1, Math.floor(plane.height / height / GAP));
  const reduced = across > 1 || down > 1 ? reduce(plane, across, down) : plane;
  const columns = weights(plane.width / across, reduced.width, width), rows = weights(plane.height / down, reduced.height, height);
  const between = new Uint8Array(width * reduced.height), data = new Uint8Array(width * height);
  for (let y = 0; y < reduced.height; y++)
    for (let x = 0; x < width; x++) {
      const {first, factors} = columns[x];
      let sum = 0.5;
      for (let i = 0, from = y * reduced.width + first; i < factors.length; i++) sum += reduced.data[from + i] * factors[i];
      between[y * width + x] = sum;
    }
  for (let y = 0; y < height; y++) {
    const {first, factors} = rows[y];
    for (let x = 0; x < width; x++) {
      let sum = 0.5;
      for (let i = 0, from = first * width + x; i < factors.length; i++, from += width) sum += between[from] * factors[i];
      data[y * width + x] = sum;
    }
  }
  return {width, height, data};
}

/**
 * Means of blocks.
 * @param {Plane} plane
 * @param {number} across Pixels of a block.
 * @param {number} down
 * @returns {Plane}
 */
export function reduce({width, height, data}, across, down) {
  const columns = Math.ceil(width / across), rows = Math.ceil(height / down), out = new Uint8Array(columns * rows);
  const sums = new Uint32Array(columns);
  for (let row = 0; row < rows; row++) {
    const top = row * down, bottom = Math.min(height, top + down);
    sums.fill(0);
    for (let y = top; y < bottom; y++)
      for (let column = 0, x = 0, from = y * width; column < columns; column++) {
        const end = Math.min(width, x + across);
        let sum = 0;
        for (; x < end; x++) sum += data[from + x];
        sums[column] += sum;
      }
    for (let column = 0; column < columns; column++) {
      const count = (Math.min(width, (column + 1) * across) - column * across) * (bottom - top);
      out[row * columns + column] = sums[column] / count + 0.5;
    }
  }
  return {width: columns, height: rows, data: out};
}

/**
 * For each new pixel, which old ones it is made of: a triangle of at least a pixel to either side.
 * @param {number} length That the new pixels cover, in old ones.
 * @param {number} count Of old pixels.
 * @param {number} wanted Of new ones.
 */
function weights(length, count, wanted) {
  const scale = length / wanted, support = Math.max(1, scale);
  return Array.from({length: wanted}, (_, index) => {
    const centre = (index + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - support + 0.5)), end = Math.min(count, Math.floor(centre + support + 0.5));
    const factors = Array.from({length: end - first}, (__, i) => Math.max(0, 1 - Math.abs((first + i - centre + 0.5) / support)));
    const sum = factors.reduce((a, b) => a + b, 0);
    return {first, factors: factors.map((factor) => factor / sum)};
  });
}

/**
 * A plane with sides that are multiples of the stride, by repeating its last row and column.
 * @param {Float32Array} plane
 * @param {number} width
 * @param {number} height
 * @returns {Float32Array}
 */
export function pad(plane, width, height) {
  const wide = toStride(width), high = toStride(height), out = new Float32Array(wide * high);
  for (let y = 0; y < high; y++)
    for (let x = 0; x < wide; x++) out[y * wide + x] = plane[Math.min(y, height - 1) * width + Math.min(x, width - 1)];
  return out;
}

/**
 * The upper left part of planes.
 * @param {Float32Array} planes
 * @param {number} count
 * @param {[number, number]} from Width and height.
 * @param {[number, number]} to
 * @returns {Float32Array}
 */
export function crop(planes, count, [wide, high], [width, height]) {
  const out = new Float32Array(count * width * height);
  for (let plane = 0; plane < count; plane++)
    for (let y = 0; y < height; y++) {
      const from = (plane * high + y) * wide;
      out.set(planes.subarray(from, from + width), (plane * height + y) * width);
    }
  return out;
}

/**
 * Means of planes over a coarser grid, as torch's adaptive average.
 * @param {ArrayLike<number>} planes
 * @param {number} count
 * @param {[number, number]} from Width and height.
 * @param {[number, number]} to
 * @returns {Float32Array}
 */
export function pool(planes, count, [width, height], [columns, rows]) {
  const out = new Float32Array(count * columns * rows);
  /** @param {number} index @param {number} cells @param {number} side */
  const span = (index, cells, side) => [Math.floor(index * side / cells), Math.ceil((index + 1) * side / cells)];
  for (let plane = 0; plane < count; plane++)
    for (let row = 0; row < rows; row++) {
      const [top, bottom] = span(row, rows, height);
      for (let column = 0; column < columns; column++) {
        const [left, right] = span(column, columns, width);
        let sum = 0;
        for (let y = top; y < bottom; y++)
          for (let x = left; x < right; x++) sum += planes[(plane * height + y) * width + x];
        out[(plane * rows + row) * columns + column] = sum / ((bottom - top) * (right - left));
      }
    }
  return out;
}
