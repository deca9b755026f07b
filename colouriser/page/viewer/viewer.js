// The studio's side in the browser: compares, zooms, sets pins. Python's is __init__.py.
// In: element, props (texts, examples), server (colour, look, suggest, ...), upload, watch.
const texts = props.texts[navigator.language.slice(0, 2)] ?? props.texts.en;
const root = element.querySelector(".studio");
const $ = (selector) => root.querySelector(selector);
const say = (key, values = {}) => Object.entries(values).reduce((t, [k, v]) => t.replace("{" + k + "}", v), texts[key]);
const address = (path) => (window.gradio_config.root ?? "") + (window.gradio_config.api_prefix ?? "/gradio_api") +
  "/file=" + path.split("/").map(encodeURIComponent).join("/");
for (const e of root.querySelectorAll("[data-text]")) e.textContent = texts[e.dataset.text];
for (const e of root.querySelectorAll("[data-name]")) e.setAttribute("aria-label", texts[e.dataset.name]);
$(".camera").hidden = !navigator.mediaDevices?.getUserMedia;
$(".choose-reference").title = texts.borrow_hint;
$(".file").accept = props.accept;
$(".reference").accept = props.accept;

const USUAL = {strength: 100, warmth: 0};
const stage = $(".stage"), before = $(".before"), after = $(".after");
let photo = null; // {file | example, name, width, height}
let shown = null; // the picture in colour that is seen: {full}, whether it has all pixels
let line = 0.5, side = false, correcting = false, unsure = false;
let zoom = 0, centre = [0, 0]; // CSS pixels a pixel of the photograph (0: it fits), and what is in the middle
let pins = [], past = [], future = []; // pins: {x, y, colour}, in pixels of the photograph
let variant = 0, reference = null; // reference: {path}
let asked = 0, running = false, again = false; // requests for colour

// ---- Pictures

function panes() {
  const {clientWidth: w, clientHeight: h} = stage;
  if (!side) return [[0, 0, w, h], [0, 0, w, h]];
  if (photo && photo.width / photo.height > 2 * w / h / 1.4) return [[0, 0, w, h / 2], [0, h / 2, w, h / 2]];
  return [[0, 0, w / 2, h], [w / 2, 0, w / 2, h]];
}

function fitting([, , w, h]) { return photo ? Math.min(w / photo.width, h / photo.height) : 1; }

// Where the photograph lies in a pane: left, top and scale.
function rectangle(pane) {
  const least = fitting(pane), scale = Math.max(zoom, least);
  return [0, 1].map((axis) => {
    const room = pane[2 + axis], length = (axis ? photo.height : photo.width) * scale;
    if (length <= room) return (room - length) / 2;
    return Math.min(0, Math.max(room - length, room / 2 - centre[axis] * scale));
  }).concat(scale);
}

