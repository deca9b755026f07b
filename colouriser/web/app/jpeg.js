// JPEG to JPEG: the luma stays, coefficient by coefficient, and only chroma is new, at half the size (photo/jpeg.py does
// the same). Luma, Cb and Cr are scans of their own (ITU T.81, A.2.2), so that no block of luma has to move.

/**
 * @typedef {object} Blocks Quantised coefficients of 8 × 8 pixels each, in zigzag order, row by row of blocks.
 * @property {number} width In pixels.
 * @property {number} height
 * @property {Int16Array} data
 * @property {ArrayLike<number>} table Quantisation, in zigzag order.
 *
 * @typedef {{counts: number[], values: Uint8Array}} Codes Of Huffman: how many of each length, and what they stand for.
 */

const SOI = 0xd8, EOI = 0xd9, SOS = 0xda, DQT = 0xdb, DHT = 0xc4, DRI = 0xdd, BASELINE = 0xc0, PROGRESSIVE = 0xc2;
export const APP = 0xe0, COMMENT = 0xfe;
const MOST_SCANS = 1000; // a file with more is made to keep programs busy
const QUALITY = 90; // of chroma: its error is below what the eye sees at half the size
const ZIGZAG = Uint8Array.from([0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
  28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63]);
/** Of chroma in the standard's Annex K, in zigzag order. */
const CHROMA_TABLE = [17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, ...Array(50).fill(99)];

// ---- Reading

/**
 * The segments before the picture's data: marker and content.
 * @param {Uint8Array} bytes
 * @returns {{marker: number, content: Uint8Array}[]}
 */
export function segments(bytes) {
  const found = [];
  let place = 2;
  while (place + 4 <= bytes.length && bytes[place] === 0xff) {
    const marker = bytes[place + 1];
    if (marker === 0xff) { place++; continue; }
    const size = bytes[place + 2] << 8 | bytes[place + 3];
    if (marker === SOS || marker === EOI) break;
    found.push({marker, content: bytes.subarray(place + 4, place + 2 + size)});
    place += 2 + size;
  }
  return found;
}

/**
 * Whether anything but padding stands behind a JPEG's end.
 * @param {Uint8Array} bytes
 */
export function behind(bytes) {
  let place = 2;
  while (place >= 0 && place + 4 <= bytes.length) {
    const marker = bytes[place + 1];
    if (marker === EOI) return bytes.subarray(place + 2).some((byte) => ![0, 10, 13, 26, 32, 255].includes(byte));
    const plain = marker === 0 || marker === 0xff || (marker >= 0xd0 && marker < 0xd8); // of a scan
    place = bytes.indexOf(0xff, place + (plain ? 1 : 2 + (bytes[place + 2] << 8 | bytes[place + 3])));
  }
  return false;
}

/** Bits of a scan, whose 0xff is followed by 0. */
class Bits {
  buffer = 0;
  count = 0;

  /**
   * @param {Uint8Array} bytes
   * @param {number} place
   */
  constructor(bytes, place) {
    this.bytes = bytes;
    this.place = place;
  }

  bit() {
    if (!this.count) {
      this.buffer = this.bytes[this.place++];
      if (this.buffer === 0xff) {
        if (this.bytes[this.place]) this.place--, this.buffer = 0; // a marker: what is missing is read as zeros
        else this.place++;
      }
      if (this.buffer === undefined) throw new Error("the JPEG ends early");
      this.count = 8;
    }
    return this.buffer >> --this.count & 1;
  }

  /** @param {number} length */
  number(length) {
    let value = 0;
    while (length--) value = value << 1 | this.bit();
    return value;
  }

  /** A number of so many bits with its sign. @param {number} length */
  signed(length) {
    if (!length) return 0;
    const value = this.number(length);
    return value < 1 << length - 1 ? value - (1 << length) + 1 : value;
  }

  /** @param {Codes} codes */
  symbol({counts, values}) {
    for (let length = 0, code = 0, first = 0, index = 0; length < 16; length++) {
      code = code << 1 | this.bit();
      if (code - first < counts[length]) return values[index + code - first];
      index += counts[length];
      first = first + counts[length] << 1;
    }
    throw new Error("the JPEG is damaged");
  }

  /** Behind a mark of restart, if there is one. */
  restart() {
    this.count = 0;
    if (this.bytes[this.place] === 0xff && (this.bytes[this.place + 1] & 0xf8) === 0xd0) this.place += 2;
  }
}

