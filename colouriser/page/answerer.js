// The viewer in the page: its answerer (../viewer/README.md) over gradio, and the page around it.
// The arguments of `start` are what gradio hands to a component's script.
import {Failure} from "../viewer/session.js";
import {mount} from "../viewer/viewer.js";

/**
 * @typedef {import("../viewer/session.js").Answerer} Answerer
 * @typedef {import("../viewer/session.js").Call} Call
 * @typedef {import("../viewer/session.js").Wish} Wish
 *
 * @typedef {object} Gradio
 * @property {HTMLElement} element
 * @property {{value: {path: string, name: string, film?: boolean} | null, accept: string, examples: {name: string, label: string, file: string}[]}} props
 * @property {Record<string, (data: object) => Promise<any>>} server
 * @property {(file: File) => Promise<{path: string}>} upload
 * @property {(name: string, changed: () => void) => void} watch
 * @property {(path: string) => string} address Of a file that gradio serves.
 */

const FILES_TICK = 50; // milliseconds between two looks whether the tab for many photographs is there

/** @param {Gradio} gradio */
export async function start({element, props, server, upload, watch, address}) {
  const tabs = () => /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[role=tab]"));
  const session = await mount(/** @type {HTMLElement} */ (element.querySelector(".studio")), {
    answerer: answerer(server, upload, address),
    accept: props.accept,
    examples: props.examples.map(({name, label, file}) => ({source: {example: name}, name, label, url: address(file)})),
    takeMany: (files) => { tabs()[1].click(); giveMany(files); },
    takePasted(files) {
      if (!/** @type {HTMLElement | null} */ (document.querySelector("#files"))?.offsetParent) return false;
      giveMany(files);
      return true;
    },
    reveal: () => tabs()[0].click(),
    back: (hints) => {
      if (props.value?.film && props.value.path === opened) server.correct({path: opened, hints}).then(() => tabs()[2].click());
      else tabs()[1].click();
    },
  });
  let opened = "";
  const open = () => {
    if (!props.value?.path) return;
    opened = props.value.path;
    session.open({path: opened}, {name: props.value.name, kind: props.value.film ? "film" : "many"});
  };
  watch("value", open);
  const [first] = props.examples;
  if (props.value?.path) open();
  else if (first) session.open({example: first.name}, {name: first.name, url: address(first.file), kind: "first"});
}

/**
 * @param {Gradio["server"]} server
 * @param {Gradio["upload"]} upload
 * @param {Gradio["address"]} address
 * @returns {Answerer}
 */
function answerer(server, upload, address) {
  /** @type {WeakMap<File, Promise<string>>} */
  const sent = new WeakMap(); // paths on the server

  /**
   * @param {File} file
   * @param {Call} call
   */
  async function send(file, {status}) {
    if (!sent.has(file)) sent.set(file, upload(file).then(({path}) => path));
    status("sending");
    try { return await sent.get(file); } catch (error) {
      sent.delete(file); // the next call tries again
      throw new Failure("not_sent", {reason: /** @type {Error} */ (error).message});
    } finally { status(null); }
  }

  /**
   * @param {string} name
   * @param {Wish} wish
   * @param {Call} call
   * @returns {Promise<any>}
   */
  async function ask(name, {photo, reference, ...rest}, call) {
    const named = photo instanceof File ? {path: await send(photo, call)} : photo;
    const borrowed = reference && await send(reference, call);
    call.signal.throwIfAborted(); // sending takes its time
    let answer;
    try { answer = await server[name]({...rest, ...named, reference: borrowed}); } catch { /* the network */ }
    if (!answer) throw new Failure("lost");
    if (answer.error) throw new Error(answer.error);
    const {file, files, ...values} = answer;
    return {...values, url: file && address(file), urls: files?.map(address)};
  }

  /** @param {string} name */
  const through = (name) => (/** @type {Wish} */ wish, /** @type {Call} */ call) => ask(name, wish, call);
  return {colour: through("colour"), look: through("look"), suggest: through("suggest"), vary: through("vary"),
    unsure: through("unsure"), full: through("full"), save: through("save")};
}

/** @param {File[]} files For the tab for many photographs, which is being opened. */
function giveMany(files) {
  const list = new DataTransfer();
  for (const file of files) list.items.add(file);
  const wait = setInterval(() => {
    const input = /** @type {HTMLInputElement | null} */ (document.querySelector("#files input[type=file]"));
    if (!input) return;
    clearInterval(wait);
    input.files = list.files;
    input.dispatchEvent(new Event("change", {bubbles: true}));
  }, FILES_TICK);
}