function draw() {
  const [first, second] = panes();
  for (const [layer, pane] of [[before, first], [after, second]]) {
    Object.assign(layer.style, {left: pane[0] + "px", top: pane[1] + "px", width: pane[2] + "px", height: pane[3] + "px"});
    if (!photo) continue;
    const [left, top, scale] = rectangle(pane);
    for (const img of layer.children)
      Object.assign(img.style, {width: photo.width * scale + "px", height: photo.height * scale + "px", transform: `translate(${left}px, ${top}px)`,
        imageRendering: scale * devicePixelRatio > 2 ? "pixelated" : "auto"});
  }
  root.toggleAttribute("data-zoomed", photo !== null && zoom > fitting(second) * 1.001);
  const compares = photo !== null && shown !== null && !side && root.dataset.state !== "empty";
  $(".line").hidden = !compares;
  before.style.visibility = compares || side ? "visible" : "hidden";
  if (!photo) return;
  const [left, top, scale] = rectangle(second);
  const from = Math.max(0, left), to = Math.min(second[2], left + photo.width * scale);
  const x = from + line * (to - from);
  before.style.clipPath = side ? "none" : `inset(0 ${Math.max(0, second[2] - x)}px 0 0)`;
  Object.assign($(".line").style, {left: x - 1 + "px", top: Math.max(0, top) + "px", bottom: Math.max(0, second[3] - top - photo.height * scale) + "px"});
  const handle = $(".handle");
  handle.setAttribute("aria-valuenow", Math.round(line * 100));
  handle.setAttribute("aria-valuetext", say("line_value", {share: Math.round(line * 100)}));
  Object.assign($(".unsure").style, {left: second[0] + "px", top: second[1] + "px", width: photo.width * scale + "px",
    height: photo.height * scale + "px", transform: `translate(${left}px, ${top}px)`});
  $(".unsure").style.clipPath = `inset(${Math.max(0, -top)}px ${Math.max(0, left + photo.width * scale - second[2])}px ${Math.max(0, top + photo.height * scale - second[3])}px ${Math.max(0, -left)}px)`;
  for (const [index, element] of [...$(".pins").children].entries()) {
    const [px, py] = toStage(pins[index].x + 0.5, pins[index].y + 0.5);
    Object.assign(element.style, {left: px + "px", top: py + "px"});
    const [bx, by, bw, bh] = second;
    element.hidden = px < bx || py < by || px > bx + bw || py > by + bh;
  }
  $(".fit").setAttribute("aria-pressed", !root.hasAttribute("data-zoomed"));
  for (const times of [1, 2]) $(`.z${times}00`).setAttribute("aria-pressed", Math.abs(zoom * devicePixelRatio - times) < 0.01);
}

function toStage(x, y) {
  const pane = panes()[1], [left, top, scale] = rectangle(pane);
  return [pane[0] + left + x * scale, pane[1] + top + y * scale];
}

// A place of the stage in pixels of the photograph; null beside it.
function toPhoto(clientX, clientY) {
  const box = stage.getBoundingClientRect(), x = clientX - box.left, y = clientY - box.top;
  const pane = panes().findLast(([l, t, w, h]) => x >= l && y >= t && x <= l + w && y <= t + h);
  if (!pane || !photo) return null;
  const [left, top, scale] = rectangle(pane);
  const place = [(x - pane[0] - left) / scale, (y - pane[1] - top) / scale];
  return place[0] >= 0 && place[1] >= 0 && place[0] < photo.width && place[1] < photo.height ? place : null;
}

function zoomTo(scale, around) {
  const pane = panes()[1], least = fitting(pane), [left, top, old] = rectangle(pane);
  const middle = [0, 1].map((a) => (pane[2 + a] / 2 - (a ? top : left)) / old);
  const fixed = around ?? middle;
  zoom = scale <= least ? 0 : Math.min(scale, Math.max(8, least));
  if (zoom) centre = [0, 1].map((a) => fixed[a] + (middle[a] - fixed[a]) * old / zoom);
  draw();
  if (zoom * devicePixelRatio > 0.99) fetchFull();
}

// Shows a picture in both layers once it is there, so that nothing blanks meanwhile.
async function show(url, isCurrent) {
  const images = [new Image(), new Image()];
  for (const img of images) { img.src = url; img.alt = ""; img.draggable = false; }
  await images[0].decode();
  await images[1].decode();
  if (!isCurrent()) return false;
  before.replaceChildren(images[0]);
  after.replaceChildren(images[1]);
  images[0].alt = texts.grey;
  images[1].alt = texts.coloured;
  draw();
  return true;
}

// ---- Requests

function wish() {
  return {
    ...(photo.example ? {example: photo.example} : {path: photo.path}), variant,
    hints: pins.filter((pin) => pin.colour).map(({x, y, colour}) => ({x, y, colour})),
    reference: reference?.path ?? null, strength: $(".share input").value / 100,
    vividness: $(".strength").value / 100, temperature: $(".warmth").value / 100,
    format: $(".format").value, keep_position: $(".position").checked, mark: $(".mark").checked,
  };
}

async function ask(name, wanted) {
  let answer;
  try { answer = await server[name](wanted); } catch { answer = {error: texts.lost}; }
  if (!answer || answer.error) throw new Error(answer?.error ?? texts.lost);
  return answer;
}