/**
 * @typedef {{id: number, across: number, down: number, table: number, columns: number, rows: number, wide: number, high: number,
 *   data: Int16Array | null, dc: number, before: number, ac: number}} Component `columns`, `rows`: blocks that show something;
 *   `wide`, `high`: with those that fill a scan of several components.
 */

/**
 * The luma of a JPEG, as it is stored.
 * @param {Uint8Array} bytes
 * @returns {Blocks}
 * @throws {Error} It has none: it is RGB, or of a kind that this does not read.
 */
export function readLuma(bytes) {
  const tables = /** @type {Uint16Array[]} */ ([]), codes = /** @type {Record<number, Codes>} */ ({});
  let frame = /** @type {{width: number, height: number, progressive: boolean, components: Component[]} | null} */ (null);
  let interval = 0, place = 2, scans = 0;
  while (place + 4 <= bytes.length) {
    if (bytes[place] !== 0xff || bytes[place + 1] === 0xff || bytes[place + 1] === 0 || (bytes[place + 1] & 0xf8) === 0xd0) { place++; continue; }
    const marker = bytes[place + 1], size = bytes[place + 2] << 8 | bytes[place + 3], content = bytes.subarray(place + 4, place + 2 + size);
    if (marker === EOI) break;
    if (marker === APP + 14 && String.fromCharCode(...content.subarray(0, 5)) === "Adobe" && content[11] !== 1) throw new Error("it has no luma");
    if (marker === DQT) readTables(content, tables);
    else if (marker === DHT) readCodes(content, codes);
    else if (marker === DRI) interval = content[0] << 8 | content[1];
    else if (marker === BASELINE || marker === BASELINE + 1 || marker === PROGRESSIVE) frame = readFrame(content, marker === PROGRESSIVE);
    else if (marker > PROGRESSIVE && marker < 0xd0 && marker !== DHT && marker !== 0xc8) throw new Error("it is of a rare kind");
    place += 2 + size;
    if (marker !== SOS) continue;
    if (!frame || ++scans > MOST_SCANS) throw new Error("it is damaged");
    place = readScan(bytes, place, content, frame, codes, interval);
  }
  const luma = frame?.components[0];
  if (!frame || !luma?.data || !tables[luma.table]) throw new Error("it is damaged");
  return {width: frame.width, height: frame.height, data: trimmed(luma, luma.data), table: tables[luma.table]};
}

/**
 * @param {Uint8Array} content
 * @param {Uint16Array[]} tables
 */
function readTables(content, tables) {
  for (let place = 0; place < content.length;) {
    const wide = content[place] >> 4, number = content[place++] & 15;
    tables[number] = Uint16Array.from({length: 64}, () => wide ? content[place++] << 8 | content[place++] : content[place++]);
  }
}

/**
 * @param {Uint8Array} content
 * @param {Record<number, Codes>} codes By class and number.
 */
function readCodes(content, codes) {
  for (let place = 0; place < content.length;) {
    const number = content[place++], counts = [...content.subarray(place, place += 16)];
    codes[number] = {counts, values: content.subarray(place, place += counts.reduce((a, b) => a + b, 0))};
  }
}

/**
 * @param {Uint8Array} content
 * @param {boolean} progressive
 */
function readFrame(content, progressive) {
  const [depth, height, width] = [content[0], content[1] << 8 | content[2], content[3] << 8 | content[4]];
  const parts = Array.from({length: content[5]}, (_, index) => content.subarray(6 + 3 * index, 9 + 3 * index));
  const most = [Math.max(...parts.map(([, factors]) => factors >> 4)), Math.max(...parts.map(([, factors]) => factors & 15))];
  const rgb = parts.map(([id]) => String.fromCharCode(id)).join("") === "RGB";
  if (depth !== 8 || !height || ![1, 3].includes(parts.length) || rgb) throw new Error("it is of a rare kind");
  const components = parts.map(([id, factors, table], index) => {
    const [across, down] = parts.length === 1 ? [1, 1] : [factors >> 4, factors & 15];
    if (index === 0 && parts.length > 1 && (across !== most[0] || down !== most[1])) throw new Error("its luma is smaller than its chroma");
    const [wide, high] = parts.length === 1 ? [Math.ceil(width / 8), Math.ceil(height / 8)]
      : [Math.ceil(width / (8 * most[0])) * across, Math.ceil(height / (8 * most[1])) * down];
    const [columns, rows] = parts.length === 1 ? [wide, high] : [Math.ceil(width * across / most[0] / 8), Math.ceil(height * down / most[1] / 8)];
    return {id, across, down, table, columns, rows, wide, high, data: index ? null : new Int16Array(64 * wide * high), dc: 0, ac: 0, before: 0};
  });
  return {width, height, progressive, components};
}

