// The viewer: compares, zooms, sets pins. Here its elements (viewer.html) are wired to the session (session.js)
// and drawn by the geometry (stage.js). It knows no server: it asks an answerer (README.md).
import {Failure, Session, TREATMENTS, USUAL} from "./session.js";
import {beside, frame, isZoomed, limited, lineAt, lineLeft, mayShowFull, middle, panes, seen, toPhoto, toStage, zoomed} from "./stage.js";
import {colourName, fill, loadTexts} from "./words.js";

/**
 * @typedef {import("./session.js").Answerer} Answerer
 * @typedef {import("./session.js").Pin} Pin
 * @typedef {import("./session.js").Source} Source
 * @typedef {import("./stage.js").Point} Point
 * @typedef {import("./stage.js").View} View
 *
 * @typedef {object} Options
 * @property {Answerer} answerer
 * @property {string} accept Of the inputs for files.
 * @property {{source: Source, name: string, label: string, url: string}[]} examples It opens on the first. `label`: of the texts.
 * @property {(files: File[]) => void} [takeMany] Is given several photographs, or an archive.
 * @property {(files: File[]) => boolean} [takePasted] Is given what is pasted while the viewer is hidden; whether it was meant for something else.
 * @property {() => void} [reveal] The viewer is to be seen.
 * @property {(hints: import("./session.js").Hint[]) => void} [back] To the many photographs, or the film, that one was opened from.
 */

const DOWNLOAD_SECONDS = 60; // an object URL is let go then: browsers do not say that they have saved it
const PAUSE = 120; // milliseconds that a slider rests before the photograph is coloured

/** The viewer in its elements. */
class Viewer {
  /** @type {View} */
  view = {stage: {width: 0, height: 0}, photo: {width: 3, height: 2}, side: false, line: 0.5, zoom: 0, centre: [0, 0]};
  correcting = false;
  edited = -1; // the pin whose palette is open
  /** @type {{index: number, x: number, y: number} | null} */ dragged = null; // a pin, and where it is meanwhile
  /** @type {Map<number, Point>} */ pointers = new Map();
  /** @type {{kind: "pinch", from: number, scale: number} | {kind: "line" | "pan" | "none", at: Point, moved: boolean, start: Point, tap: boolean} | null} */
  gesture = null;
  /** @type {Partial<import("./session.js").Session["state"]>} */ drawn = {}; // the state's parts that the elements show

  /**
   * @param {HTMLElement} root
   * @param {import("./words.js").Texts} texts
   * @param {Options} options
   */
  constructor(root, texts, options) {
    this.root = root;
    this.texts = texts;
    this.options = options;
    this.stage = this.$(".stage");
    this.session = new Session(options.answerer, {decode, changed: () => this.render(), settled: () => this.settled()});
    this.label();
    this.wireStage();
    this.wireTools();
    this.wireSettings();
    this.wirePins();
    this.wireFiles();
    this.wireCamera();
    this.render();
  }

  get state() { return this.session.state; }

  /**
   * @param {string} selector
   * @returns {HTMLElement}
   */
  $(selector) {
    const element = this.root.querySelector(selector);
    if (!(element instanceof HTMLElement)) throw new Error(`no ${selector}`);
    return element;
  }

  /** @param {string} selector */
  input(selector) { return /** @type {HTMLInputElement} */ (this.$(selector)); }

  /** @param {string} selector */
  button(selector) { return /** @type {HTMLButtonElement} */ (this.$(selector)); }

  /**
   * @param {string} key
   * @param {Record<string, unknown>} values
   */
  say(key, values = {}) { return fill(this.texts[key] ?? key, values); }

  /** @param {string} hex */
  colourName(hex) { return colourName(hex, this.texts); }