function fail(error) {
  $(".message").textContent = error.message;
  $(".message").hidden = false;
  $(".working").hidden = true;
}

function enable(on) {
  for (const e of root.querySelectorAll(".tools button:not(.back), .settings input, .settings button, .choose-reference")) e.disabled = !on;
}

// There is no photograph to be seen, only a message.
function nothing() {
  root.dataset.state = "error";
  enable(false);
  before.replaceChildren();
  after.replaceChildren();
}

// A message stays until a person does something else.
function quiet() { $(".message").hidden = true; }

function working(key) {
  $(".working").textContent = texts[key];
  $(".working").hidden = false;
}

// Colours the photograph with what is chosen. While one request runs, the next waits, and only the last.
async function colour() {
  quiet();
  if (running) { again = true; return; }
  running = true;
  let good;
  do {
    again = good = false;
    if (!photo.path && !photo.example) { running = false; return; } // it is still being sent
    const turn = asked, isCurrent = () => turn === asked;
    working("working");
    try {
      const answer = await ask("colour", wish());
      if (!isCurrent()) { again = true; continue; }
      Object.assign(photo, {width: answer.width, height: answer.height});
      if (await show(address(answer.file), isCurrent)) finished(answer);
      good = true;
    } catch (error) {
      if (again || !isCurrent()) { again = true; continue; }
      fail(error);
      if (root.dataset.state === "working") nothing();
    }
  } while (again);
  running = false;
  if (!good) return;
  $(".working").hidden = true;
  if (unsure) showUnsure();
  if (zoom * devicePixelRatio > 0.99) fetchFull();
}

function finished(answer) {
  const first = root.dataset.state !== "done";
  root.dataset.state = "done";
  root.dataset.photograph = asked;
  root.removeAttribute("data-grey");
  shown = {full: false};
  $(".download").disabled = false;
  $(".note").textContent = [say("note", answer), answer.several ? texts.several : ""].join(" ");
  enable(true);
  $(".correct").disabled = $(".doubt").disabled = $(".choose-reference").disabled = !answer.corrects;
  draw();
  if (first && photo.local) URL.revokeObjectURL(photo.local);
  if (first) { line = photo.example && !photo.chosen ? 0.4 : 0.5; draw(); if (answer.corrects) vary(); }
}

// The file's own pixels, when they are looked at.
async function fetchFull() {
  if (!shown || shown.full || running) return;
  const now = shown, isCurrent = () => shown === now;
  now.full = true;
  working("full");
  try {
    const {file} = await ask("full", wish());
    await show(address(file), isCurrent);
    if (isCurrent()) $(".working").hidden = true;
  } catch (error) { now.full = false; if (isCurrent()) fail(error); }
}

async function vary() {
  const now = asked, strip = $(".strip");
  strip.replaceChildren();
  try {
    const {files} = await ask("vary", wish());
    if (now !== asked) return;
    strip.replaceChildren(...files.map((file, index) => {
      const button = document.createElement("button"), img = new Image();
      Object.assign(button, {type: "button", onclick: () => { variant = index; marked(); colour(); }});
      button.setAttribute("aria-label", index ? say("variant", {number: index}) : texts.usual);
      img.src = address(file);
      img.alt = "";
      button.append(img);
      return button;
    }));
    marked();
  } catch { strip.replaceChildren(); } // the photograph itself is there
  function marked() { [...strip.children].forEach((b, i) => b.setAttribute("aria-pressed", i === variant)); }
}

async function showUnsure() {
  const layer = $(".unsure");
  try {
    const {file} = await ask("unsure", wish());
    layer.style.maskImage = layer.style.webkitMaskImage = `url("${address(file)}")`;
    layer.hidden = !unsure;
  } catch (error) { fail(error); }
}

// ---- A photograph comes in

