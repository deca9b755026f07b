// A photograph in memory: its luma, what it has of colours, and its file. Pixels are taken from the browser's decoder
// in bands, so that no canvas is as large as the photograph.
import {Failure} from "../../viewer/session.js";
import {toLuma} from "./luma.js";
import {leaves} from "./metadata.js";
import {kindOf, percentile} from "./own.js";

/**
 * @typedef {import("../../viewer/session.js").Colours} Colours
 * @typedef {import("./own.js").Picture} Picture
 *
 * @typedef {object} Photograph
 * @property {Blob} file
 * @property {string} name
 * @property {number} width Upright.
 * @property {number} height
 * @property {Uint8Array} data Luma, row by row.
 * @property {Uint8Array | null} alpha Where it is translucent; null if it is not.
 * @property {Colours} kind
 * @property {Picture} own A small picture of its colours.
 * @property {string[]} said What is odd about the file: keys of the texts.
 */

const MOST_PIXELS = 50_000_000, MOST_SIDE = 30_000; // browsers refuse canvases, or die, beyond
const BAND = 1 << 20; // pixels at a time
const OWN = 128; // side of the small picture

/**
 * @param {Blob} file
 * @param {string} name
 * @param {boolean} invert It is a negative.
 * @returns {Promise<Photograph>}
 */
export async function read(file, name, invert) {
  const bitmap = await decode(file, name);
  try {
    const {width, height} = bitmap;
    if (width * height > MOST_PIXELS || Math.max(width, height) > MOST_SIDE)
      throw new Failure("web_large", {width, height, megapixels: MOST_PIXELS / 1e6, side: MOST_SIDE});
    const data = new Uint8Array(width * height);
    let clear = true;
    for (const {rgba, top} of bands(bitmap)) {
      toLuma(rgba, data, top * width);
      for (let i = 3; clear && i < rgba.length; i += 4) clear = rgba[i] === 255;
    }
    let own = await smallPicture(bitmap), kind = kindOf(own), alpha = null;
    if (!clear) ({alpha, own} = await readTranslucent(file, bitmap, data, own));
    if (!clear) kind = kindOf(own);
    if (invert) {
      turn(data);
      kind = "grey";
    }
    return {file, name, width, height, data, alpha, kind, own, said: await oddities(file)};
  } catch (error) {
    throw error instanceof RangeError ? new Failure("web_memory") : error;
  } finally {
    bitmap.close();
  }
}

/**
 * @param {Blob} file
 * @param {string} name
 */
async function decode(file, name) {
  try { return await createImageBitmap(file); } catch {
    const start = new Uint8Array(await file.slice(0, 32).arrayBuffer());
    throw new Failure(isPhotograph(start) ? "web_undecodable" : "web_none", {name});
  }
}

/** @param {Blob} file What its pixels do not say: keys of the texts. */
async function oddities(file) {
  const bytes = new Uint8Array(await file.arrayBuffer()), said = [];
  if (await hasFrames(file)) said.push("several");
  if (isPng(bytes) && bytes[24] === 16) said.push("deep");
  if (leaves(bytes)) said.push("left");
  return said;
}

/** @param {Blob} file Whether it has more than one. */
async function hasFrames(file) {
  const {ImageDecoder} = /** @type {any} */ (globalThis); // Firefox and Chromium have it
  if (!ImageDecoder || !/^image\/(gif|webp|png|avif)$/.test(file.type)) return false;
  const decoder = new ImageDecoder({data: file.stream(), type: file.type});
  try {
    await decoder.tracks.ready;
    return decoder.tracks.selectedTrack?.frameCount > 1;
  } catch { return false; } finally { decoder.close(); }
}

/** @param {Uint8Array} start */
const isPng = (start) => start[0] === 0x89 && start[1] === 0x50;

/** @param {Uint8Array} start Of a file. Whether it begins as photographs do, also those that browsers cannot read. */
function isPhotograph(start) {
  const text = String.fromCharCode(...start);
  return ["\xff\xd8", "\x89PNG", "GIF8", "BM", "II*\0", "MM\0*", "8BPS", "\0\0\0\fjP"].some((sign) => text.startsWith(sign))
    || text.slice(8, 12) === "WEBP" || text.slice(4, 8) === "ftyp";
}

