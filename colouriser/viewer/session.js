// The session: everything that is known of the open photograph, in one state, and what is asked about it.
// Opening another photograph replaces the state, so no late answer reaches it. No DOM here: see viewer.js.

/**
 * @typedef {import("./stage.js").Size} Size
 * @typedef {{x: number, y: number, colour: string}} Hint A colour at a place, in pixels of the photograph; #rrggbb.
 * @typedef {{x: number, y: number, colour: string | null}} Pin A hint, or a place that has no colour yet.
 * @typedef {File | Record<string, unknown>} Source A person's file, or a photograph as its answerer names it.
 * @typedef {{width: number, height: number}} Picture What `decode` made; the viewer's own.
 *
 * @typedef {object} Wish What is asked for; README.md says more.
 * @property {Source} photo
 * @property {Hint[]} hints
 * @property {number} variant
 * @property {File | null} reference
 * @property {number} strength
 * @property {number} vividness
 * @property {number} temperature
 * @property {string} format
 * @property {boolean} keep_position
 * @property {boolean} mark
 * @property {boolean} [recolour]
 * @property {boolean} [keep_tints]
 * @property {boolean} [invert]
 *
 * @typedef {{signal: AbortSignal, status: (key: string | null, values?: Record<string, unknown>) => void}} Call
 * @typedef {{colour: string, probability: number}} Suggestion
 *
 * @typedef {object} Answerer The seven calls; README.md says what each is given, answers and fails with.
 * @property {(wish: Wish, call: Call) => Promise<{url: string, width: number, height: number, said: string[], kind: Colours, corrects: boolean}>} colour
 * @property {(wish: Wish, call: Call) => Promise<{url: string}>} look
 * @property {(wish: Wish & {x: number, y: number}, call: Call) => Promise<{colours: Suggestion[]}>} suggest
 * @property {(wish: Wish, call: Call) => Promise<{urls: string[]}>} vary
 * @property {(wish: Wish, call: Call) => Promise<{url: string}>} unsure
 * @property {(wish: Wish, call: Call) => Promise<{url: string}>} full
 * @property {(wish: Wish, call: Call) => Promise<{url: string, name: string, said?: string[]}>} save
 *
 * @typedef {object} Hooks
 * @property {(url: string) => Promise<Picture>} decode Loads and decodes a picture.
 * @property {() => void} changed Something in the state is different.
 * @property {() => void} settled The photograph is there in colour as it is wished for.
 *
 * @typedef {"grey" | "toned" | "tinted" | "negative" | "colour"} Colours What a photograph has of them already.
 * @typedef {"own" | "example" | "first" | "many" | "film"} Kind Where a photograph is from; "first": an example that nobody chose.
 */

/** @type {Record<Colours, "recolour" | "keep_tints" | "invert">} What can be asked for, by the colours that are there. */
export const TREATMENTS = {grey: "invert", toned: "invert", negative: "invert", tinted: "keep_tints", colour: "recolour"};

/** The usual settings; each photograph begins with them. */
export const USUAL = {vividness: 1, temperature: 0, strength: 1};

/** An answer that nobody waits for any more. */
class Stale extends Error {}

/** Something wrong that the texts have a sentence for. */
export class Failure extends Error {
  /**
   * @param {string} key
   * @param {Record<string, unknown>} values
   */
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

/** What is known of one photograph. */
class State {
  number = 0;
  /** @type {"empty" | "working" | "done" | "error"} */ phase = "empty";
  /** @type {Source | null} */ source = null;
  /** @type {Kind} */ kind = "own";
  name = "";
  /** @type {Size} */ size = {width: 3, height: 2}; // of the photograph, in its pixels
  /** @type {{image: Picture, url: string, grey: boolean, full: boolean} | null} */ picture = null; // what is seen of it
  usable = false; // tools and settings can be used
  /** @type {string[]} */ said = []; // what is odd about its file: keys of the texts, or sentences
  corrects = true; // the model takes hints
  /** @type {Colours} */ colours = "grey"; // those that it has already
  treated = false; // what can be asked for them is
  /** @type {{key: string, values: Record<string, unknown>}[]} */ busy = []; // what is being done: keys of the texts
  /** @type {{text: string, key?: string, values?: Record<string, unknown>} | null} */ message = null; // what went wrong