function start(next, url) {
  asked += 1;
  photo = {width: photo?.width ?? 3, height: photo?.height ?? 2, ...next};
  shown = null;
  [zoom, variant, reference, pins, past, future] = [0, 0, null, [], [], []];
  $(".strength").value = USUAL.strength;
  $(".warmth").value = USUAL.warmth;
  for (const e of [$(".reference-picture"), $(".share"), $(".drop-reference"), $(".unsure"), $(".palette")]) e.hidden = true;
  $(".doubt").setAttribute("aria-pressed", unsure = false);
  listPins();
  correct(false);
  values();
  $(".strip").replaceChildren();
  $(".choose").textContent = next.example && !next.chosen ? texts.choose : texts.next;
  $(".download").disabled = true;
  $(".note").textContent = "";
  $(".badge").hidden = !next.example;
  $(".badge").textContent = texts.example;
  $(".back").hidden = !next.many;
  root.dataset.state = "working";
  const turn = asked, isCurrent = () => turn === asked && !shown;
  // What the browser cannot show the server does first, and reads it for both.
  const seen = url ? look(url) : ask("look", wish()).then(({file}) => look(address(file)));
  seen.catch(() => {}).finally(() => { if (!url) colour(); }); // colour says what is wrong
  async function look(source) {
    const [width, height] = await sizeOf(source);
    if (!isCurrent()) return;
    root.dataset.grey = "";
    Object.assign(photo, {width, height});
    await show(source, isCurrent);
  }
  quiet();
  working("working");
  if (url) colour();
}

async function sizeOf(url) {
  const img = new Image();
  img.src = url;
  await img.decode();
  return [img.naturalWidth, img.naturalHeight];
}

async function take(files) {
  if (!files.length) return;
  if (files.length > 1 || /\.zip$/i.test(files[0].name)) { toMany(files); return; }
  const [file] = files, local = URL.createObjectURL(file);
  asked += 1;
  const turn = asked;
  quiet();
  working("sending");
  $(".download").disabled = true;
  let size = null;
  try { size = await sizeOf(local); } catch { /* TIFF, HEIC: the server shows it */ }
  if (turn !== asked) return;
  root.dataset.state = "working";
  if (size) {
    [photo, shown, zoom, pins] = [{width: size[0], height: size[1]}, null, 0, []];
    root.dataset.grey = "";
    listPins();
    await show(local, () => turn === asked);
    $(".working").hidden = false;
  }
  let sent;
  try {
    sent = await upload(file);
  } catch (error) {
    if (turn === asked) { nothing(); fail(new Error(say("not_sent", {reason: error.message}))); }
    return;
  }
  if (turn === asked) start({path: sent.path, name: file.name, local}, size && local);
}

function toMany(files) {
  const list = new DataTransfer();
  for (const file of files) list.items.add(file);
  document.querySelectorAll("[role=tab]")[1].click();
  const wait = setInterval(() => {
    const input = document.querySelector("#files input[type=file]");
    if (!input) return;
    clearInterval(wait);
    input.files = list.files;
    input.dispatchEvent(new Event("change", {bubbles: true}));
  }, 50);
}

// ---- Pins and the palette

function change(next) {
  past.push(JSON.stringify(pins));
  future = [];
  pins = next;
  listPins();
  colour();
}

function step(from, to) {
  if (!from.length) return;
  to.push(JSON.stringify(pins));
  pins = JSON.parse(from.pop());
  closePalette();
  listPins();
  colour();
}

function listPins() {
  $(".pins").replaceChildren(...pins.map((pin, index) => {
    const element = document.createElement("button");
    element.type = "button";
    element.className = "pin" + (pin.colour ? "" : " empty");
    element.style.background = pin.colour ?? "";
    element.setAttribute("aria-label", say("pin", {number: index + 1, colour: pin.colour ? nameOf(pin.colour) : "?"}));
    element.onpointerdown = (event) => dragPin(event, index);
    element.onkeydown = (event) => movePin(event, index);
    element.onclick = (event) => { if (event.detail === 0) openPalette(index); }; // by the keyboard
    return element;
  }));
  $(".list").replaceChildren(...pins.filter((pin) => pin.colour).map((pin) => {
    const item = document.createElement("li"), dot = document.createElement("i"), index = pins.indexOf(pin);
    dot.style.background = pin.colour;
    const button = (text, name, action) => {
      const made = document.createElement("button");
      Object.assign(made, {type: "button", textContent: text, onclick: action});
      made.setAttribute("aria-label", name);
      return made;
    };
    const name = `${index + 1}: ${nameOf(pin.colour)}`;
    const open = button(name, say("change_pin", {pin: name}), () => openPalette(index));
    open.prepend(dot, " ");
    item.append(open, button("×", say("remove_pin", {pin: name}), () => { closePalette(); change(pins.filter((p) => p !== pin)); }));
    return item;
  }));
  $(".undo").disabled = !past.length;
  $(".redo").disabled = !future.length;
  $(".keep").disabled = !pins.some((pin) => pin.colour);
  if (photo) draw();
}