/**
 * One scan; returns where it ends.
 * @param {Uint8Array} bytes
 * @param {number} place
 * @param {Uint8Array} content Of its head.
 * @param {{progressive: boolean, components: Component[]}} frame
 * @param {Record<number, Codes>} codes
 * @param {number} interval
 */
function readScan(bytes, place, content, {progressive, components}, codes, interval) {
  const chosen = Array.from({length: content[0]}, (_, index) => {
    const [id, own] = content.subarray(1 + 2 * index, 3 + 2 * index), component = components.find((one) => one.id === id);
    if (!component) throw new Error("it is damaged");
    return Object.assign(component, {dc: own >> 4, ac: own & 15, before: 0});
  });
  if (chosen.every(({data}) => !data)) return place; // the next marker is looked for
  const [start, end, approximation] = content.subarray(1 + 2 * chosen.length);
  const bits = new Bits(bytes, place);
  const block = new BlockReader(bits, codes, progressive, {start, end, high: approximation >> 4, low: approximation & 15});
  const [only] = chosen, units = chosen.length === 1 ? only.columns * only.rows : only.wide / only.across * (only.high / only.down);
  for (let unit = 0; unit < units; unit++) {
    if (interval && unit && unit % interval === 0) {
      bits.restart();
      block.zeros = 0;
      for (const component of chosen) component.before = 0;
    }
    if (chosen.length === 1) { block.read(only, Math.floor(unit / only.columns) * only.wide + unit % only.columns); continue; }
    const perRow = only.wide / only.across, column = unit % perRow, row = Math.floor(unit / perRow);
    for (const component of chosen)
      for (let y = 0; y < component.down; y++)
        for (let x = 0; x < component.across; x++) block.read(component, (row * component.down + y) * component.wide + column * component.across + x);
  }
  return bits.place;
}

/** Reads blocks of a scan: those of luma are kept, others only passed over. */
class BlockReader {
  zeros = 0; // blocks that are said to have no more
  dummy = new Int16Array(64);

  /**
   * @param {Bits} bits
   * @param {Record<number, Codes>} codes
   * @param {boolean} progressive
   * @param {{start: number, end: number, high: number, low: number}} part First and last coefficient; bits that a scan before has read, 0 of the
   *   first; bits that are still to come.
   */
  constructor(bits, codes, progressive, part) {
    this.bits = bits;
    this.codes = codes;
    this.start = part.start;
    this.end = part.end;
    this.one = 1 << part.low;
    this.decode = progressive ? part.high ? this.refine : this.first : this.sequential;
  }

  /**
   * @param {Component} component
   * @param {number} index
   */
  read(component, index) {
    this.decode(component, component.data ? component.data.subarray(64 * index, 64 * index + 64) : this.dummy.fill(0));
  }

  /** @param {Component} component The next DC coefficient. */
  next(component) {
    component.before += this.bits.signed(this.bits.symbol(this.codes[component.dc]));
    return component.before;
  }

  /** @param {Component} component @param {Int16Array} out */
  sequential(component, out) {
    out[0] = this.next(component);
    for (let k = 1; k < 64; k++) {
      const symbol = this.bits.symbol(this.codes[16 + component.ac]), size = symbol & 15;
      if (!size && symbol >> 4 < 15) break;
      k += symbol >> 4;
      if (size) out[k] = this.bits.signed(size);
    }
  }

  /** @param {Component} component @param {Int16Array} out */
  first(component, out) {
    if (!this.start) { out[0] = this.next(component) * this.one; return; }
    if (this.zeros) { this.zeros--; return; }
    for (let k = this.start; k <= this.end; k++) {
      const symbol = this.bits.symbol(this.codes[16 + component.ac]), run = symbol >> 4, size = symbol & 15;
      if (!size && run < 15) { this.zeros = (1 << run) + this.bits.number(run) - 1; break; }
      k += run;
      if (size) out[k] = this.bits.signed(size) * this.one;
    }
  }