  label() {
    for (const e of this.root.querySelectorAll("[data-text]")) e.textContent = this.say(e.getAttribute("data-text") ?? "");
    for (const e of this.root.querySelectorAll("[data-name]")) e.setAttribute("aria-label", this.say(e.getAttribute("data-name") ?? ""));
    this.$(".camera").hidden = !navigator.mediaDevices?.getUserMedia;
    this.$(".choose-reference").title = this.texts.borrow_hint;
    this.input(".file").accept = this.input(".reference").accept = this.options.accept;
    this.$(".examples .row").append(...this.options.examples.map(({source, name, label, url}) =>
      pictureButton(url, this.say("open_example", {name: this.say(label)}), () => this.session.open(source, {name, url, kind: "example"}))));
  }

  // ---- What is seen

  /** Bring the elements up to the state. */
  render() {
    const {state, drawn, root} = this;
    if (drawn.pins !== state.pins) this.renderPins();
    if (drawn.number !== state.number) this.renderNew();
    if (drawn.phase !== "done" && state.phase === "done") this.view.line = state.kind === "first" ? 0.4 : 0.5;
    root.dataset.state = state.phase;
    if (state.phase === "done") root.dataset.photograph = String(state.number);
    root.toggleAttribute("data-grey", state.picture?.grey ?? false);
    this.view.photo = state.size;
    if (drawn.picture !== state.picture) this.renderPicture();
    if (drawn.variants !== state.variants) this.renderStrip();
    for (const [index, button] of [...this.$(".strip").children].entries()) button.setAttribute("aria-pressed", String(index === state.variant));
    this.renderSettings();
    this.renderMessages();
    Object.assign(drawn, state);
    this.draw();
  }

  /** Another photograph was opened. */
  renderNew() {
    const {kind} = this.state;
    this.view.zoom = 0;
    this.closePalette();
    this.setCorrecting(false);
    this.$(".choose").textContent = this.say(kind === "first" || !this.state.number ? "choose" : "next");
    this.$(".badge").hidden = kind !== "example" && kind !== "first";
    this.$(".badge").textContent = this.texts.example;
    this.$(".back").hidden = kind !== "many" && kind !== "film";
    this.$(".back").textContent = kind === "film" ? this.texts.back_film : this.texts.back;
    this.drawn.phase = "working";
  }

  /** Both layers show the picture, which is decoded once. */
  renderPicture() {
    const image = /** @type {HTMLImageElement | undefined} */ (this.state.picture?.image);
    if (!image) {
      for (const layer of [".before", ".after"]) this.$(layer).replaceChildren();
      return;
    }
    const before = /** @type {HTMLImageElement} */ (image.cloneNode());
    before.alt = this.texts.grey;
    image.alt = this.texts.coloured;
    this.$(".before").replaceChildren(before);
    this.$(".after").replaceChildren(image);
  }

  renderStrip() {
    this.$(".strip").replaceChildren(...this.state.variants.map((url, index) =>
      pictureButton(url, index ? this.say("variant", {number: index}) : this.texts.usual, () => this.session.chooseVariant(index))));
  }

  renderPins() {
    const {pins} = this.state;
    this.$(".pins").replaceChildren(...pins.map((pin, index) => {
      const name = this.say("pin", {number: index + 1, colour: pin.colour ? this.colourName(pin.colour) : "?"});
      const element = madeButton("", name, (event) => { if (event.detail === 0) this.openPalette(index); }); // by the keyboard
      element.className = pin.colour ? "pin" : "pin empty";
      element.style.background = pin.colour ?? "";
      element.onpointerdown = (event) => this.dragPin(event, index);
      element.onkeydown = (event) => this.movePin(event, index);
      return element;
    }));
    this.$(".list").replaceChildren(...pins.flatMap(({colour}, index) => {
      if (!colour) return [];
      const item = document.createElement("li"), dot = document.createElement("i"), name = `${index + 1}: ${this.colourName(colour)}`;
      dot.style.background = colour;
      const open = madeButton(name, this.say("change_pin", {pin: name}), () => this.openPalette(index));
      open.prepend(dot, " ");
      item.append(open, madeButton("×", this.say("remove_pin", {pin: name}), () => this.removePin(index)));
      return [item];
    }));
  }