function dragPin(event, index) {
  event.preventDefault();
  event.stopPropagation();
  const element = event.currentTarget, from = [event.clientX, event.clientY], old = {...pins[index]};
  let moved = false;
  element.focus();
  element.setPointerCapture(event.pointerId);
  element.onpointermove = (e) => {
    moved ||= Math.hypot(e.clientX - from[0], e.clientY - from[1]) > 4;
    const place = moved && toPhoto(e.clientX, e.clientY);
    if (place) { pins[index] = {...pins[index], x: place[0], y: place[1]}; draw(); }
  };
  element.onpointerup = element.onpointercancel = () => {
    element.onpointermove = element.onpointerup = element.onpointercancel = null;
    if (!moved) { openPalette(index); return; }
    const now = pins[index];
    pins[index] = old;
    change(pins.map((pin, i) => i === index ? now : pin));
  };
}

function movePin(event, index) {
  const way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
  if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); change(pins.filter((_, i) => i !== index)); return; }
  if (!way) return;
  event.preventDefault();
  const length = Math.max(photo.width, photo.height) / 100, pin = pins[index];
  const x = Math.min(photo.width - 1, Math.max(0, pin.x + way[0] * length)), y = Math.min(photo.height - 1, Math.max(0, pin.y + way[1] * length));
  if (pin.colour) change(pins.map((p, i) => i === index ? {...p, x, y} : p));
  else { pins[index] = {...pin, x, y}; draw(); }
  $(".pins").children[index].focus();
}

function addPin(x, y) {
  closePalette();
  pins = [...pins, {x, y, colour: null}];
  listPins();
  openPalette(pins.length - 1);
}

let edited = -1;
async function openPalette(index) {
  const palette = $(".palette"), swatches = $(".swatches"), [x, y] = toStage(pins[index].x, pins[index].y);
  if (edited >= 0 && edited !== index) closePalette();
  edited = index;
  palette.hidden = false;
  swatches.textContent = "…";
  const place = () => {
    const right = x + 24 + palette.offsetWidth < stage.clientWidth ? x + 24 : x - 24 - palette.offsetWidth;
    palette.style.left = Math.min(Math.max(4, right), Math.max(4, stage.clientWidth - palette.offsetWidth - 4)) + "px";
    palette.style.top = Math.min(Math.max(4, y - 40), Math.max(4, stage.clientHeight - palette.offsetHeight - 4)) + "px";
  };
  place();
  palette.querySelector(".close").focus({preventScroll: true});
  const {x: px, y: py, colour: own} = pins[index];
  if (own) palette.querySelector("input").value = own;
  try {
    const asks = {...wish(), hints: wish().hints.filter((hint) => hint.x !== px || hint.y !== py)};
    const {colours} = await ask("suggest", {...asks, x: px, y: py});
    if (edited !== index) return;
    swatches.replaceChildren(...colours.map(({colour: hex, probability}) => {
      const swatch = document.createElement("button");
      Object.assign(swatch, {type: "button", className: "swatch", onclick: () => choose(hex), title: nameOf(hex)});
      swatch.style.background = swatch.dataset.colour = hex;
      swatch.setAttribute("aria-label", say("swatch", {colour: nameOf(hex), share: Math.round(probability * 100)}));
      swatch.setAttribute("aria-pressed", hex === own);
      return swatch;
    }));
    place();
    swatches.firstElementChild?.focus({preventScroll: true});
  } catch (error) { closePalette(); fail(error); }
}