  /** @param {Component} component @param {Int16Array} out */
  refine(component, out) {
    const {bits, one, end} = this;
    if (!this.start) { if (bits.bit()) out[0] |= one; return; }
    /** @param {number} k */
    const more = (k) => { if (bits.bit() && !(Math.abs(out[k]) & one)) out[k] += out[k] < 0 ? -one : one; };
    let k = this.start;
    for (; !this.zeros && k <= end; k++) {
      const symbol = bits.symbol(this.codes[16 + component.ac]), size = symbol & 15;
      let run = symbol >> 4;
      if (!size && run < 15) { this.zeros = (1 << run) + bits.number(run); break; }
      const value = size ? bits.bit() ? one : -one : 0;
      for (; k <= end; k++) {
        if (out[k]) more(k);
        else if (!run--) break;
      }
      if (value && k <= end) out[k] = value;
    }
    if (!this.zeros) return;
    for (; k <= end; k++) if (out[k]) more(k);
    this.zeros--;
  }
}

/**
 * Blocks without those that only fill a scan.
 * @param {Component} component
 * @param {Int16Array} data
 */
function trimmed({columns, rows, wide}, data) {
  if (columns === wide) return data.subarray(0, 64 * columns * rows);
  const out = new Int16Array(64 * columns * rows);
  for (let row = 0; row < rows; row++) out.set(data.subarray(64 * row * wide, 64 * (row * wide + columns)), 64 * row * columns);
  return out;
}

// ---- Writing

/** @type {number[][]} Cosines of the transform, by frequency and place. */
const COSINES = Array.from({length: 8}, (_, frequency) => Array.from({length: 8}, (__, place) =>
  Math.cos((2 * place + 1) * frequency * Math.PI / 16) * (frequency ? 0.5 : Math.SQRT1_2 / 2)));

/** The quantisation of chroma at QUALITY, and one that keeps all of luma. */
export const TABLES = {chroma: CHROMA_TABLE.map((value) => Math.max(1, Math.floor((value * (200 - 2 * QUALITY) + 50) / 100))), all: Array(64).fill(1)};

/**
 * Pixels as blocks; the last row and column are repeated where blocks reach beyond.
 * @param {Uint8Array} plane
 * @param {number} width
 * @param {number} height
 * @param {ArrayLike<number>} table
 * @returns {Blocks}
 */
export function toBlocks(plane, width, height, table) {
  const columns = Math.ceil(width / 8), rows = Math.ceil(height / 8), data = new Int16Array(64 * columns * rows);
  const pixels = new Float32Array(64), between = new Float32Array(64);
  for (let block = 0; block < columns * rows; block++) {
    const left = block % columns * 8, top = Math.floor(block / columns) * 8;
    for (let i = 0; i < 64; i++)
      pixels[i] = plane[Math.min(top + (i >> 3), height - 1) * width + Math.min(left + (i & 7), width - 1)] - 128;
    for (let i = 0; i < 64; i++) { // along rows
      const wave = COSINES[i & 7], from = i & 56;
      let sum = 0;
      for (let x = 0; x < 8; x++) sum += pixels[from + x] * wave[x];
      between[i] = sum;
    }
    for (let k = 0; k < 64; k++) { // along columns
      const place = ZIGZAG[k], wave = COSINES[place >> 3], from = place & 7;
      let sum = 0;
      for (let y = 0; y < 8; y++) sum += between[8 * y + from] * wave[y];
      data[64 * block + k] = Math.min(1023, Math.max(-1023, Math.round(sum / table[k])));
    }
  }
  return {width, height, data, table};
}

/** Huffman codes of the standard's Annex K.3, which any coefficient of a baseline JPEG has: for luma and chroma, DC and AC. */
const CODES = [
  {dc: standard("00010501010101010100000000000000", "000102030405060708090a0b"), ac: standard("0002010303020403050504040000017d",
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a5354555657"
    + "58595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8"
    + "d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa")},
  {dc: standard("00030101010101010101010000000000", "000102030405060708090a0b"), ac: standard("00020102040403040705040400010277",
    "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a35363738393a434445464748494a53545556"
    + "5758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6"
    + "d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa")},
];

/**
 * @param {string} counts In hexadecimal.
 * @param {string} symbols
 * @returns {{counts: number[], values: Uint8Array, code: Uint16Array, length: Uint8Array}} Codes and lengths by symbol.
 */
function standard(counts, symbols) {
  const [sizes, values] = [counts, symbols].map((text) => Array.from({length: text.length / 2}, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16)));
  const code = new Uint16Array(256), length = new Uint8Array(256);
  for (let size = 1, next = 0, index = 0; size <= 16; size++, next <<= 1)
    for (let i = 0; i < sizes[size - 1]; i++, next++, index++) [code[values[index]], length[values[index]]] = [next, size];
  return {counts: sizes, values: Uint8Array.from(values), code, length};
}

