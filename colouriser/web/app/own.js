// The colours that a photograph has already, judged from a small picture: what photo/own.py does, with its thresholds.

/**
 * @typedef {import("../../viewer/session.js").Colours} Colours
 * @typedef {{width: number, height: number, data: Uint8ClampedArray}} Picture RGBA.
 */

const BLOCK = 4, MOST = 99, FAINT = 4, UNEVEN = 10, TONE = 8, GROUND = 1, BETWEEN = 3, FADED = 0.86;
const MASK = [0.5, 0.75], BRIGHT = 98, SPACING = 20;

/**
 * What the colours of a small picture are.
 * @param {Picture} picture
 * @returns {Colours}
 */
export function kindOf(picture) {
  const {luma, chroma} = split(picture);
  if (largest(chroma, picture) <= FAINT) return "grey";
  if (isNegative(picture, luma)) return "negative";
  const beyond = beyondTone(luma, chroma);
  if (largest(beyond, picture) <= UNEVEN) return "toned";
  const distances = lengths(beyond), painted = distances.filter((distance) => distance > TONE).length;
  const between = distances.filter((distance) => distance > BETWEEN && distance <= TONE).length;
  return percentile(distances, 20) <= GROUND && between <= FADED * painted ? "tinted" : "colour";
}

/**
 * Places of a tinted photograph and the colours painted there, for hints.
 * @param {Picture} picture
 * @param {[number, number]} size Of the photograph.
 * @returns {{x: number, y: number, rgb: number[]}[]}
 */
export function tints(picture, size) {
  const {luma, chroma} = split(picture), distances = lengths(beyondTone(luma, chroma)), {width, height, data} = picture;
  const step = Math.max(1, Math.round(Math.max(width, height) / SPACING)), found = [];
  for (let row = step >> 1; row < height; row += step)
    for (let column = step >> 1; column < width; column += step) {
      const place = row * width + column;
      if (distances[place] > TONE)
        found.push({x: (column + 0.5) / width * size[0], y: (row + 0.5) / height * size[1], rgb: [...data.subarray(4 * place, 4 * place + 3)]});
    }
  return found;
}

/** @param {Picture} picture */
function split({data}) {
  const count = data.length / 4, luma = new Float64Array(count), chroma = new Float64Array(2 * count);
  for (let i = 0; i < count; i++) {
    const [red, green, blue] = [data[4 * i], data[4 * i + 1], data[4 * i + 2]];
    luma[i] = 0.299 * red + 0.587 * green + 0.114 * blue;
    chroma[2 * i] = (blue - luma[i]) / 1.772;
    chroma[2 * i + 1] = (red - luma[i]) / 1.402;
  }
  return {luma, chroma};
}

/**
 * Whether what is brightest has the colour of an orange mask.
 * @param {Picture} picture
 * @param {Float64Array} luma
 */
function isNegative({data}, luma) {
  const least = percentile(luma, BRIGHT), sums = [0, 0, 0];
  let ordered = 0;
  for (let i = 0; i < luma.length; i++) {
    const [red, green, blue] = [data[4 * i], data[4 * i + 1], data[4 * i + 2]];
    if (luma[i] >= least) for (const [channel, value] of [red, green, blue].entries()) sums[channel] += value;
    ordered += Number(red >= green && green >= blue);
  }
  const [red, green, blue] = sums;
  return red > 0 && blue < MASK[0] * red && green < MASK[1] * red && ordered > luma.length / 2;
}

/**
 * The length of all but the longest few, of the means of blocks.
 * @param {Float64Array} chroma
 * @param {Picture} picture
 */
function largest(chroma, {width, height}) {
  const found = [];
  for (let top = 0; top < height; top += BLOCK)
    for (let left = 0; left < width; left += BLOCK) {
      const sums = [0, 0], bottom = Math.min(height, top + BLOCK), right = Math.min(width, left + BLOCK);
      for (let y = top; y < bottom; y++)
        for (let x = left; x < right; x++) for (const axis of [0, 1]) sums[axis] += chroma[2 * (y * width + x) + axis];
      found.push(Math.hypot(...sums) / ((bottom - top) * (right - left)));
    }
  return percentile(found, MOST);
}

/** @param {Float64Array} chroma */
const lengths = (chroma) => Float64Array.from({length: chroma.length / 2}, (_, i) => Math.hypot(chroma[2 * i], chroma[2 * i + 1]));

/**
 * Chroma, less that of the photograph's tone: a curve over luma, fitted again and again to the half that is nearest.
 * @param {Float64Array} luma
 * @param {Float64Array} chroma
 */
function beyondTone(luma, chroma) {
  const level = luma.map((value) => value / 255);
  let near = new Uint8Array(luma.length).fill(1), left = chroma;
  for (let turn = 0; turn < 4; turn++) {
    const factors = [0, 1].map((axis) => fit(level, chroma, axis, near));
    left = chroma.map((value, i) => {
      const [constant, linear, square] = factors[i % 2], x = level[i >> 1];
      return value - (constant + linear * x + square * x * x);
    });
    const distances = lengths(left), most = Math.max(BETWEEN, percentile(distances, 50));
    near = Uint8Array.from(distances, (distance) => Number(distance <= most));
  }
  return left;
}

/**
 * Least squares of a parabola: the normal equations, solved by Cramer's rule; a line or a constant where luma does not
 * say more.
 * @param {Float64Array} level
 * @param {Float64Array} chroma
 * @param {number} axis
 * @param {Uint8Array} near
 * @returns {number[]}
 */
function fit(level, chroma, axis, near) {
  const powers = [0, 0, 0, 0, 0], right = [0, 0, 0];
  for (let i = 0; i < level.length; i++) {
    if (!near[i]) continue;
    for (let power = 0, value = 1; power < 5; power++, value *= level[i]) {
      powers[power] += value;
      if (power < 3) right[power] += value * chroma[2 * i + axis];
    }
  }
  const rows = [0, 1, 2].map((row) => powers.slice(row, row + 3)), whole = determinant(rows);
  if (Math.abs(whole) > 1e-9 * powers[0] ** 3)
    return [0, 1, 2].map((column) => determinant(rows.map((row, i) => row.map((value, j) => j === column ? right[i] : value))) / whole);
  const variance = powers[0] * powers[2] - powers[1] ** 2;
  if (variance <= 1e-9 * powers[0] ** 2) return [right[0] / Math.max(1, powers[0]), 0, 0];
  const slope = (powers[0] * right[1] - powers[1] * right[0]) / variance;
  return [(right[0] - slope * powers[1]) / powers[0], slope, 0];
}

/** @param {number[][]} rows */
const determinant = ([[a, b, c], [d, e, f], [g, h, i]]) => a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);

/**
 * As numpy's.
 * @param {ArrayLike<number>} values
 * @param {number} percent
 */
export function percentile(values, percent) {
  const sorted = Float64Array.from(values).sort(), place = percent / 100 * (sorted.length - 1), low = Math.floor(place);
  return sorted[low] + (place - low) * (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]);
}

