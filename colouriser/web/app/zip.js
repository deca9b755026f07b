// A zip of files that need no packing, since photographs are packed: headers around blobs, which the browser may keep on disk.
import {crc32} from "./png.js";

const UTF8 = 0x800; // names are
const MOST = 0xffffffff; // bytes and places of a plain zip

/**
 * @param {{name: string, blob: Blob, time: Date}[]} files
 * @returns {Promise<Blob>}
 */
export async function zip(files) {
  const parts = [], directory = [];
  let place = 0;
  for (const {name, blob, time} of files) {
    const letters = new TextEncoder().encode(name), sum = await checksum(blob);
    if (place + blob.size > MOST) throw new RangeError("the zip is larger than 4 GB");
    const [clock, day] = dosTime(time), head = new DataView(new ArrayBuffer(30)), entry = new DataView(new ArrayBuffer(46));
    const common = [20, UTF8, 0, clock, day, sum, blob.size, blob.size, letters.length, 0], sizes = [2, 2, 2, 2, 2, 4, 4, 4, 2, 2];
    write(head, [0x04034b50, ...common], [4, ...sizes]);
    write(entry, [0x02014b50, 20, ...common, 0, 0, 0, 0, place], [4, 2, ...sizes, 2, 2, 2, 4, 4]);
    parts.push(head.buffer, letters, blob);
    directory.push(entry.buffer, letters);
    place += 30 + letters.length + blob.size;
  }
  const list = new Blob(directory), end = new DataView(new ArrayBuffer(22));
  write(end, [0x06054b50, 0, 0, files.length, files.length, list.size, place, 0], [4, 2, 2, 2, 2, 4, 4, 2]);
  return new Blob([...parts, list, end.buffer], {type: "application/zip"});
}

/**
 * @param {DataView} view
 * @param {number[]} values
 * @param {number[]} sizes In bytes.
 */
function write(view, values, sizes) {
  let place = 0;
  for (const [index, size] of sizes.entries()) {
    if (size === 2) view.setUint16(place, values[index], true);
    else view.setUint32(place, values[index], true);
    place += size;
  }
}

/** @param {Blob} blob */
async function checksum(blob) {
  let sum = 0;
  const reader = blob.stream().getReader();
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return sum;
    sum = crc32(value, sum);
  }
}

/** @param {Date} time Zips know none before 1980. @returns {[number, number]} */
function dosTime(time) {
  if (time.getFullYear() < 1980) return [0, 33];
  return [time.getHours() << 11 | time.getMinutes() << 5 | time.getSeconds() >> 1, time.getFullYear() - 1980 << 9 | time.getMonth() + 1 << 5 | time.getDate()];
}

/**
 * Names that are different also where a disk knows no case.
 * @param {string[]} names
 */
export function distinct(names) {
  const taken = new Set();
  return names.map((name) => {
    const [, stem, suffix] = /** @type {RegExpMatchArray} */ (name.match(/^(.*?)(\.[^./]*)?$/s));
    let own = name;
    for (let number = 2; taken.has(own.normalize().toLowerCase()); number++) own = `${stem}-${number}${suffix ?? ""}`;
    taken.add(own.normalize().toLowerCase());
    return own;
  });
}
