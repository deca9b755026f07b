// What answers the viewer (../../viewer/README.md) in the browser: the engine, in a worker, so that the page never freezes.
import {Failure} from "../../viewer/session.js";

/**
 * @typedef {import("../../viewer/session.js").Answerer} Answerer
 * @typedef {import("../../viewer/session.js").Call} Call
 * @typedef {import("../../viewer/session.js").Wish} Wish
 * @typedef {{blob?: Blob, blobs?: Blob[]} & Record<string, unknown>} Answer
 * @typedef {{resolve: (answer: Answer) => void, reject: (error: Error) => void, call: Call}} Waiting
 */

const MEGABYTE = 1e6;

export class Engine {
  /** @type {Map<number, Waiting>} */ #waiting = new Map();
  /** @type {WeakMap<object, Promise<{key: number, file: Blob, name: string}>>} */ #given = new WeakMap();
  #count = 0;
  /** @type {{loaded: number, total: number} | null} */ #loading = null;
  #worker = this.#start();
  /** @type {{kind: string, threads: number} | null} */ running = null; // how it computes, once it does

  #start() {
    const worker = new Worker(new URL("engine.js", import.meta.url), {type: "module"});
    worker.onmessage = ({data}) => this.#receive(data);
    worker.onerror = (event) => { // it died, of memory for example
      event.preventDefault();
      const waiting = [...this.#waiting.values()];
      this.#waiting.clear();
      this.#worker.terminate();
      this.#worker = this.#start();
      for (const {reject} of waiting) reject(new Failure("web_failed", {reason: event.message ?? "worker"}));
    };
    return worker;
  }

  /** @param {any} message */
  #receive({id, answer, failure, loading, loaded}) {
    if (loading || loaded) {
      this.#loading = loading ?? null;
      this.running = loaded ?? this.running;
      for (const {call} of this.#waiting.values()) this.#say(call);
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (failure) waiting?.reject(new Failure(failure.key, failure.values));
    else waiting?.resolve(answer);
  }

  /** @param {Call} call It is told how far the model has come. */
  #say(call) {
    if (!this.#loading) { call.status(null); return; }
    const [loaded, total] = [this.#loading.loaded, this.#loading.total].map((bytes) => (bytes / MEGABYTE).toFixed(1));
    call.status("web_loading", {loaded, total});
  }

  /**
   * @param {string} name
   * @param {Wish} wish
   * @param {Call} call
   * @returns {Promise<Answer>}
   */
  async ask(name, {photo, reference, ...rest}, call) {
    const asked = {...rest, photo: await this.#give(photo), reference: reference && await this.#give(reference)};
    call.signal.throwIfAborted();
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {resolve, reject, call});
      call.signal.addEventListener("abort", () => {
        if (this.#waiting.delete(id)) this.#worker.postMessage({cancelled: id});
        reject(call.signal.reason);
      });
      if (this.#loading) this.#say(call);
      this.#worker.postMessage({id, name, asked});
    });
  }

  /** @param {import("../../viewer/session.js").Source} source */
  #give(source) {
    const found = this.#given.get(source) ?? this.#read(source, ++this.#count);
    this.#given.set(source, found);
    found.catch(() => this.#given.delete(source));
    return found;
  }

  /**
   * @param {import("../../viewer/session.js").Source} source
   * @param {number} key
   */
  async #read(source, key) {
    if (source instanceof File) return {key, file: source, name: source.name};
    const answer = await fetch(String(source.example));
    if (!answer.ok) throw new Failure("lost");
    return {key, file: await answer.blob(), name: String(source.example).split("/").at(-1) ?? ""};
  }
}

/**
 * @param {Engine} engine
 * @returns {Answerer}
 */
export function answerer(engine) {
  /** @param {string} name @returns {(wish: Wish, call: Call) => Promise<any>} */
  const through = (name) => async (wish, call) => {
    const {blob, blobs, ...values} = await engine.ask(name, wish, call);
    return {...values, url: blob && URL.createObjectURL(blob), urls: blobs?.map((one) => URL.createObjectURL(one))};
  };
  return {colour: through("colour"), look: through("look"), suggest: through("suggest"), vary: through("vary"),
    unsure: through("unsure"), full: through("full"), save: through("save")};
}
