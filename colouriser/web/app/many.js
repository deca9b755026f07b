// The panel for many photographs: they are coloured one after the other, and come back as one zip.
import {USUAL} from "../../viewer/session.js";
import {distinct, zip} from "./zip.js";

/**
 * @typedef {import("./answerer.js").Engine} Engine
 * @typedef {{file: File, path: string}} Item `path`: with its folders.
 * @typedef {(key: string, values?: Record<string, unknown>) => string} Say
 */

const DEBRIS = /(^|\/)(\.|__MACOSX|Thumbs\.db|desktop\.ini|@eaDir)/i; // what systems leave in folders
const PICTURE = /\.(jpe?g|jfif|png|webp|gif|bmp|avif|tiff?|heic|heif)$/i;

export class Many {
  /** @type {AbortController | null} */ #running = null;
  /** @type {string | null} */ #zip = null;

  /**
   * @param {HTMLElement} root
   * @param {Engine} engine
   * @param {Say} say
   * @param {(file: File) => void} open One is to be looked at.
   */
  constructor(root, engine, say, open) {
    this.root = root;
    this.engine = engine;
    this.say = say;
    this.open = open;
    for (const name of ["files", "folder"]) {
      const input = /** @type {HTMLInputElement} */ (this.$(`input.${name}`));
      this.$(`button.${name}`).onclick = () => input.click();
      input.onchange = () => {
        const items = [...input.files ?? []].map((file) => ({file, path: file.webkitRelativePath || file.name}));
        input.value = "";
        this.run(items);
      };
    }
    this.$(".cancel").onclick = () => this.#running?.abort();
    root.addEventListener("dragover", (event) => event.preventDefault());
    root.addEventListener("drop", async (event) => {
      event.preventDefault();
      this.run(await dropped(event));
    });
  }

  /** @param {string} selector */
  $(selector) { return /** @type {HTMLElement} */ (this.root.querySelector(selector)); }

  /** @param {Item[]} all */
  async run(all) {
    const items = all.filter(({path, file}) => !DEBRIS.test(path) && (file.type.startsWith("image/") || PICTURE.test(path)));
    const passed = all.filter((item) => !items.includes(item)).map(({path}) => path);
    this.#running?.abort();
    const {signal} = this.#running = new AbortController(), results = [], copied = [], failed = [];
    this.#begin();
    for (const [index, {file, path}] of items.entries()) {
      if (signal.aborted) break;
      this.$(".progress").textContent = this.say("progress", {done: index, count: items.length, left: ""});
      try {
        const {name, blob, kept} = await this.#colour(file, signal), folder = path.slice(0, path.lastIndexOf("/") + 1);
        if (kept) copied.push(path);
        results.push({name: folder + name, blob, time: new Date(file.lastModified)});
        this.#list(path, file);
      } catch (error) {
        if (signal.aborted) break;
        const {key, values, message} = /** @type {import("../../viewer/session.js").Failure} */ (error);
        failed.push(`${path}: ${key ? this.say(key, values) : message}`);
      }
    }
    if (this.#running?.signal !== signal) return; // others were chosen meanwhile
    this.#running = null;
    await this.#finish(results, {cancelled: signal.aborted, copied, failed, passed});
  }

  /**
   * @param {File} file
   * @param {AbortSignal} signal
   */
  async #colour(file, signal) {
    const options = {format: /** @type {HTMLSelectElement} */ (this.$("select")).value, keep_position: false, mark: false};
    const wish = {photo: file, hints: [], variant: 0, reference: null, ...USUAL, ...options};
    const answer = await this.engine.ask("save", wish, {signal, status: (key, values) => { if (key) this.$(".progress").textContent = this.say(key, values); }});
    signal.throwIfAborted();
    const {blob, name} = /** @type {{blob: Blob, name: string}} */ (/** @type {unknown} */ (answer));
    return {blob, name, kept: name === file.name};
  }

  #begin() {
    for (const selector of [".list", ".report"]) this.$(selector).replaceChildren();
    this.$(".zip").hidden = true;
    this.$(".cancel").hidden = false;
    if (this.#zip) URL.revokeObjectURL(this.#zip);
  }

  /**
   * @param {string} path
   * @param {File} file
   */
  #list(path, file) {
    const button = Object.assign(document.createElement("button"), {type: "button", textContent: path, onclick: () => this.open(file)});
    const item = document.createElement("li");
    item.append(button);
    this.$(".list").append(item);
  }

  /**
   * @param {{name: string, blob: Blob, time: Date}[]} results
   * @param {{cancelled: boolean, copied: string[], failed: string[], passed: string[]}} told
   */
  async #finish(results, {cancelled, copied, failed, passed}) {
    this.$(".cancel").hidden = true;
    const values = {done: results.length - copied.length, failed: failed.length};
    this.$(".progress").textContent = this.say(cancelled ? "cancelled" : "finished", values);
    for (const [key, paths] of Object.entries({failed, copied, passed_over: passed}))
      if (paths.length) this.$(".report").append(Object.assign(document.createElement("p"), {textContent: `${this.say(key)} ${paths.join("; ")}`}));
    if (!results.length) return;
    const names = distinct(results.map(({name}) => name));
    this.#zip = URL.createObjectURL(await zip(results.map((result, index) => ({...result, name: names[index]}))));
    const link = /** @type {HTMLAnchorElement} */ (this.$(".zip"));
    Object.assign(link, {href: this.#zip, download: "colourised.zip", hidden: false});
  }
}

/**
 * Files that were dropped, with those in folders.
 * @param {DragEvent} event
 * @returns {Promise<Item[]>}
 */
async function dropped(event) {
  const entries = [...event.dataTransfer?.items ?? []].map((item) => item.webkitGetAsEntry());
  /** @param {any} entry @returns {Promise<Item[]>} */
  const within = async (entry) => {
    if (entry?.isFile) return [{file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path: entry.fullPath.slice(1)}];
    if (!entry?.isDirectory) return [];
    const reader = entry.createReader(), found = [];
    for (;;) { // it gives some at a time
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return found;
      for (const one of some) found.push(...await within(one));
    }
  };
  return (await Promise.all(entries.map(within))).flat();
}
