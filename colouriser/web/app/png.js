// Writing PNG: by the browser's own deflate, in bands, so that neither a canvas nor a second copy of the photograph is needed.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const UP = 2; // the filter: a row less the one above it, which photographs pack well with
const TABLE = Uint32Array.from({length: 256}, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ value >>> 1 : value >>> 1;
  return value;
});

/**
 * The checksum of zip and PNG.
 * @param {Uint8Array} bytes
 * @param {number} sum Of what came before.
 */
export function crc32(bytes, sum = 0) {
  let value = ~sum;
  for (let i = 0; i < bytes.length; i++) value = TABLE[(value ^ bytes[i]) & 255] ^ value >>> 8;
  return ~value >>> 0;
}

/**
 * @param {string} name Four letters.
 * @param {Uint8Array} content
 */
export function chunk(name, content) {
  const out = new Uint8Array(content.length + 12), view = new DataView(out.buffer);
  view.setUint32(0, content.length);
  out.set([...name].map((letter) => letter.charCodeAt(0)), 4);
  out.set(content, 8);
  view.setUint32(content.length + 8, crc32(out.subarray(4, content.length + 8)));
  return out;
}

/**
 * @param {import("../../viewer/stage.js").Size} size
 * @param {number} channels 3, or 4 with alpha.
 * @param {Iterable<Uint8Array<ArrayBuffer>>} bands Whole rows.
 * @param {Uint8Array<ArrayBuffer>[]} chunks That stand before the pixels.
 * @returns {Promise<Blob>}
 */
export async function encodePng({width, height}, channels, bands, chunks) {
  const head = new Uint8Array(13), view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([8, channels === 4 ? 6 : 2, 0, 0, 0], 8);
  const length = width * channels, packer = new CompressionStream("deflate"), writer = packer.writable.getWriter();
  const packed = new Response(packer.readable).arrayBuffer();
  let above = new Uint8Array(length);
  for (const band of bands) {
    const rows = band.length / length, out = new Uint8Array(band.length + rows);
    for (let row = 0, to = 0; row < rows; row++) {
      const own = band.subarray(row * length, (row + 1) * length);
      out[to++] = UP;
      for (let i = 0; i < length; i++) out[to++] = own[i] - above[i];
      above = own;
    }
    await writer.write(out);
  }
  await writer.close();
  const parts = [new Uint8Array(SIGNATURE), chunk("IHDR", head), ...chunks, chunk("IDAT", new Uint8Array(await packed)), chunk("IEND", new Uint8Array(0))];
  return new Blob(parts, {type: "image/png"});
}
