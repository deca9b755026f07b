// The file to keep: a JPEG whose luma is the photograph's own, or a PNG, made in bands outside of any canvas.
import {renderRows} from "./guide.js";
import {TABLES, encodeJpeg, readLuma, segments, toBlocks} from "./jpeg.js";
import {reduce, toLuma} from "./luma.js";
import {orientationOf, readMetadata, toChunks, toSegments} from "./metadata.js";
import {encodePng} from "./png.js";

/**
 * @typedef {import("./photograph.js").Photograph} Photograph
 * @typedef {import("./guide.js").Coefficients} Coefficients
 * @typedef {{width: number, height: number, data: Uint8Array}} Plane
 * @typedef {{vividness: number, temperature: number, format: string, keep_position: boolean, mark: boolean, invert?: boolean}} Wanted
 */

const BAND = 1 << 20; // pixels at a time
const SMALL = 16; // pixels: up to this side chroma has luma's size
const CAPTION = "Colour added by an algorithm";

/**
 * @param {Photograph} photo
 * @param {Coefficients} coefficients
 * @param {Wanted} wanted
 * @returns {Promise<{blob: Blob, name: string}>}
 */
export async function encode(photo, coefficients, wanted) {
  const bytes = new Uint8Array(await photo.file.arrayBuffer()), metadata = readMetadata(bytes);
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8, stem = photo.name.replace(/\.[^.]*$/, "") || "photograph";
  if (wanted.format === "png" || !isJpeg) {
    const channels = photo.alpha ? 4 : 3;
    const blob = await encodePng(photo, channels, rows(photo, coefficients, wanted, channels), toChunks(metadata, wanted.keep_position));
    return {blob, name: `${stem}-colourised.png`};
  }
  const suffix = photo.name.match(/\.jpe?g$/i)?.[0] ?? ".jpg";
  const blob = await toJpeg(photo, coefficients, wanted, bytes, metadata);
  return {blob, name: `${stem}-colourised${suffix}`};
}

/**
 * Coloured rows, some at a time.
 * @param {Photograph} photo
 * @param {Coefficients} coefficients
 * @param {Wanted} wanted
 * @param {number} channels
 * @returns {Generator<Uint8Array<ArrayBuffer>>}
 */
function* rows(photo, coefficients, wanted, channels) {
  const {width, height, data, alpha} = photo, count = Math.max(1, Math.floor(BAND / width)), mark = wanted.mark ? caption(photo) : null;
  for (let top = 0; top < height; top += count) {
    const bottom = Math.min(height, top + count), out = new Uint8Array((bottom - top) * width * channels);
    renderRows(data, photo, coefficients, wanted, top, bottom, out, channels);
    if (alpha && channels === 4) for (let from = top * width, to = 3; to < out.length; from++, to += 4) out[to] = alpha[from];
    mark?.(out, top, bottom, channels);
    yield out;
  }
}

/**
 * Draws a small line into the corner that says what it is.
 * @param {import("../../viewer/stage.js").Size} size
 */
export function caption({width, height}) {
  const letters = Math.max(10, Math.round(Math.min(width, height) / 45)), wide = Math.min(width, letters * CAPTION.length), high = Math.min(height, 3 * letters);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(wide, high).getContext("2d"));
  Object.assign(context, {font: `${letters}px sans-serif`, textAlign: "right", textBaseline: "bottom", lineWidth: Math.max(2, letters / 6), fillStyle: "white", strokeStyle: "black"});
  context.strokeText(CAPTION, wide - letters, high - letters);
  context.fillText(CAPTION, wide - letters, high - letters);
  const {data} = context.getImageData(0, 0, wide, high), left = width - wide, first = height - high;
  /** @param {Uint8Array | Uint8ClampedArray} out @param {number} top @param {number} bottom @param {number} channels */
  return (out, top, bottom, channels) => {
    for (let y = Math.max(top, first); y < bottom; y++)
      for (let x = 0; x < wide; x++) {
        const from = 4 * ((y - first) * wide + x), to = channels * ((y - top) * width + left + x), share = data[from + 3] / 255;
        for (let channel = 0; share && channel < 3; channel++) out[to + channel] += share * (data[from + channel] - out[to + channel]);
      }
  };
}

/**
 * @param {Photograph} photo
 * @param {Coefficients} coefficients
 * @param {Wanted} wanted
 * @param {Uint8Array} bytes Of the file.
 * @param {import("./metadata.js").Metadata} metadata
 */
async function toJpeg(photo, coefficients, wanted, bytes, metadata) {
  const own = wanted.mark || wanted.invert ? null : await ownLuma(photo, bytes);
  const orientation = own ? orientationOf(metadata) : 1;
  const more = toSegments(metadata, wanted.keep_position, orientation);
  const stored = turn(photo, orientation), field = {...coefficients, ...turnPlanes(coefficients, orientation)};
  const small = Math.min(stored.width, stored.height) <= SMALL ? stored : reduce(stored, 2, 2);
  const luma = own ?? (wanted.mark ? markedLuma(photo, coefficients, wanted) : stored.data);
  const blocks = luma instanceof Uint8Array ? toBlocks(luma, stored.width, stored.height, TABLES.all) : luma;
  return encodeJpeg(blocks, chromaBlocks(small, field, wanted), more);
}