/**
 * The pixels, upright, some rows at a time.
 * @param {ImageBitmap} bitmap
 * @returns {Generator<{rgba: Uint8ClampedArray, top: number}>}
 */
function* bands(bitmap) {
  const {width, height} = bitmap, rows = Math.max(1, Math.floor(BAND / width));
  const canvas = new OffscreenCanvas(width, Math.min(rows, height));
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", {willReadFrequently: true}));
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.clearRect(0, 0, width, count);
    context.drawImage(bitmap, 0, -top);
    yield {rgba: context.getImageData(0, 0, width, count).data, top};
  }
}

/**
 * @param {ImageBitmap} bitmap
 * @returns {Promise<Picture>}
 */
async function smallPicture(bitmap) {
  const scale = Math.min(1, OWN / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const small = await createImageBitmap(bitmap, {resizeWidth: width, resizeHeight: height, resizeQuality: "high"});
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(width, height).getContext("2d"));
  context.drawImage(small, 0, 0);
  small.close();
  return {width, height, data: context.getImageData(0, 0, width, height).data};
}

/**
 * Luma and alpha of a translucent photograph. A canvas multiplies colours by alpha, which cannot be undone; a texture
 * has them as the file has.
 * @param {Blob} file
 * @param {ImageBitmap} bitmap
 * @param {Uint8Array} data Is written anew.
 * @param {Picture} own
 * @returns {Promise<{alpha: Uint8Array, own: Picture}>}
 */
async function readTranslucent(file, bitmap, data, own) {
  const {width, height} = bitmap, alpha = new Uint8Array(width * height);
  const straight = await createImageBitmap(file, {premultiplyAlpha: "none"});
  const gl = /** @type {WebGLRenderingContext | null} */ (new OffscreenCanvas(1, 1).getContext("webgl"));
  if (!gl) throw new Failure("web_translucent");
  const side = gl.getParameter(gl.MAX_TEXTURE_SIZE);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
  const small = new Uint8ClampedArray(own.data);
  for (let top = 0; top < height; top += side)
    for (let left = 0; left < width; left += side) {
      const [wide, high] = [Math.min(side, width - left), Math.min(side, height - top)];
      const part = await createImageBitmap(straight, left, top, wide, high, {premultiplyAlpha: "none"});
      const texture = gl.createTexture(), rgba = new Uint8Array(4 * wide * high);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, part);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
      gl.readPixels(0, 0, wide, high, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
      gl.deleteTexture(texture);
      part.close();
      for (let y = 0; y < high; y++) {
        const row = rgba.subarray(4 * y * wide, 4 * (y + 1) * wide), start = (top + y) * width + left;
        toLuma(row, data, start);
        for (let x = 0; x < wide; x++) alpha[start + x] = row[4 * x + 3];
      }
      takeSmall(small, own, rgba, {left, top, wide, high, width, height});
    }
  straight.close();
  return {alpha, own: {...own, data: small}};
}

/**
 * The small picture's pixels that lie in a part, without alpha.
 * @param {Uint8ClampedArray} small
 * @param {Picture} own
 * @param {Uint8Array} rgba
 * @param {{left: number, top: number, wide: number, high: number, width: number, height: number}} part
 */
function takeSmall(small, own, rgba, {left, top, wide, high, width, height}) {
  for (let place = 0; place < own.width * own.height; place++) {
    const x = Math.floor((place % own.width + 0.5) / own.width * width) - left;
    const y = Math.floor((Math.floor(place / own.width) + 0.5) / own.height * height) - top;
    if (x < 0 || y < 0 || x >= wide || y >= high) continue;
    for (let channel = 0; channel < 3; channel++) small[4 * place + channel] = rgba[4 * (y * wide + x) + channel];
  }
}

/** @param {Uint8Array} data Luma of a negative, which becomes a positive, as photo/read.py does it. */
function turn(data) {
  const step = Math.max(1, Math.floor(data.length / 1e6)), some = data.filter((_, index) => index % step === 0);
  const [black, white] = [percentile(some, 0.1), percentile(some, 99.9)];
  const table = Uint8Array.from({length: 256}, (_, value) =>
    Math.round(255 * Math.min(1, Math.max(0, (white - value) / Math.max(1 / 257, white - black)))));
  for (let i = 0; i < data.length; i++) data[i] = table[data[i]];
}
