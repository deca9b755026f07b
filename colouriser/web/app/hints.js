// A hint is a colour at a place: what hints.py does, for the browser. `limitHints` keeps them to their things, `enforceHints`
// makes sure that they are obeyed, `suggest` reads likely colours from the palette, `sampleVariants` draws other colourings from it.
import {chromaOf, toRgb} from "./guide.js";
import {roundEven} from "./luma.js";

/**
 * @typedef {{x: number, y: number, colour: string, radius?: number}} Hint
 * @typedef {{top: number, left: number, height: number, width: number, chroma: ArrayLike<number>}} Patch In the small copy.
 * @typedef {{width: number, height: number, cells: Float32Array, probabilities: Float32Array}} Palette
 *   `cells`: chroma, Cb and Cr by turns. `probabilities`: of the cells at a place lie side by side.
 * @typedef {{columns: number, rows: number, channels: number, data: Float32Array}} Features What the encoder sees: planes.
 * @typedef {{other: number, same: number, match: number}} Likeness Of an encoder's features: see encoder.py.
 */

const MAX_PATCH = 9; // side of a patch: the network has seen none larger
const RADIUS = 0.01; // of the shorter side
const REACH = 0.21, LUMA_TOLERANCE = 0.16, CHROMA_TOLERANCE = 0.032; // how far a correction reaches
const WITHIN = 16 / 255, APART = 24 / 255; // chroma that the eye takes for one colour; of two suggestions
const OBJECTS = 6, SPACING = 0.2, CLEAR = 0.2; // of variants: places, their distance, least likelihood
const AROUND = 0.15; // of the side: nearer to a hint everything follows it

/**
 * Where hints for a photograph lie in its small copy.
 * @param {Hint[]} hints
 * @param {[number, number]} size Width and height.
 * @param {[number, number]} small
 * @returns {Patch[]}
 */
export function patches(hints, size, small) {
  return hints.map(({x, y, colour, radius = RADIUS * Math.min(...size)}) => {
    const [[left, width], [top, height]] = [x, y].map((place, axis) => {
      const scale = small[axis] / size[axis], side = Math.min(Math.max(roundEven(2 * radius * scale), 1), MAX_PATCH, small[axis]);
      return [Math.min(Math.max(roundEven((place + 0.5) * scale - side / 2), 0), small[axis] - side), side];
    });
    return {top, left, height, width, chroma: chromaOf(rgbOf(colour))};
  });
}

/** @param {string} colour #rrggbb */
export const rgbOf = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));

/** @param {ArrayLike<number>} rgb */
export const hexOf = (rgb) => "#" + Array.from(rgb, (value) => value.toString(16).padStart(2, "0")).join("");

/**
 * Patches as the network takes them: three planes, chroma and where hints are. Where two overlap, the later counts.
 * @param {Patch[]} found
 * @param {number} width
 * @param {number} height
 */
export function rasterise(found, width, height) {
  const out = new Float32Array(3 * width * height);
  for (const {top, left, height: high, width: wide, chroma} of found)
    for (let y = top; y < top + high; y++)
      for (let x = left; x < left + wide; x++)
        for (const [plane, value] of [chroma[0], chroma[1], 1].entries()) out[(plane * height + y) * width + x] = value;
  return out;
}

/**
 * Move predicted chroma to its hints where it falls short of them, less with distance, and with difference in luma and
 * in what was predicted; between hints what is missing is interpolated (Shepard 1968).
 * @param {Float32Array} luma Of chroma's size.
 * @param {Float32Array} chroma Two planes, half as large as the small copy.
 * @param {number} width
 * @param {number} height
 * @param {Patch[]} found
 * @returns {Float32Array}
 */
export function enforceHints(luma, chroma, width, height, found) {
  if (!found.length) return chroma;
  const size = width * height, total = new Float64Array(size), weights = new Float64Array(size).fill(1e-6);
  const missing = new Float64Array(2 * size), places = new Map();
  for (const patch of found) {
    const top = (2 * patch.top + patch.height - 1) / 4, left = (2 * patch.left + patch.width - 1) / 4;
    const row = Math.min(roundEven(top), height - 1), column = Math.min(roundEven(left), width - 1);
    places.set(row * width + column, {top, left, patch}); // of two at one place the later counts
  }
  for (const [place, {top, left, patch}] of places) {
    const reach = REACH * Math.sqrt(size) + patch.height / 4, here = [chroma[place], chroma[size + place]];
    const shareAt = (/** @type {number} */ i) => {
      const x = i % width, y = (i - x) / width;
      return Math.exp(-(((y - top) ** 2 + (x - left) ** 2) / reach ** 2 + ((luma[i] - luma[place]) / LUMA_TOLERANCE) ** 2
        + ((chroma[i] - here[0]) ** 2 + (chroma[size + i] - here[1]) ** 2) / CHROMA_TOLERANCE ** 2) / 2);
    };
    const most = shareAt(place);
    for (let i = 0; i < size; i++) {
      const share = Math.min(1, shareAt(i) / most), weight = share / (1 + 1e-4 - share);
      for (let plane = 0; plane < 2; plane++) missing[plane * size + i] += weight * (patch.chroma[plane] - here[plane]);
      weights[i] += weight;
      total[i] = Math.max(total[i], share);
    }
  }
  return chroma.map((value, i) => value + total[i % size] * missing[i] / weights[i % size]);
}

