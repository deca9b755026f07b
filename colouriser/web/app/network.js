// The network: model.onnx, by the ONNX runtime. WebGPU where the browser has it, else WebAssembly, with threads where
// the page is isolated (docs/browser.md). One request at a time.
import {crop, pad, toStride} from "./luma.js";

/**
 * @typedef {{cells: number[], likeness: Likeness, sizes: Record<string, number>}} Build What build.json says: the palette, how alike
 *   features of one thing are, and the sizes of files.
 * @typedef {import("./hints.js").Likeness} Likeness
 * @typedef {{chroma: Float32Array, palette: Float32Array, features: Float32Array, channels: number}} Painting
 *   Planes: chroma at half the size, the palette's logits at a quarter, features at a sixteenth, `channels` of them.
 * @typedef {(loaded: number, total: number) => void} Progress In bytes.
 */

const MODEL = "model.onnx";
const RUNTIMES = { // its module, and its WebAssembly
  webgpu: ["ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify"],
  wasm: ["ort.wasm.min.mjs", "ort-wasm-simd-threaded"],
};
const THREADS = 4; // more gain nothing
const FIRST = 96; // side of a first try: shaders of a GPU that cannot compute the network fail now, not later

export class Network {
  /** @type {Promise<unknown>} */ #turn = Promise.resolve();

  /**
   * @param {any} runtime The module of the runtime.
   * @param {any} session
   * @param {"webgpu" | "wasm"} kind
   * @param {Float32Array} cells Of the palette: Cb and Cr by turns.
   * @param {Likeness} likeness Of its encoder's features.
   */
  constructor(runtime, session, kind, cells, likeness) {
    this.runtime = runtime;
    this.session = session;
    this.kind = kind;
    this.cells = cells;
    this.likeness = likeness;
  }

  /**
   * @param {Build} build
   * @param {Progress} progress
   * @returns {Promise<Network>}
   */
  static async load(build, progress) {
    if (await hasWebGpu()) {
      try {
        return await Network.#loadKind("webgpu", build, progress);
      } catch (error) {
        console.warn("colouriser: WebGPU failed, WebAssembly is used", error);
      }
    }
    return Network.#loadKind("wasm", build, progress);
  }

  /**
   * @param {"webgpu" | "wasm"} kind
   * @param {Build} build
   * @param {Progress} progress
   */
  static async #loadKind(kind, {cells, likeness, sizes}, progress) {
    const [module, name] = RUNTIMES[kind], files = [MODEL, `runtime/${name}.wasm`];
    const total = files.reduce((sum, file) => sum + sizes[file], 0), loaded = files.map(() => 0);
    const [weights, binary, runtime] = await Promise.all([...files.map((file, index) => fetchBytes(here(file), (bytes) => {
      loaded[index] = bytes;
      progress(loaded.reduce((a, b) => a + b, 0), total);
    })), import(here(`runtime/${module}`).href)]);
    Object.assign(runtime.env.wasm, {wasmBinary: binary.buffer, wasmPaths: {mjs: here(`runtime/${name}.mjs`).href},
      numThreads: globalThis.crossOriginIsolated ? Math.min(THREADS, navigator.hardwareConcurrency) : 1});
    // More optimising takes five times as long at each start, and computes no faster.
    const session = await runtime.InferenceSession.create(weights, {executionProviders: [kind], graphOptimizationLevel: "basic"});
    const network = new Network(runtime, session, kind, Float32Array.from(cells), likeness);
    if (kind === "webgpu") {
      const {chroma} = await network.paint(new Float32Array(FIRST * FIRST), new Float32Array(3 * FIRST * FIRST), FIRST, FIRST);
      if (!chroma.every(Number.isFinite)) throw new Error("its values are not finite");
    }
    return network;
  }

  /**
   * What the network says of a small copy.
   * @param {Float32Array} luma In [0, 1].
   * @param {Float32Array} hints Three planes.
   * @param {number} width
   * @param {number} height
   * @returns {Promise<Painting>}
   */
  paint(luma, hints, width, height) {
    const turn = this.#turn.then(() => this.#paint(luma, hints, width, height));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /**
   * @param {Float32Array} luma
   * @param {Float32Array} hints
   * @param {number} width
   * @param {number} height
   */
  async #paint(luma, hints, width, height) {
    const {Tensor} = this.runtime, wide = toStride(width), high = toStride(height), size = width * height;
    const planes = new Float32Array(3 * wide * high);
    for (let plane = 0; plane < 3; plane++)
      planes.set(pad(hints.subarray(plane * size, (plane + 1) * size), width, height), plane * wide * high);
    const given = {luma: new Tensor("float32", pad(luma, width, height), [1, 1, high, wide]), hints: new Tensor("float32", planes, [1, 3, high, wide])};
    const answer = await this.session.run(given), channels = answer.features.dims[1];
    /** @param {string} name @param {number} count @param {number} stride */
    const part = (name, count, stride) => crop(answer[name].data, count, [wide / stride, high / stride], [Math.ceil(width / stride), Math.ceil(height / stride)]);
    return {chroma: part("chroma", 2, 2), palette: answer.palette ? part("palette", this.cells.length / 2, 4) : new Float32Array(0), features: part("features", channels, 16), channels};
  }
}

/** @param {string} name Of a file of the page. */
const here = (name) => new URL(`../../${name}`, import.meta.url);

async function hasWebGpu() {
  const {gpu} = /** @type {any} */ (navigator);
  try { return Boolean(await gpu?.requestAdapter()); } catch { return false; }
}

/**
 * @param {URL} address
 * @param {(bytes: number) => void} progress
 */
async function fetchBytes(address, progress) {
  const answer = await fetch(address);
  if (!answer.ok || !answer.body) throw new Error(`${address.pathname}: ${answer.status}`);
  const parts = [], reader = answer.body.getReader();
  let size = 0;
  for (;;) {
    const {done, value} = await reader.read();
    if (done) break;
    parts.push(value);
    progress(size += value.length);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