/**
 * The luma as it lies in a JPEG, if it is what the photograph shows.
 * @param {Photograph} photo
 * @param {Uint8Array} bytes
 */
async function ownLuma(photo, bytes) {
  try {
    if (segments(bytes).some(({marker, content}) => marker === 0xe2 && content[0] === 0x49 && content[1] === 0x43) && !await isPlain(photo)) return null;
    const luma = readLuma(bytes);
    return luma.width * luma.height === photo.width * photo.height ? luma : null;
  } catch (error) {
    console.warn("colouriser: luma is encoded anew, at the highest quality", error);
    return null;
  }
}

/** @param {Photograph} photo Whether its colour profile changes its luma by no more than rounding. */
async function isPlain({file, width, height, data}) {
  const side = 256, bitmap = await createImageBitmap(file, {colorSpaceConversion: "none"}), own = new Uint8Array(side * side);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(side, side).getContext("2d", {willReadFrequently: true}));
  const left = Math.max(0, width - side) >> 1, top = Math.max(0, height - side) >> 1;
  context.drawImage(bitmap, -left, -top); // its middle
  bitmap.close();
  toLuma(context.getImageData(0, 0, side, side).data, own);
  for (let y = 0; y < Math.min(side, height); y++)
    for (let x = 0; x < Math.min(side, width); x++) if (Math.abs(own[y * side + x] - data[(top + y) * width + left + x]) > 1) return false;
  return true;
}

/**
 * @param {Photograph} photo
 * @param {Coefficients} coefficients
 * @param {Wanted} wanted
 */
function markedLuma(photo, coefficients, wanted) {
  const out = new Uint8Array(photo.width * photo.height);
  let start = 0;
  for (const band of rows(photo, coefficients, wanted, 4)) {
    toLuma(band, out, start);
    start += band.length / 4;
  }
  return out;
}

/**
 * Cb and Cr of a plane in colour, as blocks.
 * @param {Plane} luma
 * @param {Coefficients} coefficients
 * @param {Wanted} wanted
 * @returns {[import("./jpeg.js").Blocks, import("./jpeg.js").Blocks]}
 */
function chromaBlocks(luma, coefficients, wanted) {
  const {width, height, data} = luma, planes = [new Uint8Array(width * height), new Uint8Array(width * height)];
  const count = Math.max(1, Math.floor(BAND / width)), rgb = new Uint8Array(3 * count * width);
  for (let top = 0; top < height; top += count) {
    const bottom = Math.min(height, top + count);
    renderRows(data, luma, coefficients, wanted, top, bottom, rgb, 3);
    for (let from = 0, to = top * width; to < bottom * width; from += 3, to++) {
      const [red, green, blue] = [rgb[from], rgb[from + 1], rgb[from + 2]];
      planes[0][to] = 128.5 - 0.168736 * red - 0.331264 * green + 0.5 * blue;
      planes[1][to] = 128.5 + 0.5 * red - 0.418688 * green - 0.081312 * blue;
    }
  }
  const [blue, red] = planes.map((plane) => toBlocks(plane, width, height, TABLES.chroma));
  return [blue, red];
}

/**
 * An upright plane as it is stored in a file of an EXIF orientation.
 * @param {Plane} plane
 * @param {number} orientation
 * @returns {Plane}
 */
function turn(plane, orientation) {
  if (orientation === 1) return plane;
  const {width, height, place} = turned(plane.width, plane.height, orientation), data = new Uint8Array(width * height);
  for (let y = 0, to = 0; y < height; y++) for (let x = 0; x < width; x++) data[to++] = plane.data[place(x, y)];
  return {width, height, data};
}

/**
 * The same of coefficients.
 * @param {Coefficients} coefficients
 * @param {number} orientation
 */
function turnPlanes({width: wide, height: high, data: from}, orientation) {
  const {width, height, place} = turned(wide, high, orientation), size = width * height, data = new Float32Array(from.length);
  for (let plane = 0; plane < 4; plane++)
    for (let i = 0; i < size; i++) data[plane * size + i] = from[plane * size + place(i % width, Math.floor(i / width))];
  return {width, height, data};
}

/**
 * Sizes as stored, and where a stored pixel lies in the upright plane.
 * @param {number} wide
 * @param {number} high
 * @param {number} orientation
 */
function turned(wide, high, orientation) {
  const [width, height] = orientation > 4 ? [high, wide] : [wide, high], [right, bottom] = [wide - 1, high - 1];
  /** @param {number} x @param {number} y */
  const place = (x, y) => {
    const [px, py] = [[x, y], [right - x, y], [right - x, bottom - y], [x, bottom - y], [y, x], [right - y, x], [right - y, bottom - x], [y, bottom - x]][orientation - 1];
    return py * wide + px;
  };
  return {width, height, place};
}
