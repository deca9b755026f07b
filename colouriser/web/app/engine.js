// Colours photographs, in a worker of the page: the answerer asks, and what it is told is sent back with the number of
// the question. It keeps the last photographs with what the network said of them.
import {Failure} from "../../viewer/session.js";
import {chromaOf, guidedUpsampling, renderRows} from "./guide.js";
import {enforceHints, entropy, hexOf, limitHints, matchFeatures, patches, rasterise, sampleVariants, suggest} from "./hints.js";
import {pool, resize, smallSize} from "./luma.js";
import {Network} from "./network.js";
import {tints} from "./own.js";
import {read} from "./photograph.js";
import {caption, encode} from "./save.js";

/**
 * @typedef {import("./photograph.js").Photograph} Photograph
 * @typedef {import("./hints.js").Patch} Patch
 * @typedef {import("../../viewer/session.js").Wish} Wish
 * @typedef {{key: number, file: Blob, name: string}} Given A photograph; `key` is its own.
 * @typedef {Omit<Wish, "photo" | "reference"> & {photo: Given, reference: Given | null, x?: number, y?: number, signal: AbortSignal}} Asked
 *
 * @typedef {object} Opened
 * @property {Photograph} photo
 * @property {[number, number]} small Size of the network's copy.
 * @property {Float32Array} luma Of that copy.
 * @property {Float32Array} half The same at half the size.
 * @property {Map<string, Promise<Prediction>>} predictions By what was wished for.
 * @property {Promise<Look> | null} plain The network's look without hints, once it was asked for.
 * @property {import("./luma.js").Plane | null} view What a person sees, once it was asked for.
 *
 * @typedef {{chroma: Float32Array, palette: Float32Array, features: import("./hints.js").Features}} Look Of the network.
 *
 * @typedef {object} Prediction
 * @property {boolean} [unlike] A reference was given of which nothing was taken.
 * @property {import("./guide.js").Coefficients} coefficients
 * @property {Float32Array} chroma
 * @property {import("./hints.js").Palette} palette
 * @property {Float32Array} luma Of the palette's size.
 */

const VIEW = 1600, THUMBNAIL = 320; // longest sides of what is looked at
const QUALITY = 0.9; // of JPEGs that are only looked at
const COLOURINGS = 4; // other ones that are offered
const SUGGESTED = 6; // colours at a place
const CERTAIN = 0.57, UNSURE = 0.68; // entropy below which nothing is hatched, and all from
const KEPT = 2, KEPT_PREDICTIONS = 12; // photographs, one of them a reference; and what was said of each
const FAINT = 4 / 255; // chroma of a reference that has none
const STRIDE = 16; // of the features by which places are compared

/** @type {Map<string, Promise<Opened>>} The one that was used last is at the end. */
const kept = new Map();
/** @type {Promise<Network> | null} */
let loading = null;

/**
 * @param {Given} given
 * @param {boolean} invert
 * @returns {Promise<Opened>}
 */
function open(given, invert) {
  const key = `${given.key} ${invert}`, found = kept.get(key) ?? openAnew(given, invert);
  kept.delete(key);
  kept.set(key, found);
  found.catch(() => kept.delete(key));
  for (const old of [...kept.keys()].slice(0, -KEPT)) kept.delete(old);
  return found;
}

/**
 * @param {Given} given
 * @param {boolean} invert
 * @returns {Promise<Opened>}
 */
async function openAnew({file, name}, invert) {
  const photo = await read(file, name, invert), small = smallSize(photo.width, photo.height);
  const luma = Float32Array.from(resize(photo, ...small).data, (value) => value / 255);
  return {photo, small, luma, half: pool(luma, 1, small, [small[0] / 2, small[1] / 2]), predictions: new Map(), plain: null, view: null};
}

/**
 * What the network says of a photograph as it is wished for.
 * @param {Opened} opened
 * @param {Asked} asked
 * @returns {Promise<Prediction>}
 */