/** Bytes that grow. */
class Out {
  bytes = new Uint8Array(1 << 16);
  size = 0;
  buffer = 0;
  count = 0;

  /** @param {ArrayLike<number>} values */
  add(values) {
    while (this.size + values.length > this.bytes.length) this.grow();
    this.bytes.set(values, this.size);
    this.size += values.length;
  }

  grow() {
    const larger = new Uint8Array(2 * this.bytes.length);
    larger.set(this.bytes);
    this.bytes = larger;
  }

  /**
   * @param {number} marker
   * @param {ArrayLike<number>} content
   */
  segment(marker, content) {
    const size = content.length + 2;
    this.add([0xff, marker, size >> 8, size & 255]);
    this.add(content);
  }

  /**
   * @param {number} value
   * @param {number} length
   */
  bits(value, length) {
    this.buffer = this.buffer << length | value & (1 << length) - 1;
    this.count += length;
    while (this.count >= 8) {
      const byte = this.buffer >> (this.count -= 8) & 255;
      if (this.size + 2 > this.bytes.length) this.grow();
      this.bytes[this.size++] = byte;
      if (byte === 0xff) this.bytes[this.size++] = 0;
    }
    this.buffer &= (1 << this.count) - 1;
  }

  flush() { if (this.count) this.bits(127, 8 - this.count); }
}

/**
 * A JPEG.
 * @param {Blocks} luma
 * @param {[Blocks, Blocks]} chroma Cb and Cr, of luma's size or half of it.
 * @param {{marker: number, content: Uint8Array}[]} more Segments that stand before.
 * @returns {Blob}
 */
export function encodeJpeg(luma, chroma, more) {
  const out = new Out(), planes = [luma, ...chroma], factor = chroma[0].width === luma.width && chroma[0].height === luma.height ? 1 : 2;
  out.add([0xff, SOI]);
  for (const {marker, content} of more) out.segment(marker, content);
  for (const [number, {table}] of [luma, chroma[0]].entries()) {
    const wide = Math.max(...Array.from(table)) > 255;
    out.segment(DQT, [number | (wide ? 16 : 0), ...Array.from(table).flatMap((value) => wide ? [value >> 8, value & 255] : [value])]);
  }
  const wide = Math.max(...Array.from(luma.table)) > 255;
  out.segment(BASELINE + Number(wide), [8, luma.height >> 8, luma.height & 255, luma.width >> 8, luma.width & 255, 3, 1, 17 * factor, 0, 2, 17, 1, 3, 17, 1]);
  for (const [number, {dc, ac}] of CODES.entries())
    for (const [kind, {counts, values}] of [dc, ac].entries()) out.segment(DHT, [16 * kind + number, ...counts, ...values]);
  for (const [index, blocks] of planes.entries()) {
    const number = Math.min(index, 1);
    out.segment(SOS, [1, index + 1, 17 * number, 0, 63, 0]);
    writeScan(out, blocks, CODES[number]);
  }
  out.add([0xff, EOI]);
  return new Blob([out.bytes.subarray(0, out.size)], {type: "image/jpeg"});
}

/**
 * @param {Out} out
 * @param {Blocks} blocks
 * @param {(typeof CODES)[number]} codes
 */
function writeScan(out, {data}, {dc, ac}) {
  for (let start = 0, before = 0; start < data.length; start += 64) {
    put(out, dc, 0, data[start] - before);
    before = data[start];
    let run = 0;
    for (let k = 1; k < 64; k++) {
      const value = data[start + k];
      if (!value) { run++; continue; }
      for (; run > 15; run -= 16) out.bits(ac.code[0xf0], ac.length[0xf0]);
      put(out, ac, run, value);
      run = 0;
    }
    if (run) out.bits(ac.code[0], ac.length[0]);
  }
  out.flush();
}

/**
 * A number behind a run of zeros.
 * @param {Out} out
 * @param {{code: Uint16Array, length: Uint8Array}} codes
 * @param {number} run
 * @param {number} value
 */
function put(out, {code, length}, run, value) {
  const size = 32 - Math.clz32(Math.abs(value)), symbol = run << 4 | size;
  if (!length[symbol]) throw new Error("a coefficient is out of range");
  out.bits(code[symbol], length[symbol]);
  if (size) out.bits(value < 0 ? value - 1 : value, size);
}