  renderSettings() {
    const {state} = this, {vividness, temperature, strength} = state.settings;
    const [percent, warmth, share] = [vividness, temperature, strength].map((value) => Math.round(value * 100));
    this.input(".strength").value = String(percent);
    this.input(".warmth").value = String(warmth);
    this.input(".share input").value = String(share);
    this.$(".strength-value").textContent = `${percent} %`;
    this.$(".warmth-value").textContent = (warmth > 0 ? "+" : "") + warmth;
    for (const e of this.root.querySelectorAll(".tools button:not(.back), .settings input, .settings button, .choose-reference"))
      /** @type {HTMLButtonElement} */ (e).disabled = !state.usable;
    if (state.usable) this.button(".correct").disabled = this.button(".doubt").disabled = this.button(".choose-reference").disabled = !state.corrects;
    this.button(".download").disabled = state.phase !== "done" || state.saving;
    this.button(".undo").disabled = !state.past.length;
    this.button(".redo").disabled = !state.future.length;
    this.button(".keep").disabled = !state.pins.some((pin) => pin.colour);
    this.$(".doubt").setAttribute("aria-pressed", String(state.unsure));
    const mask = state.doubt ? `url("${state.doubt}")` : "", layer = this.$(".unsure");
    layer.hidden = !state.unsure || !mask;
    if (this.drawn.doubt !== state.doubt) layer.style.maskImage = layer.style.webkitMaskImage = mask;
    const picture = /** @type {HTMLImageElement} */ (this.$(".reference-picture"));
    if (this.drawn.reference !== state.reference) Object.assign(picture, {src: state.reference?.url ?? "", alt: this.texts.borrow});
    for (const e of [picture, this.$(".share"), this.$(".drop-reference")]) e.hidden = !state.reference;
  }

  renderMessages() {
    const {phase, busy, message, size, said, colours, treated} = this.state, now = busy.at(-1);
    if (now) this.$(".working").textContent = this.say(now.key, now.values);
    this.$(".working").hidden = !now || message !== null;
    if (message) this.$(".message").textContent = message.key ? this.say(message.key, message.values) : message.text;
    this.$(".message").hidden = message === null;
    const odd = said.map((one) => this.texts[one] ?? `${one}.`), own = treated ? "" : this.texts[`has_${colours}`];
    const notes = [this.say("note", {...size}), ...odd, own, mayShowFull(size, isPhone()) ? "" : this.texts.reduced];
    this.$(".treat-text").textContent = this.texts[`do_${TREATMENTS[colours]}`];
    this.input(".treat").checked = treated;
    this.$(".note").textContent = phase === "done" ? notes.filter(Boolean).join(" ") : "";
  }

  /** Put everything on the stage where it belongs. */
  draw() {
    const {view, state, stage} = this, shows = state.number > 0;
    view.stage = {width: stage.clientWidth, height: stage.clientHeight};
    const [first, second] = panes(view), place = frame(view);
    this.drawLayer(".before", first);
    this.drawLayer(".after", second);
    this.root.toggleAttribute("data-zoomed", shows && isZoomed(view));
    const compares = state.phase === "done" && !view.side;
    this.$(".line").hidden = !compares;
    this.$(".before").style.visibility = compares || view.side ? "visible" : "hidden";
    const x = lineLeft(view), [top, bottom] = seen(view, 1), [left, right] = seen(view, 0);
    this.$(".before").style.clipPath = view.side ? "none" : `inset(0 ${Math.max(0, second[2] - x)}px 0 0)`;
    Object.assign(this.$(".line").style, {left: `${x - 1}px`, top: `${top}px`, bottom: `${second[3] - bottom}px`});
    this.$(".handle").setAttribute("aria-valuenow", String(Math.round(view.line * 100)));
    this.$(".handle").setAttribute("aria-valuetext", this.say("line_value", {share: Math.round(view.line * 100)}));
    Object.assign(this.$(".unsure").style, {left: `${second[0]}px`, top: `${second[1]}px`, ...photoStyle(place),
      clipPath: `inset(${top - place.top}px ${place.left + place.width - right}px ${place.top + place.height - bottom}px ${left - place.left}px)`});
    this.drawPins(second);
    this.$(".fit").setAttribute("aria-pressed", String(!shows || !isZoomed(view)));
    for (const times of [1, 2]) this.$(`.z${times}00`).setAttribute("aria-pressed", String(Math.abs(view.zoom * devicePixelRatio - times) < 0.01));
  }