function predict(opened, asked) {
  const {hints, variant, reference, strength, keep_tints} = asked;
  const key = JSON.stringify([hints, variant, reference?.key, reference && strength, keep_tints]);
  const found = opened.predictions.get(key) ?? predictAnew(opened, asked);
  opened.predictions.delete(key);
  opened.predictions.set(key, found);
  found.catch(() => opened.predictions.delete(key));
  for (const old of [...opened.predictions.keys()].slice(0, -KEPT_PREDICTIONS)) opened.predictions.delete(old);
  return found;
}

/**
 * @param {Opened} opened
 * @param {Asked} asked
 */
async function predictAnew(opened, asked) {
  const {photo, small} = opened, size = /** @type {[number, number]} */ ([photo.width, photo.height]);
  const painted = asked.keep_tints && photo.kind === "tinted" ? tints(photo.own, size).map(({x, y, rgb}) => ({x, y, colour: hexOf(rgb)})) : [];
  const others = asked.variant ? await variantHints(opened, asked) : [];
  const borrowed = asked.reference ? await borrow(opened, asked.reference, asked.strength) : [];
  const prediction = await paint(opened, borrowed, patches([...painted, ...others, ...asked.hints], size, small));
  return {...prediction, unlike: Boolean(asked.reference) && !borrowed.length};
}

/**
 * @param {Opened} opened
 * @param {Patch[]} borrowed
 * @param {Patch[]} found
 * @returns {Promise<Prediction>}
 */
async function paint(opened, borrowed = [], found = []) {
  const {small, luma, half} = opened, {cells, likeness} = await theNetwork(), [width, height] = [small[0] / 2, small[1] / 2];
  const given = [...borrowed, ...found], painting = await look(opened, given);
  let {chroma} = painting;
  if (found.length) {
    const before = await look(opened, borrowed), features = borrowed.length ? (await look(opened, [])).features : before.features;
    chroma = limitHints(before.chroma, chroma, width, height, features, likeness, found);
  }
  chroma = enforceHints(half, chroma, width, height, given);
  if (!chroma.every(Number.isFinite)) throw new Failure("web_model", {reason: "NaN"});
  const [columns, rows] = small.map((side) => Math.ceil(side / 4)), size = columns * rows;
  return {coefficients: guidedUpsampling(half, chroma, width, height), chroma, luma: pool(luma, 1, small, [columns, rows]),
    palette: {width: columns, height: rows, cells, probabilities: softmax(painting.palette, cells.length / 2, size)}};
}

/**
 * One look of the network. That without hints is kept, since others are compared with it.
 * @param {Opened} opened
 * @param {Patch[]} found
 * @returns {Promise<Look>}
 */
function look(opened, found) {
  const {luma, small, plain} = opened;
  if (!found.length && plain) return plain;
  const looked = theNetwork().then((network) => network.paint(luma, rasterise(found, ...small), ...small)).then(({chroma, palette, features, channels}) => {
    const [columns, rows] = small.map((side) => Math.ceil(side / STRIDE));
    return {chroma, palette, features: {columns, rows, channels, data: features}};
  });
  if (!found.length) {
    opened.plain = looked;
    looked.catch(() => opened.plain = null);
  }
  return looked;
}

/**
 * Probabilities, those of a place side by side.
 * @param {Float32Array} logits Planes.
 * @param {number} kinds
 * @param {number} size
 */
function softmax(logits, kinds, size) {
  const out = new Float32Array(kinds * size);
  for (let place = 0; place < size; place++) {
    let most = -Infinity, sum = 0;
    for (let kind = 0; kind < kinds; kind++) most = Math.max(most, logits[kind * size + place]);
    for (let kind = 0; kind < kinds; kind++) sum += out[place * kinds + kind] = Math.exp(logits[kind * size + place] - most);
    for (let kind = 0; kind < kinds; kind++) out[place * kinds + kind] /= sum;
  }
  return out;
}

/**
 * Hints of one of the other colourings.
 * @param {Opened} opened
 * @param {Asked} asked
 */