/**
 * Keep what hints change to what is around them, and to what looks like their things.
 * @param {Float32Array} before Chroma without them: two planes, half as large as the small copy.
 * @param {Float32Array} chroma The same with them.
 * @param {number} width
 * @param {number} height
 * @param {Features} features Of the photograph.
 * @param {Likeness} likeness
 * @param {Patch[]} found
 * @returns {Float32Array}
 */
export function limitHints(before, chroma, width, height, features, likeness, found) {
  const size = width * height, near = new Float32Array(size), seen = directions(features);
  const {columns, rows} = features, follows = new Float32Array(columns * rows);
  for (const patch of found) {
    const top = (2 * patch.top + patch.height) / 4, left = (2 * patch.left + patch.width) / 4;
    const row = Math.min(Math.floor(top / height * rows), rows - 1), column = Math.min(Math.floor(left / width * columns), columns - 1);
    const here = seen[row * columns + column];
    for (const [place, values] of seen.entries())
      follows[place] = Math.max(follows[place], Math.min(1, (product(values, here) - likeness.other) / (likeness.same - likeness.other)));
    for (let i = 0; i < size; i++) {
      const x = i % width, y = (i - x) / width, distance = ((y - top) ** 2 + (x - left) ** 2) / (AROUND ** 2 * size);
      near[i] = Math.max(near[i], Math.exp(-distance / 2));
    }
  }
  const alike = stretch(follows, columns, rows, width, height);
  return chroma.map((value, i) => before[i] + Math.max(alike[i % size], near[i % size]) * (value - before[i]));
}

/**
 * A plane at another size, between its places as PyTorch's `interpolate` has it.
 * @param {Float32Array} plane
 * @param {number} columns
 * @param {number} rows
 * @param {number} width
 * @param {number} height
 */
function stretch(plane, columns, rows, width, height) {
  const sides = [[columns, width], [rows, height]].map(([from, to]) => Array.from({length: to}, (_, i) => {
    const place = Math.max(0, (i + 0.5) * from / to - 0.5), low = Math.min(Math.floor(place), from - 1);
    return {low, high: Math.min(low + 1, from - 1), share: place - low};
  }));
  const out = new Float32Array(width * height);
  for (const [y, down] of sides[1].entries())
    for (const [x, across] of sides[0].entries()) {
      const [above, below] = [down.low, down.high].map((row) => {
        const left = plane[row * columns + across.low], right = plane[row * columns + across.high];
        return left + across.share * (right - left);
      });
      out[y * width + x] = above + down.share * (below - above);
    }
  return out;
}

/**
 * Likely colours at a place of the palette, most likely first, distinct to the eye.
 * @param {Palette} palette
 * @param {number} place
 * @param {number} luma
 * @param {number} count At most.
 * @returns {{rgb: number[], probability: number}[]}
 */
export function suggest({cells, probabilities}, place, luma, count) {
  const kinds = cells.length / 2, left = probabilities.slice(place * kinds, (place + 1) * kinds), found = [];
  const distance = (/** @type {number} */ i, /** @type {ArrayLike<number>} */ to) => Math.hypot(cells[2 * i] - to[0], cells[2 * i + 1] - to[1]);
  const around = (/** @type {number} */ j) => {
    let sum = 0;
    for (let i = 0; i < kinds; i++) if (distance(i, [cells[2 * j], cells[2 * j + 1]]) <= WITHIN) sum += left[i];
    return sum;
  };
  while (found.length < count) {
    const sums = Array.from(left, (_, j) => around(j)), best = sums.indexOf(Math.max(...sums)), mass = sums[best];
    if (!(mass > 1e-4)) break;
    const mean = [0, 0];
    for (let i = 0; i < kinds; i++)
      if (distance(i, [cells[2 * best], cells[2 * best + 1]]) <= WITHIN)
        for (const axis of [0, 1]) mean[axis] += left[i] * cells[2 * i + axis] / mass;
    found.push({rgb: toRgb(luma, mean), probability: mass});
    for (let i = 0; i < kinds; i++) if (distance(i, mean) <= APART) left[i] = 0;
  }
  return found;
}