  /** @type {Pin[]} */ pins = [];
  /** @type {Pin[][]} */ past = [];
  /** @type {Pin[][]} */ future = [];
  variant = 0;
  /** @type {string[]} */ variants = []; // pictures of the colourings that can be chosen
  variedFor = ""; // the wish that they were made for
  /** @type {{file: File, url: string, number: number} | null} */ reference = null;
  unsure = false; // doubt is to be shown
  /** @type {string | null} */ doubt = null;
  settings = {...USUAL};
  options = {format: "original", keep_position: false, mark: false};
  saving = false;

  abort = new AbortController();
  running = false; // colour is being asked for
  again = false; // and is to be asked for once more
  /** @type {Record<string, number>} */ asked = {}; // how often, by the call's name
}

/** @param {string | null | undefined} url An object URL's data are let go; other addresses have none. */
function release(url) {
  if (url?.startsWith("blob:")) URL.revokeObjectURL(url);
}

/** @param {{url?: string, urls?: string[]}} answer */
function releaseAll({url, urls = []}) {
  for (const each of [url, ...urls]) release(each);
}

/**
 * @param {Pin[]} pins
 * @returns {Hint[]}
 */
const hints = (pins) => pins.flatMap(({x, y, colour}) => colour ? [{x, y, colour}] : []);

export class Session {
  #answerer;
  #hooks;
  state = new State();

  /**
   * @param {Answerer} answerer
   * @param {Hooks} hooks
   */
  constructor(answerer, hooks) {
    this.#answerer = answerer;
    this.#hooks = hooks;
  }

  /**
   * Open a photograph in the place of the one before.
   * @param {Source} source
   * @param {{name?: string, url?: string, kind?: Kind}} about `url`: of a picture of it, if there is one.
   */
  async open(source, {name = "", url, kind = "own"} = {}) {
    const old = this.state, state = new State();
    this.state = Object.assign(state, {number: old.number + 1, phase: "working", source, name, kind, size: old.size,
      picture: old.picture, usable: old.usable, options: old.options});
    old.abort.abort();
    releaseAll({urls: [old.picture?.url ?? "", old.reference?.url ?? "", old.doubt ?? "", ...old.variants]});
    await this.#work(state, "working", async (call) => {
      const local = source instanceof File ? URL.createObjectURL(source) : url;
      const seen = local ? this.#showGrey(state, local) : Promise.reject(new Stale());
      if (url) seen.catch(() => {}); // it comes from where the colours come from: both are asked for at once
      // What the browser cannot show is shown by the answerer, which then has read it.
      else await seen.catch(async () => this.#showGrey(state, (await this.#ask(state, "look", call)).url));
      if (this.state === state) await this.colour();
    }).catch((error) => this.#fail(state, error, true));
  }

  /** Colour the photograph as it is wished for. While one request runs, the next waits, and only the last. */
  async colour() {
    const {state} = this;
    if (!state.source) return;
    state.message = null;
    state.again = true;
    if (state.running) { this.#hooks.changed(); return; }
    state.running = true;
    let good = false;
    while (state.again && this.state === state) {
      state.again = good = false;
      try {
        await this.#work(state, "working", (call) => this.#colourOnce(state, call));
        good = true;
      } catch (error) { if (!state.again) this.#fail(state, error, true); }
    }
    state.running = false;
    if (!good || this.state !== state) return;
    if (state.unsure) this.#askDoubt(state);
    this.#hooks.settled();
  }

  /** Show the photograph with all its pixels. */
  async full() {
    const {state} = this, {picture} = state;
    if (state.phase !== "done" || !picture || picture.full || state.running) return;
    picture.full = true;
    try {
      await this.#work(state, "full", async (call) => {
        const {url} = await this.#ask(state, "full", call);
        await this.#show(state, url, {full: true}, () => state.picture === picture);
      });
    } catch (error) {
      picture.full = false;
      this.#fail(state, error);
    }
  }

  /** Make the colourings to choose from, unless they are there as the photograph is wished for. */
  async vary() {
    const {state} = this, key = this.#variantsKey(state);
    if (state.phase !== "done" || !state.corrects || key === state.variedFor) return;
    state.variedFor = key;
    try {
      const {urls} = await this.#ask(state, "vary");
      releaseAll({urls: state.variants});
      state.variants = urls;
    } catch (error) {
      if (error instanceof Stale || this.state !== state) return;
      [state.variants, state.variedFor] = [[], ""]; // the photograph itself is there
    }
    this.#hooks.changed();
  }

