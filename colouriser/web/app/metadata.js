// What a file says of its photograph stays with it, byte by byte: EXIF, XMP, IPTC, comments, texts and resolution
// (photo/metadata.py does the same, and knows more formats). Coordinates go unless asked for, and what is no longer true;
// a note is added that an algorithm made the colour.
import {APP, COMMENT, behind, segments} from "./jpeg.js";
import {chunk} from "./png.js";

/**
 * @typedef {object} Metadata
 * @property {Uint8Array | null} exif A TIFF without pixels.
 * @property {string} xmp
 * @property {{marker: number, content: Uint8Array}[]} segments Of a JPEG: resolution, IPTC, comments.
 * @property {{name: string, content: Uint8Array}[]} chunks Of a PNG: texts and resolution.
 */

const EXIF = "Exif\0\0", XMP = "http://ns.adobe.com/xap/1.0/\0", PHOTOSHOP = "Photoshop 3.0\0", PNG_XMP = "XML:com.adobe.xmp\0";
/** How a picture is stored, thumbnails, profiles that were applied, manifests of C2PA. */
const NEEDLESS = ["JFIF\0", "JFXX\0", "ICC_PROFILE\0", "MPF\0", "FPXR\0", "Adobe", "JP", "urn:iso"];
/** Photoshop's thumbnails, profile, EXIF and XMP, which a result has anew. */
const UNTRUE_RESOURCES = [0x409, 0x40c, 0x40f, 0x422, 0x423, 0x424];
const ORIENTATION = 0x112, GPS = 0x8825, THUMBNAIL = 0x201, THUMBNAIL_SIZE = 0x202;
const SIZES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8]; // bytes of a value, by its kind
const MOST_SEGMENT = 65_500, MOST_XMP = 1_000_000;
const SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";
const EMPTY = `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>`;
const POSITION = "[\\w.-]+:(?:[Gg][Pp][Ss]\\w*|[Ll]atitude|[Ll]ongitude)|geo:(?:lat|long|alt)";
const UNTRUE = "hdrgm:\\w+|HDRGainMap:\\w+|GCamera:(?:MicroVideo|MotionPhoto)\\w*|G?Container:Directory|xmp:Thumbnails|"
  + "dcterms:provenance|xmpNote:HasExtendedXMP|Iptc4xmpExt:DigitalSourceType";