  /**
   * @param {string} name
   * @param {import("./stage.js").Pane} pane
   */
  drawLayer(name, [left, top, width, height]) {
    const layer = this.$(name), place = frame(this.view);
    Object.assign(layer.style, {left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px`});
    for (const image of layer.children)
      Object.assign(/** @type {HTMLElement} */ (image).style, photoStyle(place), {imageRendering: place.scale * devicePixelRatio > 2 ? "pixelated" : "auto"});
  }

  /** @param {import("./stage.js").Pane} pane */
  drawPins([left, top, width, height]) {
    for (const [index, element] of [...this.$(".pins").children].entries()) {
      const pin = this.dragged?.index === index ? this.dragged : this.state.pins[index];
      const [x, y] = toStage(this.view, [pin.x + 0.5, pin.y + 0.5]);
      Object.assign(/** @type {HTMLElement} */ (element).style, {left: `${x}px`, top: `${y}px`});
      /** @type {HTMLElement} */ (element).hidden = x < left || y < top || x > left + width || y > top + height;
    }
  }

  /** The photograph is there as it is wished for: what else is looked at follows. */
  settled() {
    this.lookCloser();
    this.freshenStrip();
  }

  /** All pixels are fetched when they are looked at. */
  lookCloser() {
    if (this.view.zoom * devicePixelRatio > 0.99 && mayShowFull(this.state.size, isPhone())) this.session.full();
  }

  /** The colourings to choose from follow the photograph: at first, and then when they are in sight. */
  freshenStrip() {
    const {top, bottom} = this.$(".strip").getBoundingClientRect();
    if (!this.state.variants.length || (this.root.offsetParent && bottom > 0 && top < innerHeight)) this.session.vary();
  }

  // ---- The stage: one pointer moves the line, or pans; two pinch

  wireStage() {
    const {stage} = this, handle = this.$(".handle");
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    stage.addEventListener("pointerup", (event) => this.lift(event));
    stage.addEventListener("pointercancel", (event) => this.lift(event));
    stage.addEventListener("wheel", (event) => {
      if (this.state.phase !== "done" || isIn(event, ".palette")) return;
      if (event.deltaY > 0 && !isZoomed(this.view)) return; // the page scrolls
      event.preventDefault();
      this.zoomTo(frame(this.view).scale * Math.exp(-event.deltaY / 400), this.photoAt(event.clientX, event.clientY));
    }, {passive: false});
    handle.addEventListener("keydown", (event) => {
      const {line} = this.view, to = {ArrowLeft: line - 0.05, ArrowDown: line - 0.05, ArrowRight: line + 0.05, ArrowUp: line + 0.05, Home: 0, End: 1,
        PageDown: line - 0.2, PageUp: line + 0.2}[event.key];
      if (to === undefined) return;
      event.preventDefault();
      this.view.line = limited(to, 0, 1);
      this.draw();
    });
    new ResizeObserver(() => { if (stage.clientWidth) this.draw(); }).observe(stage);
    new IntersectionObserver(() => { if (this.state.phase === "done" && !this.state.running) this.freshenStrip(); }).observe(this.$(".strip"));
  }

  /**
   * A place of the window in pixels of the photograph; null beside it.
   * @param {number} x
   * @param {number} y
   */
  photoAt(x, y) {
    const {left, top} = this.stage.getBoundingClientRect();
    return this.state.number ? toPhoto(this.view, [x - left, y - top]) : null;
  }

  /**
   * @param {number} scale
   * @param {Point | null} [around]
   */
  zoomTo(scale, around) {
    Object.assign(this.view, zoomed(this.view, scale, around ?? undefined));
    this.draw();
    this.lookCloser();
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (!this.state.number || event.button || isIn(event, ".palette, .video, .message, .pin")) return;
    if (!this.$(".palette").hidden) {
      this.closePalette();
      if (!this.correcting) return;
    }
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.stage.setPointerCapture(event.pointerId);
    const onHandle = isIn(event, ".handle");
    if (this.pointers.size === 2) {
      const [a, b] = this.pointers.values();
      this.gesture = {kind: "pinch", from: distance(a, b), scale: frame(this.view).scale};
    } else {
      const kind = onHandle ? "line" : isZoomed(this.view) ? "pan" : this.view.side || this.correcting ? "none" : "line";
      this.gesture = {kind, at: [event.clientX, event.clientY], moved: onHandle, start: middle(this.view), tap: this.correcting && !onHandle};
    }
    if (onHandle) this.$(".handle").focus();
  }

  /** @param {PointerEvent} event */
  move(event) {
    const {gesture, view} = this;
    if (!gesture || !this.pointers.has(event.pointerId)) return;
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (gesture.kind === "pinch") {
      if (this.pointers.size < 2) return;
      const [a, b] = this.pointers.values();
      this.zoomTo(gesture.scale * distance(a, b) / gesture.from, this.photoAt((a[0] + b[0]) / 2, (a[1] + b[1]) / 2));
      return;
    }
    gesture.moved ||= distance([event.clientX, event.clientY], gesture.at) > 4;
    if (!gesture.moved) return;
    if (gesture.kind === "line") {
      view.line = lineAt(view, event.clientX - this.stage.getBoundingClientRect().left);
    } else if (gesture.kind === "pan") {
      const {scale} = frame(view);
      view.centre = [gesture.start[0] - (event.clientX - gesture.at[0]) / scale, gesture.start[1] - (event.clientY - gesture.at[1]) / scale];
    }
    this.draw();
  }

  /** @param {PointerEvent} event */
  lift(event) {
    const {gesture} = this;
    if (!this.pointers.delete(event.pointerId) || !gesture) return;
    if (!this.pointers.size) this.gesture = null;
    if (event.type !== "pointerup" || gesture.kind === "pinch" || !gesture.tap || gesture.moved || this.state.phase !== "done") return;
    const place = this.photoAt(event.clientX, event.clientY);
    if (place) this.addPin(place);
  }

  // ---- Tools, settings, download

  wireTools() {
    const {session, view} = this;
    this.button(".back").onclick = () => this.options.back?.(this.session.hints);
    this.button(".side").onclick = () => {
      view.side = !view.side;
      this.$(".side").setAttribute("aria-pressed", String(view.side));
      this.closePalette();
      this.draw();
    };
    this.button(".fit").onclick = () => { view.zoom = 0; this.draw(); };
    for (const times of [1, 2]) this.button(`.z${times}00`).onclick = () => this.zoomTo(times / devicePixelRatio);
    this.button(".correct").onclick = () => this.setCorrecting(!this.correcting);
    this.button(".doubt").onclick = () => session.showDoubt(!this.state.unsure);
    this.$(".message").onclick = () => this.dismiss();
    this.button(".download").onclick = async () => {
      const file = await session.save();
      if (!file) return;
      download(file.url, file.name);
      if (file.url.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(file.url), DOWNLOAD_SECONDS * 1000);
    };
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { this.closePalette(); this.stopCamera(); this.dismiss(); }
      if (!this.correcting || this.root.offsetParent === null || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
      event.preventDefault();
      this.step(event.shiftKey ? "redo" : "undo");
    });
  }

  dismiss() { if (this.state.phase === "done") this.session.dismiss(); }

  wireSettings() {
    const {session} = this;
    let pause = 0;
    for (const [selector, name] of /** @type {const} */ ([[".strength", "vividness"], [".warmth", "temperature"], [".share input", "strength"]]))
      this.input(selector).oninput = () => {
        session.set({[name]: Number(this.input(selector).value) / 100});
        clearTimeout(pause);
        pause = setTimeout(() => session.colour(), PAUSE);
      };
    this.button(".reset").onclick = () => {
      session.set({vividness: USUAL.vividness, temperature: USUAL.temperature});
      session.colour();
    };
    this.input(".format").onchange = () => session.choose({format: this.input(".format").value});
    this.input(".position").onchange = () => session.choose({keep_position: this.input(".position").checked});
    this.input(".mark").onchange = () => {
      session.choose({mark: this.input(".mark").checked});
      session.colour();
    };
    this.input(".treat").onchange = () => session.treat(this.input(".treat").checked);
    this.button(".choose-reference").onclick = () => this.input(".reference").click();
    this.input(".reference").onchange = () => {
      const [file] = takeFiles(this.input(".reference"));
      if (file) session.borrow(file);
    };
    this.button(".drop-reference").onclick = () => session.borrow(null);
  }

  // ---- Pins and the palette

  wirePins() {
    const {session} = this;
    this.button(".place").onclick = () => this.addPin(middle(this.view));
    this.button(".undo").onclick = () => this.step("undo");
    this.button(".redo").onclick = () => this.step("redo");
    this.button(".grey").onclick = () => this.choose("#808080");
    this.input(".free input").onchange = () => this.choose(this.input(".free input").value);
    this.button(".close").onclick = () => this.closePalette();
    this.button(".remove").onclick = () => {
      const index = this.edited, has = this.state.pins[index]?.colour;
      this.closePalette();
      if (has) this.removePin(index);
    };
    this.button(".load").onclick = () => this.input(".pinfile").click();
    this.input(".pinfile").onchange = async () => {
      const [file] = takeFiles(this.input(".pinfile"));
      if (file) session.load(await file.text());
    };
    this.button(".keep").onclick = () => {
      const hints = this.state.pins.filter((pin) => pin.colour).map(({x, y, colour}) => ({x: Math.round(x), y: Math.round(y), colour}));
      const name = (this.state.name || "photograph").replace(/\.[^.]*$/, "");
      download(`data:application/json,${encodeURIComponent(JSON.stringify({hints}, null, 1))}`, `${name}-colours.json`);
    };
  }

  /** @param {boolean} on */
  setCorrecting(on) {
    this.correcting = on;
    this.$(".correct").setAttribute("aria-pressed", String(on));
    this.$(".corrections").hidden = this.$(".pins").hidden = !on;
    this.root.toggleAttribute("data-correcting", on);
    if (on) {
      this.view.line = 0;
      this.stage.scrollIntoView({block: "nearest"});
    } else this.closePalette();
    this.draw();
  }

  /** @param {"undo" | "redo"} way */
  step(way) {
    this.closePalette();
    this.session[way]();
  }

  /** @param {Point} place */
  addPin([x, y]) {
    this.closePalette();
    this.session.place([...this.state.pins, {x, y, colour: null}]);
    this.openPalette(this.state.pins.length - 1);
  }

  /** @param {number} index */
  removePin(index) {
    const pin = this.state.pins[index];
    this.closePalette();
    this.session.correct(this.state.pins.filter((other) => other !== pin));
  }

  /**
   * @param {number} index
   * @param {Point} place
   */
  putPin(index, [x, y]) {
    const pins = this.state.pins.map((pin, i) => i === index ? {...pin, x, y} : pin);
    if (pins[index].colour) this.session.correct(pins); else this.session.place(pins);
  }

  /**
   * @param {PointerEvent} event
   * @param {number} index
   */
  dragPin(event, index) {
    event.preventDefault();
    event.stopPropagation();
    const element = /** @type {HTMLElement} */ (event.currentTarget), from = /** @type {Point} */ ([event.clientX, event.clientY]);
    const ended = new AbortController(), {signal} = ended, {state} = this;
    let moved = false;
    element.focus();
    element.setPointerCapture(event.pointerId);
    element.addEventListener("pointermove", (e) => {
      moved ||= distance([e.clientX, e.clientY], from) > 4;
      const place = moved && this.photoAt(e.clientX, e.clientY);
      if (place) { this.dragged = {index, x: place[0], y: place[1]}; this.draw(); }
    }, {signal});
    const end = () => {
      const {dragged} = this;
      ended.abort();
      this.dragged = null;
      if (this.state !== state) return; // another photograph was opened
      if (!moved) this.openPalette(index); else if (dragged) this.putPin(index, [dragged.x, dragged.y]);
    };
    for (const kind of ["pointerup", "pointercancel"]) element.addEventListener(kind, end, {signal});
  }

  /**
   * @param {KeyboardEvent} event
   * @param {number} index
   */
  movePin(event, index) {
    if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); this.removePin(index); return; }
    const way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    if (!way) return;
    event.preventDefault();
    const {width, height} = this.state.size, length = Math.max(width, height) / 100, {x, y} = this.state.pins[index];
    this.putPin(index, [limited(x + way[0] * length, 0, width - 1), limited(y + way[1] * length, 0, height - 1)]);
    /** @type {HTMLElement} */ (this.$(".pins").children[index]).focus();
  }

  /** @param {number} index */
  async openPalette(index) {
    const palette = this.$(".palette"), swatches = this.$(".swatches");
    if (this.edited >= 0 && this.edited !== index) this.closePalette();
    const pin = this.state.pins[index];
    this.edited = index;
    palette.hidden = false;
    swatches.textContent = "…";
    this.placePalette(pin);
    this.$(".close").focus({preventScroll: true});
    if (pin.colour) this.input(".free input").value = pin.colour;
    const colours = await this.session.suggest(pin);
    if (this.edited !== index || colours === undefined) return;
    if (colours === null) { this.closePalette(); return; }
    swatches.replaceChildren(...colours.map(({colour, probability}) => {
      const name = this.colourName(colour), label = this.say("swatch", {colour: name, share: Math.round(probability * 100)});
      const swatch = Object.assign(madeButton("", label, () => this.choose(colour)), {className: "swatch", title: name});
      swatch.style.background = swatch.dataset.colour = colour;
      swatch.setAttribute("aria-pressed", String(colour === pin.colour));
      return swatch;
    }));
    this.placePalette(pin);
    /** @type {HTMLElement | null} */ (swatches.firstElementChild)?.focus({preventScroll: true});
  }

  /** @param {Pin} pin */
  placePalette({x, y}) {
    const palette = this.$(".palette");
    const [left, top] = beside(toStage(this.view, [x, y]), {width: palette.offsetWidth, height: palette.offsetHeight}, this.view.stage);
    Object.assign(palette.style, {left: `${left}px`, top: `${top}px`});
  }

  /** @param {string} colour For the pin whose palette is open. */
  choose(colour) {
    if (this.edited < 0) return;
    this.edited = this.session.colourPin(this.edited, colour);
    for (const swatch of this.$(".swatches").children) swatch.setAttribute("aria-pressed", String(swatch.getAttribute("data-colour") === colour));
  }

  closePalette() {
    if (this.$(".palette").hidden) return;
    this.$(".palette").hidden = true;
    this.edited = -1;
    if (this.state.pins.some((pin) => !pin.colour)) this.session.place(this.state.pins.filter((pin) => pin.colour));
  }

  // ---- Photographs come in

  wireFiles() {
    const {root} = this;
    this.button(".choose").onclick = () => this.input(".file").click();
    this.input(".file").onchange = () => this.take(takeFiles(this.input(".file")));
    root.addEventListener("dragover", (event) => { event.preventDefault(); root.dataset.over = ""; });
    root.addEventListener("dragleave", (event) => {
      if (!root.contains(/** @type {Node | null} */ (event.relatedTarget))) delete root.dataset.over;
    });
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      delete root.dataset.over;
      const files = [...event.dataTransfer?.files ?? []];
      if (!isIn(event, ".borrow")) this.take(files);
      else if (files.length && this.state.phase === "done") this.session.borrow(files[0]);
    });
    document.addEventListener("paste", (event) => {
      const files = [...event.clipboardData?.files ?? []];
      if (!files.length) return;
      event.preventDefault();
      if (root.offsetParent === null && this.options.takePasted?.(files)) return;
      this.options.reveal?.();
      this.take(files);
    });
  }

  /** @param {File[]} files */
  take(files) {
    const {takeMany} = this.options, [file] = files;
    if (takeMany && (files.length > 1 || /\.zip$/i.test(file?.name))) takeMany(files);
    else if (file) this.session.open(file, {name: file.name});
  }

  wireCamera() {
    const video = /** @type {HTMLVideoElement} */ (this.$(".video video"));
    this.button(".camera").onclick = async () => {
      try {
        video.srcObject = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment", width: {ideal: 1920}}});
      } catch { this.session.fail(new Failure("no_camera")); return; }
      this.$(".video").hidden = false;
      await video.play();
      this.$(".shoot").focus();
    };
    this.button(".stop").onclick = () => this.stopCamera();
    this.button(".shoot").onclick = () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
      canvas.getContext("2d")?.drawImage(video, 0, 0);
      this.stopCamera();
      canvas.toBlob((blob) => { if (blob) this.take([new File([blob], this.texts.camera_file + ".jpg", {type: "image/jpeg"})]); }, "image/jpeg", 0.95);
    };
  }

  stopCamera() {
    const {srcObject} = /** @type {HTMLVideoElement} */ (this.$(".video video"));
    for (const track of srcObject instanceof MediaStream ? srcObject.getTracks() : []) track.stop();
    this.$(".video").hidden = true;
  }
}

/**
 * Make a viewer of the elements of viewer.html.
 * @param {HTMLElement} root The element of class "studio".
 * @param {Options} options
 * @returns {Promise<Session>} To open photographs with.
 */
export async function mount(root, options) {
  return new Viewer(root, await loadTexts(navigator.language), options).session;
}

const isPhone = () => matchMedia("(pointer: coarse)").matches;

/** @param {string} url */
async function decode(url) {
  const image = new Image();
  Object.assign(image, {src: url, alt: "", draggable: false});
  await image.decode();
  return image;
}

/**
 * @param {Event} event
 * @param {string} selector
 */
const isIn = ({target}, selector) => target instanceof Element && target.closest(selector) !== null;

/**
 * @param {Point} a
 * @param {Point} b
 */
const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** @param {{left: number, top: number, width: number, height: number}} place */
const photoStyle = ({left, top, width, height}) => ({width: `${width}px`, height: `${height}px`, transform: `translate(${left}px, ${top}px)`});

/**
 * @param {string} text
 * @param {string} name
 * @param {(event: MouseEvent) => void} action
 */
function madeButton(text, name, action) {
  const button = Object.assign(document.createElement("button"), {type: "button", textContent: text, onclick: action});
  button.setAttribute("aria-label", name);
  return button;
}

/**
 * @param {string} url
 * @param {string} name
 * @param {() => void} action
 */
function pictureButton(url, name, action) {
  const button = madeButton("", name, action);
  button.append(Object.assign(new Image(), {src: url, alt: ""}));
  return button;
}

/** @param {HTMLInputElement} input It is empty then, so that the same file can be chosen again. */
function takeFiles(input) {
  const files = [...input.files ?? []];
  input.value = "";
  return files;
}

/**
 * @param {string} url
 * @param {string} name
 */
function download(url, name) {
  Object.assign(document.createElement("a"), {href: url, download: name}).click();
}