function choose(hex) {
  const index = edited, placed = pins.filter((p, i) => p.colour || i === index);
  const now = placed.indexOf(pins[index]), next = placed.map((pin, i) => i === now ? {...pin, colour: hex} : pin);
  pins = pins.filter((p) => p.colour); // as undo shall find it
  change(next);
  edited = now;
  for (const swatch of $(".swatches").children) swatch.setAttribute("aria-pressed", swatch.dataset.colour === hex);
}

function closePalette() {
  if ($(".palette").hidden) return;
  $(".palette").hidden = true;
  edited = -1;
  if (pins.some((pin) => !pin.colour)) { pins = pins.filter((pin) => pin.colour); listPins(); }
}

function correct(on) {
  correcting = on;
  $(".correct").setAttribute("aria-pressed", on);
  $(".corrections").hidden = !on;
  $(".pins").hidden = !on;
  root.toggleAttribute("data-correcting", on);
  if (on) { line = 0; stage.scrollIntoView({block: "nearest"}); }
  else closePalette();
  draw();
}

// What people call a colour, for those who hear it.
function nameOf(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
  const most = Math.max(r, g, b), least = Math.min(r, g, b), spread = most - least, light = (most + least) / 2;
  const shade = light > 0.66 ? "light" : light < 0.33 ? "dark" : "";
  let hue = "grey_";
  if (spread > 0.07) {
    const angle = 60 * (most === r ? ((g - b) / spread + 6) % 6 : most === g ? (b - r) / spread + 2 : (r - g) / spread + 4);
    hue = angle < 15 || angle >= 345 ? "red" : angle < 45 ? (light < 0.5 || spread < 0.4 ? "brown" : "orange") : angle < 70 ? "yellow" :
      angle < 165 ? "green" : angle < 195 ? "turquoise" : angle < 260 ? "blue" : angle < 300 ? "violet" : "pink";
  }
  return shade ? say(shade, {colour: texts[hue]}) : texts[hue];
}