const latin = (/** @type {Uint8Array} */ bytes) => { let text = ""; for (const byte of bytes) text += String.fromCharCode(byte); return text; };
const bytesOf = (/** @type {string} */ text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const starts = (/** @type {Uint8Array} */ bytes, /** @type {string} */ text) => latin(bytes.subarray(0, text.length)) === text;

/**
 * What a file says.
 * @param {Uint8Array} bytes
 * @returns {Metadata}
 */
export function readMetadata(bytes) {
  const found = /** @type {Metadata} */ ({exif: null, xmp: "", segments: [], chunks: []});
  if (bytes[0] === 0xff && bytes[1] === 0xd8) readJpeg(bytes, found);
  else if (starts(bytes.subarray(1), "PNG")) readPng(bytes, found);
  else if (starts(bytes, "RIFF") && starts(bytes.subarray(8), "WEBP")) readWebp(bytes, found);
  return found;
}

/**
 * @param {Uint8Array} bytes
 * @param {Metadata} found
 */
function readJpeg(bytes, found) {
  /** @type {Uint8Array[]} */ const photoshop = [];
  for (const {marker, content} of segments(bytes)) {
    if (marker === APP + 1 && starts(content, EXIF)) found.exif ??= content.slice(EXIF.length);
    else if (marker === APP + 1 && starts(content, XMP)) found.xmp ||= text(content.subarray(XMP.length));
    else if (marker === APP + 13 && starts(content, PHOTOSHOP)) photoshop.push(content.subarray(PHOTOSHOP.length));
    else if (marker === COMMENT || (marker === APP && starts(content, "JFIF"))) found.segments.push({marker, content});
  }
  const block = trueResources(concatenated(photoshop));
  for (let place = 0; place < block.length; place += MOST_SEGMENT)
    found.segments.push({marker: APP + 13, content: joined(PHOTOSHOP, block.subarray(place, place + MOST_SEGMENT))});
}

/** @param {Uint8Array} block Photoshop's, of all segments of a JPEG. What follows damage goes. */
function trueResources(block) {
  const view = new DataView(block.buffer, block.byteOffset, block.length), kept = [];
  for (let place = 0; place + 12 <= block.length;) {
    const head = place + 6 + 2 * Math.ceil((1 + block[place + 6]) / 2); // behind a name of even length
    if (head + 4 > block.length) break;
    const size = view.getUint32(head), end = head + 4 + size;
    if (end > block.length) break;
    if (!UNTRUE_RESOURCES.includes(view.getUint16(place + 4))) kept.push(block.subarray(place, end), new Uint8Array(size % 2));
    place = end + size % 2;
  }
  return concatenated(kept);
}

/** @param {Uint8Array[]} parts */
function concatenated(parts) {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let place = 0;
  for (const part of parts) { out.set(part, place); place += part.length; }
  return out;
}

/**
 * Whether a JPEG holds anything that no result will: what a maker or program says, XMP of more than a segment, or another
 * picture, a film or captions behind its end.
 * @param {Uint8Array} bytes
 */
export function leaves(bytes) {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return false;
  const found = segments(bytes).filter(({marker}) => marker >= APP && marker < APP + 16), once = new Set();
  return behind(bytes) || found.some(({content}) => {
    const kept = [EXIF, XMP].find((start) => starts(content, start));
    if (kept && !once.has(kept)) { once.add(kept); return false; }
    return ![PHOTOSHOP, ...NEEDLESS].some((start) => starts(content, start)) && content.some(Boolean);
  });
}

/**
 * @param {Uint8Array} bytes
 * @param {Metadata} found
 */
function readPng(bytes, found) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let place = 8; place + 12 <= bytes.length;) {
    const size = view.getUint32(place), name = latin(bytes.subarray(place + 4, place + 8)), content = bytes.subarray(place + 8, place + 8 + size);
    if (name === "eXIf") found.exif = content.slice();
    else if (name === "iTXt" && starts(content, PNG_XMP) && !content[PNG_XMP.length]) found.xmp = text(content.subarray(PNG_XMP.length + 4));
    else if (["tEXt", "zTXt", "iTXt", "pHYs", "tIME"].includes(name)) found.chunks.push({name, content});
    place += 12 + size;
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {Metadata} found
 */
function readWebp(bytes, found) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let place = 12; place + 8 <= bytes.length;) {
    const size = view.getUint32(place + 4, true), content = bytes.subarray(place + 8, place + 8 + size);
    if (starts(bytes.subarray(place), "EXIF")) found.exif = content.slice(starts(content, EXIF) ? EXIF.length : 0);
    if (starts(bytes.subarray(place), "XMP ")) found.xmp = text(content);
    place += 8 + size + size % 2;
  }
}

/** @param {Uint8Array} bytes Of XMP, which is UTF-8 but for curiosities. */
function text(bytes) {
  try { return new TextDecoder("utf-8", {fatal: true}).decode(bytes).replaceAll("\0", ""); } catch { return ""; }
}

/**
 * Segments of a JPEG that hold it.
 * @param {Metadata} metadata
 * @param {boolean} position Keep coordinates.
 * @param {number} turned EXIF orientation of the result's pixels.
 */
export function toSegments(metadata, position, turned) {
  const exif = editExif(metadata.exif, position, turned), found = metadata.segments.filter(({marker}) => marker === APP);
  if (exif && exif.length < MOST_SEGMENT) found.push({marker: APP + 1, content: joined(EXIF, exif)});
  const xmp = new TextEncoder().encode(editXmp(metadata.xmp, position, turned));
  found.push({marker: APP + 1, content: joined(XMP, xmp.length < MOST_SEGMENT ? xmp : new TextEncoder().encode(editXmp("", position, turned)))});
  const texts = metadata.chunks.filter(({name}) => name === "tEXt").map(({content}) => ({marker: COMMENT, content: bytesOf(latin(content).replace("\0", ": "))}));
  return [...found, ...metadata.segments.filter(({marker}) => marker !== APP), ...texts];
}

/**
 * Chunks of a PNG that hold it.
 * @param {Metadata} metadata
 * @param {boolean} position
 */
