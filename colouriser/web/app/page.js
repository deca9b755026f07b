// The page of the browser edition: the viewer with its answerer, many photographs, and what it says of itself.
import {mount} from "../../viewer/viewer.js";
import {fill, loadTexts} from "../../viewer/words.js";
import {Engine, answerer} from "./answerer.js";
import {Many} from "./many.js";

const ACCEPT = "image/*,.heic,.heif,.tif,.tiff";

async function start() {
  let full = () => {}; // said once there are words
  const unkept = /** @type {Promise<void>} */ (new Promise((resolve) => { full = resolve; }));
  const controlled = keepOffline(full), texts = await loadTexts(navigator.language);
  /** @param {string} key @param {Record<string, unknown>} values */
  const say = (key, values = {}) => fill(texts[key] ?? key, values);
  document.documentElement.lang = texts.language;
  for (const element of document.querySelectorAll("[data-text]:not(.studio *)")) element.textContent = say(element.getAttribute("data-text") ?? "");
  const build = await (await fetch("build.json")).json();
  /** @type {HTMLElement} */ (document.querySelector("#about")).append(...paragraphs(say("web_about", build)));
  unkept.then(() => {
    const note = /** @type {HTMLElement} */ (document.querySelector("#unkept"));
    note.textContent = say("web_unkept");
    note.hidden = false;
  });
  const show = wireTabs();
  await controlled; // so that what is fetched from now on is kept
  const engine = new Engine();
  Object.assign(window, {colouriser: engine}); // for those who look how it computes
  const examples = build.examples.map((/** @type {string} */ name) => ({source: {example: `examples/${name}`}, name,
    label: `example_${name.replace(/\.\w+$/, "")}`, url: `examples/${name}`}));
  const session = await mount(/** @type {HTMLElement} */ (document.querySelector(".studio")), {
    answerer: answerer(engine), accept: ACCEPT, examples,
    takeMany: (files) => { show(1); many.run(files.map((file) => ({file, path: file.name}))); },
    takePasted: (files) => { many.run(files.map((file) => ({file, path: file.name}))); return true; },
    reveal: () => show(0), back: () => show(1),
  });
  const many = new Many(/** @type {HTMLElement} */ (document.querySelector("#many")), engine, say, (file) => {
    show(0);
    session.open(file, {name: file.name, kind: "many"});
  });
  const [first] = examples;
  if (first) session.open(first.source, {name: first.name, url: first.url, kind: "first"});
}

/**
 * A service worker keeps all files for the next time, also without a network. Browsers have it over HTTPS and on this computer.
 * @param {() => void} full Called if there is no room for them.
 */
async function keepOffline(full) {
  const {serviceWorker} = navigator;
  if (!serviceWorker) return;
  serviceWorker.onmessage = ({data}) => data === "full" && full();
  try {
    await serviceWorker.register("service-worker.js");
    if (!serviceWorker.controller) await new Promise((resolve) => {
      serviceWorker.addEventListener("controllerchange", resolve, {once: true});
      setTimeout(resolve, 5000); // a page that was reloaded past it is not controlled
    });
  } catch (error) { // storage is full, or forbidden
    console.warn("colouriser: nothing is kept for the next time", error);
    full();
  }
}

/** @returns {(index: number) => void} Shows a tab. */
function wireTabs() {
  const tabs = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[role=tab]")]);
  const panels = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[role=tabpanel]")]);
  const show = (/** @type {number} */ index) => {
    for (const [i, tab] of tabs.entries()) {
      tab.setAttribute("aria-selected", String(i === index));
      tab.tabIndex = i === index ? 0 : -1;
      panels[i].hidden = i !== index;
    }
  };
  for (const [index, tab] of tabs.entries()) {
    tab.onclick = () => show(index);
    tab.onkeydown = ({key}) => {
      const next = (index + (key === "ArrowRight" ? 1 : key === "ArrowLeft" ? tabs.length - 1 : 0)) % tabs.length;
      if (next === index) return;
      show(next);
      tabs[next].focus();
    };
  }
  show(0);
  return show;
}

/** @param {string} text Paragraphs; one that begins with # is a heading. */
function paragraphs(text) {
  return text.split("\n\n").map((part) => {
    const heading = part.startsWith("# ");
    return Object.assign(document.createElement(heading ? "h2" : "p"), {textContent: heading ? part.slice(2) : part});
  });
}

start().catch((error) => {
  const message = /** @type {HTMLElement} */ (document.querySelector("#broken"));
  message.textContent = `The page cannot be loaded (${error.message}); reload it.`;
  message.hidden = false;
});