async function variantHints(opened, asked) {
  const {palette, luma} = await predict(opened, {...asked, hints: [], variant: 0}), {photo} = opened;
  if (!palette.cells.length) throw new Failure("web_no_palette");
  const across = photo.width / palette.width, down = photo.height / palette.height;
  return (sampleVariants(palette, luma, asked.variant).at(-1) ?? []).map(({place, rgb}) => ({
    x: Math.min((place % palette.width + 0.5) * across, photo.width - 1), y: Math.min((Math.floor(place / palette.width) + 0.5) * down, photo.height - 1),
    colour: hexOf(rgb), radius: Math.min(across, down) / 2}));
}

/**
 * Patches with a reference's colours where it shows the same things.
 * @param {Opened} opened
 * @param {Given} reference
 * @param {number} strength
 * @returns {Promise<Patch[]>}
 */
async function borrow(opened, reference, strength) {
  const other = await open(reference, false);
  const {features: own} = await look(opened, []), {features: theirs} = await look(other, []);
  const {columns: across, rows: down} = own, colours = await chromaGrid(other, [theirs.columns, theirs.rows]);
  if (!colours) throw new Failure("web_reference_grey");
  const usual = await paint(opened), half = /** @type {[number, number]} */ ([opened.small[0] / 2, opened.small[1] / 2]);
  const before = pool(usual.chroma, 2, half, [across, down]), count = across * down, there = colours.length / 2;
  return matchFeatures(own, theirs, (await theNetwork()).likeness).map(([place, match]) => {
    const chroma = [0, 1].map((axis) => before[axis * count + place] + strength * (colours[axis * there + match] - before[axis * count + place]));
    const [left, top] = [place % across, Math.floor(place / across)].map((cell, axis) => Math.min(cell * STRIDE + STRIDE / 2 - 2, opened.small[axis] - 4));
    return {top, left, height: 4, width: 4, chroma};
  });
}

/**
 * A reference's chroma as means over a grid; null if it is grey.
 * @param {Opened} opened
 * @param {[number, number]} grid
 */
async function chromaGrid({photo, small}, grid) {
  const bitmap = await createImageBitmap(photo.file, {resizeWidth: small[0], resizeHeight: small[1], resizeQuality: "high"});
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(...small).getContext("2d"));
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const {data} = context.getImageData(0, 0, ...small), size = small[0] * small[1], chroma = new Float32Array(2 * size);
  for (let i = 0; i < size; i++) {
    [chroma[i], chroma[size + i]] = chromaOf(data.subarray(4 * i, 4 * i + 3));
  }
  return chroma.some((value) => Math.abs(value) >= FAINT) ? pool(chroma, 2, small, grid) : null;
}

/**
 * A picture to look at.
 * @param {Opened} opened
 * @param {import("./guide.js").Coefficients | null} coefficients Null for grey.
 * @param {Pick<Asked, "vividness" | "temperature" | "mark">} settings
 * @param {number} side
 */
async function show(opened, coefficients, settings, side) {
  const {photo} = opened, scale = Math.min(1, side / Math.max(photo.width, photo.height));
  const [width, height] = [photo.width, photo.height].map((length) => Math.max(1, Math.round(length * scale)));
  const fit = (/** @type {Uint8Array} */ data) => scale < 1 ? resize({...photo, data}, width, height).data : data;
  const luma = side === VIEW ? (opened.view ??= {width, height, data: fit(photo.data)}).data : fit(photo.data);
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  if (coefficients) renderRows(luma, {width, height}, coefficients, settings, 0, height, rgba, 4);
  else for (let i = 0; i < luma.length; i++) rgba.fill(luma[i], 4 * i, 4 * i + 3);
  if (coefficients && settings.mark) caption({width, height})(rgba, 0, height, 4);
  const alpha = photo.alpha && fit(photo.alpha);
  if (alpha) for (let i = 0; i < alpha.length; i++) rgba[4 * i + 3] = alpha[i];
  return toBlob(new ImageData(rgba, width, height), alpha ? "image/png" : "image/jpeg");
}

/**
 * @param {ImageData} pixels
 * @param {string} type
 */
function toBlob(pixels, type) {
  const canvas = new OffscreenCanvas(pixels.width, pixels.height);
  /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(pixels, 0, 0);
  return canvas.convertToBlob({type, quality: QUALITY});
}