function loadPins(text) {
  let found;
  try {
    const value = JSON.parse(text), list = Array.isArray(value) ? value : value.hints;
    found = list.map(({x, y, colour}) => ({x: Number(x), y: Number(y), colour: String(colour)}));
    if (!found.every((pin) => /^#[0-9a-f]{6}$/i.test(pin.colour) && pin.x >= 0 && pin.y >= 0 && pin.x < photo.width && pin.y < photo.height)) throw 0;
  } catch { fail(new Error(texts.bad_pins)); return; }
  change(found);
}

// ---- Pointers: one moves the line, or pans; two pinch

const pointers = new Map();
let gesture = null;

stage.addEventListener("pointerdown", (event) => {
  if (!photo || event.button || event.target.closest(".palette, .video, .message, .pin")) return;
  if (!$(".palette").hidden) { closePalette(); if (!correcting) return; }
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  stage.setPointerCapture(event.pointerId);
  const onHandle = event.target.closest(".handle");
  if (pointers.size === 2) {
    const [a, b] = pointers.values();
    gesture = {kind: "pinch", from: Math.hypot(a[0] - b[0], a[1] - b[1]), scale: rectangle(panes()[1])[2]};
  } else {
    const kind = onHandle ? "line" : root.hasAttribute("data-zoomed") ? "pan" : side || correcting ? "none" : "line";
    gesture = {kind, at: [event.clientX, event.clientY], moved: Boolean(onHandle), start: [...middle()], tap: correcting && !onHandle};
  }
  if (onHandle) $(".handle").focus();
});

function middle() {
  const pane = panes()[1], [left, top, scale] = rectangle(pane);
  return [(pane[2] / 2 - left) / scale, (pane[3] / 2 - top) / scale];
}

stage.addEventListener("pointermove", (event) => {
  if (!gesture || !pointers.has(event.pointerId)) return;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  if (gesture.kind === "pinch") {
    if (pointers.size < 2) return;
    const [a, b] = pointers.values();
    const place = toPhoto((a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
    zoomTo(gesture.scale * Math.hypot(a[0] - b[0], a[1] - b[1]) / gesture.from, place ?? undefined);
    return;
  }
  const dx = event.clientX - gesture.at[0], dy = event.clientY - gesture.at[1];
  gesture.moved ||= Math.hypot(dx, dy) > 4;
  if (!gesture.moved) return;
  if (gesture.kind === "line") {
    const pane = panes()[1], [left, , scale] = rectangle(pane), box = stage.getBoundingClientRect();
    const from = Math.max(0, left), to = Math.min(pane[2], left + photo.width * scale);
    line = Math.min(1, Math.max(0, (event.clientX - box.left - from) / (to - from)));
  } else if (gesture.kind === "pan") {
    const scale = rectangle(panes()[1])[2];
    centre = [gesture.start[0] - dx / scale, gesture.start[1] - dy / scale];
  }
  draw();
});

for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, (event) => {
  if (!pointers.delete(event.pointerId) || !gesture) return;
  const tapped = kind === "pointerup" && gesture.tap && !gesture.moved && gesture.kind !== "pinch";
  if (!pointers.size) gesture = null;
  const place = tapped && shown && toPhoto(event.clientX, event.clientY);
  if (place) addPin(...place);
});

stage.addEventListener("wheel", (event) => {
  if (!shown || event.target.closest(".palette")) return;
  if (event.deltaY > 0 && !root.hasAttribute("data-zoomed")) return; // the page scrolls
  event.preventDefault();
  zoomTo(rectangle(panes()[1])[2] * Math.exp(-event.deltaY / 400), toPhoto(event.clientX, event.clientY) ?? undefined);
}, {passive: false});

$(".handle").addEventListener("keydown", (event) => {
  const to = {ArrowLeft: line - 0.05, ArrowDown: line - 0.05, ArrowRight: line + 0.05, ArrowUp: line + 0.05, Home: 0, End: 1,
    PageDown: line - 0.2, PageUp: line + 0.2}[event.key];
  if (to === undefined) return;
  event.preventDefault();
  line = Math.min(1, Math.max(0, to));
  draw();
});

// ---- Controls

function values() {
  $(".strength-value").textContent = $(".strength").value + " %";
  const warmth = Number($(".warmth").value);
  $(".warmth-value").textContent = (warmth > 0 ? "+" : "") + warmth;
}

let pause;
for (const name of [".strength", ".warmth", ".share input"]) $(name).addEventListener("input", () => {
  values();
  clearTimeout(pause);
  pause = setTimeout(colour, 120);
});
$(".mark").addEventListener("change", () => colour());
$(".reset").onclick = () => {
  $(".strength").value = USUAL.strength;
  $(".warmth").value = USUAL.warmth;
  values();
  colour();
};
$(".fit").onclick = () => { zoom = 0; draw(); };
$(".z100").onclick = () => zoomTo(1 / devicePixelRatio);
$(".z200").onclick = () => zoomTo(2 / devicePixelRatio);
$(".side").onclick = () => { side = !side; $(".side").setAttribute("aria-pressed", side); closePalette(); draw(); };
$(".correct").onclick = () => correct(!correcting);
$(".doubt").onclick = () => {
  unsure = !unsure;
  $(".doubt").setAttribute("aria-pressed", unsure);
  if (unsure) showUnsure(); else $(".unsure").hidden = true;
};
$(".place").onclick = () => addPin(...middle());
$(".undo").onclick = () => step(past, future);
$(".redo").onclick = () => step(future, past);
$(".grey").onclick = () => choose("#808080");
$(".free input").onchange = (event) => choose(event.target.value);
$(".remove").onclick = () => {
  const pin = pins[edited];
  closePalette();
  if (pin?.colour) change(pins.filter((p) => p !== pin));
};
$(".close").onclick = closePalette;
$(".message").onclick = dismiss;
function dismiss() { if (root.dataset.state === "done") quiet(); }
$(".back").onclick = () => document.querySelectorAll("[role=tab]")[1].click();
$(".choose").onclick = () => $(".file").click();
$(".file").onchange = (event) => { take([...event.target.files]); event.target.value = ""; };
$(".load").onclick = () => $(".pinfile").click();
$(".pinfile").onchange = async (event) => { const [file] = event.target.files; if (file) loadPins(await file.text()); event.target.value = ""; };
$(".keep").onclick = () => {
  const hints = pins.filter((pin) => pin.colour).map(({x, y, colour}) => ({x: Math.round(x), y: Math.round(y), colour}));
  const data = new Blob([JSON.stringify({hints}, null, 1)], {type: "application/json"});
  fetchAs(URL.createObjectURL(data), (photo.name ?? "photograph").replace(/\.[^.]*$/, "") + "-colours.json");
};
$(".choose-reference").onclick = () => $(".reference").click();
$(".reference").onchange = (event) => { const [file] = event.target.files; if (file) borrow(file); event.target.value = ""; };
$(".drop-reference").onclick = () => borrow(null);
$(".download").onclick = async () => {
  $(".download").disabled = true;
  quiet();
  working("saving");
  try {
    const {file, name} = await ask("save", wish());
    fetchAs(address(file), name);
    $(".working").hidden = true;
  } catch (error) { fail(error); }
  $(".download").disabled = false;
};

function fetchAs(url, name) {
  const link = document.createElement("a");
  Object.assign(link, {href: url, download: name});
  link.click();
}

async function borrow(file) {
  const picture = $(".reference-picture");
  reference = null;
  if (file) {
    quiet();
    working("sending");
    try { reference = await upload(file); } catch (error) { fail(new Error(say("not_sent", {reason: error.message}))); return; }
    picture.src = URL.createObjectURL(file);
    picture.alt = texts.borrow;
  }
  for (const e of [picture, $(".share"), $(".drop-reference")]) e.hidden = !file;
  colour();
}

$(".camera").onclick = async () => {
  const video = $(".video video");
  try { video.srcObject = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment", width: {ideal: 1920}}}); } catch { fail(new Error(texts.no_camera)); return; }
  $(".video").hidden = false;
  await video.play();
  $(".shoot").focus();
};
function stopCamera() {
  for (const track of $(".video video").srcObject?.getTracks() ?? []) track.stop();
  $(".video").hidden = true;
}
$(".stop").onclick = stopCamera;
$(".shoot").onclick = () => {
  const video = $(".video video"), canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  stopCamera();
  canvas.toBlob((blob) => take([new File([blob], texts.camera_file + ".jpg", {type: "image/jpeg"})]), "image/jpeg", 0.95);
};

root.addEventListener("dragover", (event) => { event.preventDefault(); root.dataset.over = ""; });
root.addEventListener("dragleave", (event) => { if (!root.contains(event.relatedTarget)) delete root.dataset.over; });
root.addEventListener("drop", (event) => {
  event.preventDefault();
  delete root.dataset.over;
  const files = [...event.dataTransfer.files];
  if (event.target.closest(".borrow")) { if (files.length && shown) borrow(files[0]); } else take(files);
});
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length) return;
  event.preventDefault();
  if (root.offsetParent === null && document.querySelector("#files")?.offsetParent) { toMany(files); return; }
  document.querySelector("[role=tab]").click();
  take(files);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { closePalette(); stopCamera(); dismiss(); }
  if (!correcting || root.offsetParent === null || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  event.preventDefault();
  if (event.shiftKey) step(future, past); else step(past, future);
});
new ResizeObserver(() => { if (stage.clientWidth) draw(); }).observe(stage);

for (const {name, label, file} of props.examples) {
  const button = document.createElement("button"), img = new Image();
  Object.assign(button, {type: "button", onclick: () => start({example: name, name, chosen: true}, address(file))});
  button.setAttribute("aria-label", say("open_example", {name: texts[label] ?? label}));
  img.src = address(file);
  img.alt = "";
  button.append(img);
  $(".examples .row").append(button);
}
enable(false);
watch("value", () => { if (props.value?.path) start({path: props.value.path, name: props.value.name, many: true}); });
if (props.value?.path) start({path: props.value.path, name: props.value.name, many: true});
else if (props.examples.length) start({example: props.examples[0].name, name: props.examples[0].name}, address(props.examples[0].file));
values();