export function toChunks(metadata, position) {
  const exif = editExif(metadata.exif, position, 1), xmp = new TextEncoder().encode(editXmp(metadata.xmp, position, 1));
  const comments = metadata.segments.filter(({marker}) => marker === COMMENT).map(({content}) => joined("Comment\0\0\0\0\0", utf8(content)));
  const kept = metadata.chunks.filter(({content}) => position || !/^(exif:)?GPS/i.test(latin(content.subarray(0, 8))));
  return [...(exif ? [chunk("eXIf", exif)] : []), chunk("iTXt", joined(PNG_XMP + "\0\0\0\0", xmp)), ...iptc(metadata),
    ...kept.map(({name, content}) => chunk(name, content)), ...comments.map((content) => chunk("iTXt", content)), ...resolution(metadata)];
}

/** @param {Metadata} metadata Photoshop's block of a JPEG, in which IPTC is, as ImageMagick writes it into a PNG. */
function iptc({segments: list}) {
  const block = list.filter(({marker}) => marker === APP + 13).map(({content}) => latin(content.subarray(PHOTOSHOP.length))).join("");
  const lines = [...block].map((letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join("").match(/.{1,72}/g);
  return lines ? [chunk("tEXt", bytesOf(`Raw profile type iptc\0\niptc\n${String(block.length).padStart(8)}\n${lines.join("\n")}\n`))] : [];
}

/** @param {Metadata} metadata The resolution of a JPEG, as a PNG says it. */
function resolution({segments: list}) {
  const content = list.find(({marker}) => marker === APP)?.content;
  if (!content || ![1, 2].includes(content[7])) return [];
  const out = new Uint8Array(9), view = new DataView(out.buffer), metres = content[7] === 1 ? 1 / 0.0254 : 100;
  for (const axis of [0, 1]) view.setUint32(4 * axis, Math.round((content[8 + 2 * axis] << 8 | content[9 + 2 * axis]) * metres));
  out[8] = 1;
  return [chunk("pHYs", out)];
}

/** @param {Uint8Array} bytes A comment: UTF-8 or, in old files, Latin-1. */
function utf8(bytes) { return new TextEncoder().encode(text(bytes) || latin(bytes).replaceAll("\0", "")); }

/**
 * @param {string} start
 * @param {Uint8Array} bytes
 */
function joined(start, bytes) {
  const out = new Uint8Array(start.length + bytes.length);
  out.set(bytesOf(start));
  out.set(bytes, start.length);
  return out;
}

// ---- EXIF, edited where it lies, so that cameras' notes stay valid

/**
 * How a file's pixels are turned: 1 to 8.
 * @param {Metadata} metadata
 */
export function orientationOf({exif}) {
  try {
    const value = exif && new Exif(exif).orientation;
    return value && value >= 1 && value <= 8 ? value : 1;
  } catch { return 1; }
}

/**
 * @param {Uint8Array | null} block
 * @param {boolean} position
 * @param {number} turned
 * @returns {Uint8Array | null} Null if there is none, or it is damaged.
 */
function editExif(block, position, turned) {
  if (!block) return null;
  try {
    const exif = new Exif(block.slice());
    exif.turn(turned);
    if (!position) exif.dropPosition();
    exif.dropThumbnail();
    return exif.bytes;
  } catch (error) {
    console.warn("colouriser: damaged EXIF is dropped", error);
    return null;
  }
}

class Exif {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.little = bytes[0] === 0x49;
    if (!starts(bytes, "II*\0") && !starts(bytes, "MM\0*")) throw new Error("no EXIF");
    this.first = this.view.getUint32(4, this.little);
  }

  /** @param {number} place Of a directory. */
  entries(place) {
    return Array.from({length: this.view.getUint16(place, this.little)}, (_, index) => {
      const at = place + 2 + 12 * index, kind = this.view.getUint16(at + 2, this.little), count = this.view.getUint32(at + 4, this.little);
      const size = count * (SIZES[kind] ?? 1);
      return {tag: this.view.getUint16(at, this.little), at, size, start: size > 4 ? this.view.getUint32(at + 8, this.little) : at + 8};
    });
  }

  get orientation() {
    const entry = this.entries(this.first).find(({tag}) => tag === ORIENTATION);
    return entry && this.view.getUint16(entry.at + 8, this.little);
  }

  /** @param {number} value */
  turn(value) {
    const entry = this.entries(this.first).find(({tag}) => tag === ORIENTATION);
    if (entry) this.view.setUint16(entry.at + 8, value, this.little);
    else if (value !== 1) throw new Error("it says nothing of the orientation");
  }

  dropPosition() {
    const entries = this.entries(this.first), pointer = entries.find(({tag}) => tag === GPS);
    if (!pointer) return;
    const place = this.view.getUint32(pointer.at + 8, this.little), repeated = [];
    try {
      for (const {tag, at, size, start} of this.entries(place)) {
        if ((tag === 2 || tag === 4) && size === 24) repeated.push(this.bytes.slice(start, start + size));
        this.bytes.fill(0, start, start + size);
        this.bytes.fill(0, at, at + 12);
      }
    } catch (error) { if (!(error instanceof RangeError)) throw error; } // what is damaged says nothing
    for (const value of repeated) this.blank(value); // cameras repeat them in their notes
    const end = this.first + 2 + 12 * entries.length; // the entries behind it move up
    this.bytes.copyWithin(pointer.at, pointer.at + 12, end + 4);
    this.bytes.fill(0, end - 8, end + 4);
    this.view.setUint16(this.first, entries.length - 1, this.little);
  }

  /** @param {Uint8Array} value Where the same bytes stand again, they go. */
  blank(value) {
    if (!value.some(Boolean)) return;
    for (let place = 0; place + value.length <= this.bytes.length; place++)
      if (value.every((byte, index) => this.bytes[place + index] === byte)) this.bytes.fill(0, place, place + value.length);
  }

  dropThumbnail() {
    const end = this.first + 2 + 12 * this.view.getUint16(this.first, this.little);
    if (end + 4 > this.bytes.length) return;
    const second = this.view.getUint32(end, this.little);
    this.view.setUint32(end, 0, this.little);
    if (!second) return;
    const entries = this.entries(second), [start, size] = [THUMBNAIL, THUMBNAIL_SIZE].map((wanted) => {
      const entry = entries.find(({tag}) => tag === wanted);
      return entry ? this.view.getUint32(entry.at + 8, this.little) : 0;
    });
    this.bytes.fill(0, second, second + 2 + 12 * entries.length);
    this.bytes.fill(0, start, start + size);
    if (start && start + size >= this.bytes.length - 4) this.bytes = this.bytes.slice(0, start);
  }
}

// ---- XMP

/**
 * A packet with our note.
 * @param {string} packet As it was; may be empty.
 * @param {boolean} position
 * @param {number} turned
 */
export function editXmp(packet, position, turned) {
  let out = isSound(packet) ? packet : EMPTY;
  out = without(out, position ? UNTRUE : `${POSITION}|${UNTRUE}`);
  out = out.replace(/(tiff:Orientation\s*=\s*["'])\d/, `$1${turned}`).replace(/(<tiff:Orientation>)\d/, `$1${turned}`);
  out = out.replace(/<((?:[\w.-]+:)?)RDF(\s[^<>]*)?\/>/, "<$1RDF$2></$1RDF>");
  const end = [...out.matchAll(/<\/((?:[\w.-]+:)?)RDF\s*>/g)].at(-1);
  if (!end) return editXmp("", position, turned);
  const note = `<${end[1]}Description ${end[1]}about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"\n`
    + ` Iptc4xmpExt:DigitalSourceType="${SOURCE_TYPE}"/>\n`;
  out = out.slice(0, end.index) + note + out.slice(end.index);
  return out.replace(/\s+(<\?xpacket end=)/, "\n$1"); // room that programs leave for more
}

/** @param {string} packet Whether it looks like XMP; a worker has no parser of XML. */
function isSound(packet) {
  if (!packet || packet.length > MOST_XMP || /<!DOCTYPE|<!ENTITY/.test(packet)) return false;
  const open = [];
  for (const [, closes, name, closed] of packet.replace(/<\?.*?\?>|<!--.*?-->|<!\[CDATA\[.*?\]\]>/gs, "").matchAll(/<(\/?)([^\s<>/]+)(?:"[^"]*"|'[^']*'|[^<>"'])*?(\/?)>/g)) {
    if (closes) { if (open.pop() !== name) return false; } else if (!closed) open.push(name);
  }
  return !open.length && /<(?:[\w.-]+:)?RDF[\s>/]/.test(packet);
}

/**
 * Text without attributes and elements of these names.
 * @param {string} packet
 * @param {string} names
 */
function without(packet, names) {
  return packet.replace(new RegExp(`<(${names})(?:\\s[^<>]*)?/>`, "g"), "")
    .replace(new RegExp(`<(${names})(?:\\s[^<>]*)?>.*?</\\1\\s*>`, "gs"), "")
    .replace(new RegExp(`\\s+(?:${names})\\s*=\\s*(?:"[^"]*"|'[^']*')`, "g"), "");
}