/**
 * How unsure the palette is at each place, from 0 to 1: its entropy.
 * @param {Palette} palette
 */
export function entropy({cells, probabilities}) {
  const kinds = cells.length / 2, out = new Float32Array(probabilities.length / kinds);
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i];
    if (p > 0) out[Math.floor(i / kinds)] -= p * Math.log(p) / Math.log(kinds);
  }
  return out;
}

/**
 * Places where the palette is the least certain, apart from each other.
 * @param {Palette} palette
 */
function unsurePlaces(palette) {
  const {width, height} = palette, values = entropy(palette), left = new Float32Array(values.length);
  for (let i = 0; i < left.length; i++) {
    const x = i % width, y = (i - x) / width, around = [];
    for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++)
      for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) around.push(values[row * width + column]);
    left[i] = around.reduce((a, b) => a + b, 0) / around.length;
  }
  const reach = (SPACING * Math.max(width, height)) ** 2, places = [];
  while (places.length < OBJECTS) {
    let best = 0;
    for (let i = 1; i < left.length; i++) if (left[i] > left[best]) best = i;
    if (!(left[best] > 0)) break;
    places.push(best);
    const x = best % width, y = (best - x) / width;
    for (let i = 0; i < left.length; i++) if ((Math.floor(i / width) - y) ** 2 + (i % width - x) ** 2 < reach) left[i] = 0;
  }
  return places;
}

/**
 * Colours for the least certain objects, for several variants: each gives one of its objects another colour than all
 * before, and draws the others. The draws are not the library's, whose generator of random numbers is Python's.
 * @param {Palette} palette
 * @param {Float32Array} luma Of the palette's size.
 * @param {number} count
 * @returns {{place: number, rgb: number[]}[][]}
 */
export function sampleVariants(palette, luma, count) {
  const draw = random(1), places = unsurePlaces(palette), choices = places.map((place) => suggest(palette, place, luma[place], OBJECTS));
  return Array.from({length: count}, (_, variant) => places.map((place, index) => {
    const likely = choices[index];
    if (index === variant % places.length) return {place, rgb: likely[(1 + Math.floor(variant / places.length)) % likely.length].rgb};
    const clear = likely.filter(({probability}) => probability >= CLEAR * likely[0].probability);
    let left = draw() * clear.reduce((sum, {probability}) => sum + probability, 0);
    const chosen = clear.find(({probability}) => (left -= probability) <= 0) ?? clear[0];
    return {place, rgb: chosen.rgb};
  }));
}

/**
 * Numbers from 0 to 1 that a seed decides (Mulberry32, by T. Ettinger, public domain).
 * @param {number} seed
 */
function random(seed) {
  return () => {
    seed = seed + 0x6d2b79f5 | 0;
    let value = Math.imul(seed ^ seed >>> 15, 1 | seed);
    value = value + Math.imul(value ^ value >>> 7, 61 | value) ^ value;
    return ((value ^ value >>> 14) >>> 0) / 2 ** 32;
  };
}

/**
 * What the encoder sees at each place, of length 1.
 * @param {Features} features
 */
function directions({columns, rows, channels, data}) {
  const size = columns * rows;
  return Array.from({length: size}, (_, place) => {
    const values = Float32Array.from({length: channels}, (__, channel) => data[channel * size + place]);
    const norm = Math.max(1e-12, Math.sqrt(product(values, values)));
    return values.map((value) => value / norm);
  });
}

/**
 * @param {Float32Array} one
 * @param {Float32Array} other
 */
function product(one, other) {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += one[i] * other[i];
  return sum;
}

/**
 * Places of a photograph and, for each, the most similar of another, if it is alike enough.
 * @param {Features} own
 * @param {Features} other
 * @param {Likeness} likeness
 * @returns {[number, number][]}
 */
export function matchFeatures(own, other, likeness) {
  const [one, two] = [directions(own), directions(other)];
  return one.flatMap((values, place) => {
    let best = 0, most = -1;
    for (const [index, others] of two.entries()) {
      const cosine = product(values, others);
      if (cosine > most) [best, most] = [index, cosine];
    }
    return most >= likeness.match ? [/** @type {[number, number]} */ ([place, best])] : [];
  });
}