/** @type {(opened: Opened, asked: Asked) => boolean} Whether it is in colour already, and stays as it is. */
const stays = ({photo}, asked) => photo.kind === "colour" && !asked.recolour;

/** @type {Record<string, (asked: Asked) => Promise<object>>} The answerer's seven calls, with blobs in place of addresses. */
const calls = {
  async colour(asked) {
    const opened = await openAsked(asked), {photo} = opened, prediction = stays(opened, asked) ? null : await predict(opened, asked);
    const blob = prediction ? await show(opened, prediction.coefficients, asked, VIEW) : photo.file;
    const said = prediction?.unlike ? [...photo.said, "unlike"] : photo.said;
    return {blob, width: photo.width, height: photo.height, said, kind: photo.kind, corrects: (await facts).hints};
  },
  async look(asked) { return {blob: await show(await openAsked(asked), null, asked, VIEW)}; },
  async vary(asked) {
    const opened = await openAsked(asked), blobs = [];
    for (let variant = 0; variant <= COLOURINGS && !asked.signal.aborted; variant++)
      blobs.push(await show(opened, (await predict(opened, {...asked, variant})).coefficients, asked, THUMBNAIL));
    return {blobs};
  },
  async suggest(asked) {
    const opened = await openAsked(asked), {palette, luma} = await predict(opened, asked), {photo} = opened;
    if (!palette.cells.length) throw new Failure("web_no_palette");
    const column = Math.min(Math.floor((asked.x ?? 0) * palette.width / photo.width), palette.width - 1);
    const row = Math.min(Math.floor((asked.y ?? 0) * palette.height / photo.height), palette.height - 1), place = row * palette.width + column;
    return {colours: suggest(palette, place, luma[place], SUGGESTED).map(({rgb, probability}) => ({colour: hexOf(rgb), probability}))};
  },
  async unsure(asked) {
    const {palette} = await predict(await openAsked(asked), asked), pixels = new ImageData(palette.width, palette.height);
    if (!palette.cells.length) throw new Failure("web_no_palette");
    for (const [i, value] of entropy(palette).entries())
      pixels.data[4 * i + 3] = 255 * Math.min(1, Math.max(0, (value - CERTAIN) / (UNSURE - CERTAIN)));
    return {blob: await toBlob(pixels, "image/png")};
  },
  async full(asked) { return calls.save({...asked, format: "original"}); },
  async save(asked) {
    const opened = await openAsked(asked), {photo} = opened;
    if (stays(opened, asked)) return {blob: photo.file, name: photo.name};
    return encode(photo, (await predict(opened, asked)).coefficients, /** @type {Required<Asked>} */ (asked));
  },
};

/** @param {Asked} asked */
const openAsked = (asked) => open(asked.photo, asked.invert ?? false);

const facts = fetch(new URL("../../build.json", import.meta.url)).then((answer) => answer.json());

function theNetwork() {
  if (loading) return loading;
  loading = facts.then((build) => Network.load(build, (loaded, total) => postMessage({loading: {loaded, total}}))).then((network) => {
    postMessage({loaded: {kind: network.kind, threads: network.runtime.env.wasm.numThreads}});
    return network;
  }).catch((error) => {
    loading = null; // the next photograph tries again
    throw typeof WebAssembly === "undefined" ? new Failure("web_no_wasm") : new Failure("web_model", {reason: error.message});
  });
  return loading;
}

/** @type {Map<number, AbortController>} Questions that are being answered. */
const running = new Map();

addEventListener("message", async ({data: {cancelled, id, name, asked}}) => {
  if (cancelled) { running.get(cancelled)?.abort(); return; }
  const controller = new AbortController();
  running.set(id, controller);
  try {
    postMessage({id, answer: await calls[name]({...asked, signal: controller.signal})});
  } catch (error) {
    const {key, values, message} = /** @type {Failure} */ (error);
    if (!key) console.error(error);
    postMessage({id, failure: key ? {key, values} : error instanceof RangeError ? {key: "web_memory"} : {key: "web_failed", values: {reason: message}}});
  } finally {
    running.delete(id);
  }
});
theNetwork().catch(() => {}); // it is told when a photograph is to be coloured