  /**
   * Likely colours at a place; null if there are none, undefined if nobody waits for them any more.
   * @param {Pin} pin
   * @returns {Promise<Suggestion[] | null | undefined>}
   */
  async suggest({x, y}) {
    const {state} = this, others = hints(state.pins).filter((hint) => hint.x !== x || hint.y !== y);
    try {
      return (await this.#ask(state, "suggest", {}, {x, y, hints: others})).colours;
    } catch (error) {
      this.#fail(state, error);
      return error instanceof Stale ? undefined : null;
    }
  }

  /**
   * The photograph as a file to keep; null if there is none. It comes although another is opened meanwhile.
   * @returns {Promise<{url: string, name: string} | null>}
   */
  async save() {
    const {state} = this, {signal} = new AbortController();
    Object.assign(state, {saving: true, message: null});
    try {
      const file = await this.#work(state, "saving", (call) => this.#answerer.save(this.#wish(state), {...call, signal}));
      state.said = [...new Set([...state.said, ...file.said ?? []])]; // what its format cannot hold
      return file;
    } catch (error) {
      this.#fail(state, error);
      return null;
    } finally {
      state.saving = false;
      this.#hooks.changed();
    }
  }

  /** @param {boolean} on Show where colours are unsure. */
  async showDoubt(on) {
    const {state} = this;
    release(state.doubt);
    Object.assign(state, {unsure: on, doubt: null});
    this.#hooks.changed();
    if (on) await this.#askDoubt(state);
  }

  /** @param {File | null} file Another photograph, whose colours are borrowed. */
  async borrow(file) {
    const {state} = this, number = (state.asked.reference ?? 0) + 1;
    release(state.reference?.url);
    state.asked.reference = number;
    state.reference = file && {file, url: URL.createObjectURL(file), number};
    await this.colour();
  }

  /** @param {Partial<typeof USUAL>} values */
  set(values) {
    Object.assign(this.state.settings, values);
    this.#hooks.changed();
  }

  /** @param {Partial<State["options"]>} values They stay for the next photographs. */
  choose(values) {
    Object.assign(this.state.options, values);
    this.#hooks.changed();
  }

  /** @param {boolean} treated */
  treat(treated) {
    this.state.treated = treated;
    return this.colour();
  }

  /** @param {number} variant */
  chooseVariant(variant) {
    this.state.variant = variant;
    this.#hooks.changed();
    return this.colour();
  }

  /** @param {Pin[]} pins Instead of those that are there; it can be undone. */
  correct(pins) {
    const {state} = this;
    Object.assign(state, {past: [...state.past, hints(state.pins)], future: [], pins});
    this.#hooks.changed();
    return this.colour();
  }

  /**
   * Give a pin a colour; returns where it stands then among those that have one.
   * @param {number} index
   * @param {string} colour
   */
  colourPin(index, colour) {
    const pin = this.state.pins[index], pins = this.state.pins.filter((other) => other.colour || other === pin);
    this.correct(pins.map((other) => other === pin ? {...pin, colour} : other));
    return pins.indexOf(pin);
  }

  /** @param {Pin[]} pins Places without a colour come, go and move; nothing is coloured. */
  place(pins) {
    this.state.pins = pins;
    this.#hooks.changed();
  }

  undo() { return this.#step("past", "future"); }

  redo() { return this.#step("future", "past"); }

  /** @param {string} text Of a file with corrections, as they are saved. */
  load(text) {
    const {width, height} = this.state.size;
    try {
      const value = JSON.parse(text), list = Array.isArray(value) ? value : value.hints;
      /** @type {Pin[]} */
      const pins = list.map((/** @type {any} */ {x, y, colour}) => ({x: Number(x), y: Number(y), colour: String(colour)}));
      if (!pins.every(({x, y, colour}) => /^#[0-9a-f]{6}$/i.test(colour ?? "") && x >= 0 && y >= 0 && x < width && y < height)) throw new Error();
      this.correct(pins);
    } catch { this.fail(new Failure("bad_pins")); }
  }

  /** @param {unknown} error It is shown until a person does something else. */
  fail(error) { this.#fail(this.state, error); }

  /** What was corrected of the open photograph. */
  get hints() { return hints(this.state.pins); }

  /** The message was read. */
  dismiss() {
    this.state.message = null;
    this.#hooks.changed();
  }

  /**
   * @param {State} state
   * @returns {Wish}
   */
  #wish(state) {
    return {photo: state.source ?? {}, variant: state.variant, hints: hints(state.pins), reference: state.reference?.file ?? null,
      ...state.settings, ...state.options, [TREATMENTS[state.colours]]: state.treated};
  }

  /** @param {State} state What the colourings to choose from depend on. */
  #variantsKey(state) {
    return JSON.stringify([hints(state.pins), state.reference?.number, state.settings, state.treated]);
  }

  /**
   * Ask the answerer. Another photograph, or a later question of the same kind, makes the answer stale.
   * @template {keyof Answerer} Name
   * @param {State} state
   * @param {Name} name
   * @param {Partial<Call>} call
   * @param {object} more Of the wish.
   * @returns {Promise<Awaited<ReturnType<Answerer[Name]>>>}
   */
  async #ask(state, name, call = {}, more = {}) {
    if (this.state !== state) throw new Stale();
    const number = state.asked[name] = (state.asked[name] ?? 0) + 1;
    const ask = /** @type {(wish: object, call: Call) => Promise<any>} */ (this.#answerer[name]);
    const isStale = () => this.state !== state || state.asked[name] !== number;
    let answer;
    try {
      answer = await ask({...this.#wish(state), ...more}, {signal: state.abort.signal, status() {}, ...call});
    } catch (error) { throw isStale() ? new Stale() : error; }
    if (!isStale()) return answer;
    releaseAll(answer);
    throw new Stale();
  }

  /**
   * @template T
   * @param {State} state
   * @param {string} key What is being done, of the texts.
   * @param {(call: Call) => Promise<T>} task
   */
  async #work(state, key, task) {
    const entry = {key, values: {}};
    const status = (/** @type {string | null} */ now, /** @type {Record<string, unknown>} */ values = {}) => {
      Object.assign(entry, {key: now ?? key, values});
      this.#hooks.changed();
    };
    state.busy.push(entry);
    this.#hooks.changed();
    try { return await task({signal: state.abort.signal, status}); } finally {
      state.busy.splice(state.busy.indexOf(entry), 1);
      this.#hooks.changed();
    }
  }

  /**
   * @param {State} state
   * @param {Call} call
   */
  async #colourOnce(state, call) {
    state.asked.full = (state.asked.full ?? 0) + 1; // those that are on their way show what was wished for before
    const {url, width, height, said, kind: colours, corrects} = await this.#ask(state, "colour", call);
    await this.#show(state, url, {}, undefined, {phase: "done", usable: true, size: {width, height}, said, corrects,
      colours: state.treated ? state.colours : colours}); // those of a negative that was turned are none
  }

  /**
   * @param {State} state
   * @param {string} url
   */
  #showGrey(state, url) {
    return this.#show(state, url, {grey: true}, () => state.phase !== "done");
  }

  /**
   * Show a picture once it is there, so that nothing blanks meanwhile.
   * @param {State} state
   * @param {string} url
   * @param {{grey?: boolean, full?: boolean}} kind
   * @param {() => boolean} isWanted
   * @param {Partial<State>} values Of the state, from then on.
   */
  async #show(state, url, {grey = false, full = false}, isWanted = () => true, values = {}) {
    let image;
    try { image = await this.#hooks.decode(url); } catch (error) {
      release(url);
      throw this.state === state ? error : new Stale();
    }
    if (this.state !== state || !isWanted()) {
      release(url);
      throw new Stale();
    }
    if (state.picture?.url !== url) release(state.picture?.url);
    if (grey) state.size = {width: image.width, height: image.height};
    Object.assign(state, values, {picture: {image, url, grey, full}});
    this.#hooks.changed();
  }

  /** @param {State} state */
  async #askDoubt(state) {
    try {
      const {url} = await this.#ask(state, "unsure");
      release(state.doubt);
      state.doubt = url;
      this.#hooks.changed();
    } catch (error) { this.#fail(state, error); }
  }

  /**
   * @param {"past" | "future"} from
   * @param {"past" | "future"} to
   */
  async #step(from, to) {
    const {state} = this, pins = state[from].pop();
    if (!pins) return;
    state[to].push(hints(state.pins));
    state.pins = pins;
    this.#hooks.changed();
    await this.colour();
  }

  /**
   * @param {State} state
   * @param {unknown} error
   * @param {boolean} fatal Without what failed the photograph cannot be shown, if it is not there yet.
   */
  #fail(state, error, fatal = false) {
    if (this.state !== state || error instanceof Stale) return;
    const {message, key, values} = /** @type {Failure} */ (error);
    state.message = {text: message, key, values};
    if (fatal && state.phase === "working") {
      release(state.picture?.url);
      Object.assign(state, {phase: "error", usable: false, picture: null});
    }
    this.#hooks.changed();
  }
}
