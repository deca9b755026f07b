// Bringing chroma to full size along the photograph's own edges, and merging it with untouched luma: what guide.py
// and colour.py do, in the same closed form. Chroma is (Cb, Cr) of full-range Rec. 601, in [-0.5, 0.5].

const RED = 0.299, GREEN = 0.587, BLUE = 0.114;
const CR_TO_RED = 2 * (1 - RED), CB_TO_BLUE = 2 * (1 - BLUE);
const WARM = [-0.05, 0.035]; // chroma that temperature 1 adds
const SMOOTHNESS = 0.1 ** 2; // luma variance below which there is no edge to follow

/** @typedef {{width: number, height: number, data: Float32Array}} Coefficients Slope (2) and offset (2) of chroma by luma. */

/**
 * Chroma of an RGB colour, 0 to 255.
 * @param {ArrayLike<number>} rgb
 * @returns {[number, number]}
 */
export function chromaOf(rgb) {
  const [red, green, blue] = [rgb[0] / 255, rgb[1] / 255, rgb[2] / 255], luma = RED * red + GREEN * green + BLUE * blue;
  return [(blue - luma) / CB_TO_BLUE, (red - luma) / CR_TO_RED];
}

/**
 * The RGB colour, 0 to 255, that has a luma, 0 to 1, and a chroma; as colourful as RGB allows.
 * @param {number} luma
 * @param {ArrayLike<number>} chroma
 * @returns {[number, number, number]}
 */
export function toRgb(luma, chroma) {
  const red = CR_TO_RED * chroma[1], blue = CB_TO_BLUE * chroma[0], green = -(RED * red + BLUE * blue) / GREEN;
  const scale = gamutScale(luma, Math.max(red, green, blue), Math.min(red, green, blue), 1);
  return [Math.round(255 * (luma + scale * red)), Math.round(255 * (luma + scale * green)), Math.round(255 * (luma + scale * blue))];
}

/**
 * How far a colour may go from grey before a channel leaves RGB.
 * @param {number} luma
 * @param {number} above The largest distance of a channel from luma.
 * @param {number} below The smallest.
 * @param {number} white
 */
const gamutScale = (luma, above, below, white) =>
  Math.min(1, (white - luma) / Math.max(above, 1e-6 * white), -luma / Math.min(below, -1e-6 * white));

/**
 * Coefficients that carry chroma to any size.
 * @param {Float32Array} luma Of chroma's size, in [0, 1].
 * @param {Float32Array} chroma Two planes.
 * @param {number} width
 * @param {number} height
 * @returns {Coefficients}
 */
export function guidedUpsampling(luma, chroma, width, height) {
  const size = width * height, out = new Float32Array(4 * size);
  const mean = (/** @type {(place: number) => number} */ value) => windowMeans(value, width, height);
  const luma1 = mean((i) => luma[i]), luma2 = mean((i) => luma[i] * luma[i]);
  for (let plane = 0; plane < 2; plane++) {
    const from = plane * size, mean1 = mean((i) => chroma[from + i]), both = mean((i) => luma[i] * chroma[from + i]);
    for (let i = 0; i < size; i++) {
      const slope = (both[i] - luma1[i] * mean1[i]) / (luma2[i] - luma1[i] ** 2 + SMOOTHNESS);
      const filtered = mean1[i] + slope * (luma[i] - luma1[i]);
      out[from + i] = slope;
      out[2 * size + from + i] = (chroma[from + i] + filtered) / 2 - slope * luma[i];
    }
  }
  return {width, height, data: out};
}

/**
 * Means over windows of 3 × 3, less at the borders.
 * @param {(place: number) => number} value
 * @param {number} width
 * @param {number} height
 */
function windowMeans(value, width, height) {
  const out = new Float64Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [top, bottom, left, right] = [Math.max(0, y - 1), Math.min(height - 1, y + 1), Math.max(0, x - 1), Math.min(width - 1, x + 1)];
      let sum = 0;
      for (let row = top; row <= bottom; row++)
        for (let column = left; column <= right; column++) sum += value(row * width + column);
      out[y * width + x] = sum / ((bottom - top + 1) * (right - left + 1));
    }
  return out;
}

/**
 * Colour some rows of a photograph; each pixel keeps its luma within 1/255.
 * @param {Uint8Array} luma Of the whole photograph.
 * @param {import("../../viewer/stage.js").Size} size Its size.
 * @param {Coefficients} coefficients
 * @param {{vividness: number, temperature: number}} settings
 * @param {number} top First row.
 * @param {number} bottom The row after the last.
 * @param {Uint8Array | Uint8ClampedArray} out Of those rows alone.
 * @param {number} channels 3, or 4 of which the last stays as it is.
 */
export function renderRows(luma, {width, height}, coefficients, {vividness, temperature}, top, bottom, out, channels) {
  const {width: columns, height: rows, data} = coefficients, size = columns * rows;
  const across = positions(columns, width), down = positions(rows, height), row = new Float32Array(4 * (columns + 1));
  for (let y = top, to = 0, from = top * width; y < bottom; y++) {
    const above = down.low[y] * columns, below = Math.min(down.low[y] + 1, rows - 1) * columns, weight = down.weight[y];
    for (let plane = 0; plane < 4; plane++) {
      const factor = plane < 2 ? vividness : 255 * vividness, added = plane < 2 ? 0 : WARM[plane - 2] * temperature * 255;
      for (let x = 0; x <= columns; x++) {
        const place = plane * size + Math.min(x, columns - 1), one = data[place + above];
        row[4 * x + plane] = (one + weight * (data[place + below] - one)) * factor + added;
      }
    }
    for (let x = 0; x < width; x++, from++, to += channels) {
      const grey = luma[from], left = 4 * across.low[x], share = across.weight[x];
      const slope0 = row[left] + share * (row[left + 4] - row[left]), slope1 = row[left + 1] + share * (row[left + 5] - row[left + 1]);
      const offset0 = row[left + 2] + share * (row[left + 6] - row[left + 2]), offset1 = row[left + 3] + share * (row[left + 7] - row[left + 3]);
      const blue = CB_TO_BLUE * (slope0 * grey + offset0), red = CR_TO_RED * (slope1 * grey + offset1);
      const green = -(RED * red + BLUE * blue) / GREEN;
      const above1 = Math.max(red, green, blue, 255e-6), below1 = Math.min(red, green, blue, -255e-6);
      const scale = Math.min(1, (255 - grey) / above1, -grey / below1);
      out[to] = grey + scale * red + 0.5;
      out[to + 1] = grey + scale * green + 0.5;
      out[to + 2] = grey + scale * blue + 0.5;
    }
  }
}

/**
 * Where the centres of pixels lie among those of fewer: index below, and weight of the index above.
 * @param {number} small
 * @param {number} large
 */
function positions(small, large) {
  const low = new Int32Array(large), weight = new Float32Array(large);
  for (let i = 0; i < large; i++) {
    const place = Math.min(Math.max((i + 0.5) * (small / large) - 0.5, 0), small - 1);
    low[i] = place;
    weight[i] = place - low[i];
  }
  return {low, weight};
}
