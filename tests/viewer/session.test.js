// The session, with an answerer whose answers come when a test says so: node --test
import assert from "node:assert/strict";
import test from "node:test";

import {Failure, Session} from "../../colouriser/viewer/session.js";

const SIZE = {width: 400, height: 300};
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A session, what it asks, and which object URLs are alive. */
function begin(t, unreadable = /nothing/) {
  const calls = [], decoded = [], alive = new Set();
  t.mock.method(URL, "createObjectURL", () => { const url = `blob:${alive.size}-${Math.random()}`; alive.add(url); return url; });
  t.mock.method(URL, "revokeObjectURL", (url) => alive.delete(url));
  const ask = (name) => (wish, call) => new Promise((resolve, reject) => calls.push({name, wish, call, resolve, reject}));
  const answerer = Object.fromEntries(["colour", "look", "suggest", "vary", "unsure", "full", "save"].map((name) => [name, ask(name)]));
  const session = new Session(answerer, {
    decode: async (url) => {
      decoded.push(url);
      if (unreadable.test(url)) throw new Error("undecodable");
      return SIZE;
    },
    changed() {},
    settled: () => session.vary(),
  });
  /** Answers the oldest call of a name. */
  const answer = async (name, values) => {
    const index = calls.findIndex((call) => call.name === name);
    assert.notEqual(index, -1, `${name} was not asked; only ${calls.map((call) => call.name)}`);
    const [call] = calls.splice(index, 1);
    if (values instanceof Error) call.reject(values); else call.resolve(values);
    for (let i = 0; i < 5; i++) await turn();
    return call;
  };
  const colour = (url, more) => answer("colour", {url, ...SIZE, said: [], kind: "grey", corrects: true, ...more});
  return {session, calls, decoded, alive, answer, colour};
}

const example = (session, name) => session.open({example: name}, {name, url: `/${name}.jpg`, kind: "example"});
const names = (calls) => calls.map((call) => call.name);

test("a person's file is seen in grey, then in colour; each picture is decoded once", async (t) => {
  const {session, alive, decoded, colour} = begin(t);
  session.open(new File([], "a.jpg"), {name: "a.jpg"});
  await turn();
  assert.equal(session.state.picture.grey, true);
  assert.equal(alive.size, 1);
  await colour("/colour");
  assert.deepEqual([session.state.phase, session.state.picture.url, session.state.picture.grey], ["done", "/colour", false]);
  assert.equal(new Set(decoded).size, decoded.length);
  assert.equal(alive.size, 0); // the file's own is not needed any more
});

test("what the browser cannot show, the answerer shows first, and reads it once for both", async (t) => {
  const {session, calls, alive, answer, colour} = begin(t, /^blob/);
  session.open(new File([], "a.tif"), {name: "a.tif"});
  for (let i = 0; i < 5; i++) await turn();
  assert.deepEqual([names(calls), alive.size], [["look"], 0]);
  await answer("look", {url: "/grey"});
  assert.equal(session.state.picture.url, "/grey");
  await colour("/colour");
  assert.equal(session.state.phase, "done");
});

test("no late answer reaches another photograph", async (t) => {
  const {session, calls, colour, answer} = begin(t);
  example(session, "a");
  await colour("/a");
  session.showDoubt(true);
  session.suggest({x: 1, y: 1, colour: null});
  session.full();
  const kept = session.save();
  session.colour();
  const late = names(calls);
  assert.deepEqual(late, ["vary", "unsure", "suggest", "full", "save", "colour"]);
  const {signal} = calls[0].call;
  example(session, "b");
  assert.equal(signal.aborted, true);
  await answer("vary", {urls: ["/late"]});
  await answer("unsure", {url: "/late"});
  await answer("suggest", new Error("late"));
  await answer("full", {url: "/late"});
  await answer("save", {url: "/file", name: "a.jpg"});
  await colour("/late");
  const {state} = session;
  assert.deepEqual([state.name, state.picture.url, state.phase, state.doubt, state.unsure, state.variants.length, state.message],
    ["b", "/b.jpg", "working", null, false, 0, null]);
  assert.equal((await kept).name, "a.jpg"); // whoever asked for a file gets it
  await colour("/b");
  assert.equal(state.picture.url, "/b");
});

test("a reference belongs to its photograph, while it is sent too", async (t) => {
  const {session, calls, colour, alive} = begin(t);
  example(session, "a");
  await colour("/a");
  session.borrow(new File([], "reference.jpg"));
  calls.find((call) => call.name === "colour").call.status("sending");
  assert.equal(session.state.busy.at(-1).key, "sending");
  example(session, "b");
  await colour("/late");
  await colour("/b");
  assert.equal(session.state.reference, null);
  assert.equal(calls.find((call) => call.name === "vary" && call.wish.photo.example === "b").wish.reference, null);
  assert.equal(alive.size, 0);
});

test("object URLs end where what they show ends", async (t) => {
  const {session, alive, answer, colour} = begin(t);
  const made = () => URL.createObjectURL(new Blob());
  session.open(new File([], "a.jpg"), {name: "a.jpg"});
  await turn();
  await colour(made());
  await answer("vary", {urls: [made(), made()]});
  session.borrow(new File([], "b.jpg"));
  await colour(made());
  await answer("vary", {urls: [made(), made()]});
  session.showDoubt(true);
  await answer("unsure", {url: made()});
  session.showDoubt(true);
  await answer("unsure", {url: made()});
  assert.equal(alive.size, 1 + 2 + 1 + 1); // picture, colourings, reference, mask
  session.full();
  const late = made();
  session.open(new File([], "c.jpg"), {name: "c.jpg"});
  await answer("full", {url: late}); // and nothing keeps it
  await colour(made());
  assert.equal(alive.size, 1);
  session.open(new File([], "d.jpg"), {name: "d.jpg"});
  await turn();
  await answer("colour", new Error("broken"));
  assert.deepEqual([session.state.phase, alive.size], ["error", 0]);
});

test("the colourings to choose from follow pins and settings, but not the choice itself", async (t) => {
  const {session, calls, colour, answer} = begin(t);
  example(session, "a");
  await colour("/a");
  await answer("vary", {urls: ["/1", "/2"]});
  session.correct([{x: 1, y: 2, colour: "#ff0000"}]);
  await colour("/pinned");
  assert.deepEqual(session.state.variants, ["/1", "/2"]); // until others are there
  const {wish} = await answer("vary", {urls: ["/3", "/4"]});
  assert.deepEqual(wish.hints, [{x: 1, y: 2, colour: "#ff0000"}]);
  assert.deepEqual(session.state.variants, ["/3", "/4"]);
  session.chooseVariant(1);
  assert.equal((await colour("/other")).wish.variant, 1);
  assert.deepEqual(names(calls), []);
  session.set({vividness: 1.5});
  session.colour();
  await colour("/vivid");
  assert.deepEqual(names(calls), ["vary"]);
});

test("while one request runs the next waits, and only the last", async (t) => {
  const {session, calls, colour} = begin(t);
  example(session, "a");
  for (const vividness of [0.5, 0.7, 0.9]) { session.set({vividness}); session.colour(); }
  assert.deepEqual(names(calls), ["colour"]);
  await colour("/1");
  assert.equal((await colour("/2")).wish.vividness, 0.9);
  assert.deepEqual(names(calls), ["vary"]);
});

test("all pixels of an earlier wish are not shown", async (t) => {
  const {session, calls, colour, answer} = begin(t);
  example(session, "a");
  await colour("/a");
  session.full();
  session.set({vividness: 2});
  session.colour();
  await answer("full", {url: "/full-of-before"});
  assert.equal(session.state.picture.url, "/a");
  await colour("/b");
  session.full();
  session.full();
  assert.equal(names(calls).filter((name) => name === "full").length, 1);
  await answer("full", {url: "/full"});
  assert.deepEqual([session.state.picture.url, session.state.picture.full], ["/full", true]);
});

test("what fails at first leaves a message alone; later the photograph stays", async (t) => {
  const {session, answer, colour} = begin(t);
  example(session, "a");
  await answer("colour", new Failure("not_sent", {reason: "$&"}));
  assert.deepEqual([session.state.phase, session.state.usable, session.state.message.key], ["error", false, "not_sent"]);
  example(session, "b");
  assert.equal(session.state.message, null);
  await colour("/b");
  session.colour();
  await answer("colour", new Error("too many people"));
  assert.deepEqual([session.state.phase, session.state.picture.url, session.state.message.text], ["done", "/b", "too many people"]);
});

test("corrections are undone and done again", async (t) => {
  const {session, colour} = begin(t);
  example(session, "a");
  await colour("/a");
  session.place([{x: 1, y: 1, colour: null}]);
  assert.equal(session.colourPin(0, "#ff0000"), 0);
  session.load(JSON.stringify({hints: [{x: 2, y: 2, colour: "#00ff00"}, {x: 3, y: 3, colour: "#0000ff"}]}));
  assert.equal(session.state.pins.length, 2);
  session.undo();
  assert.deepEqual(session.state.pins, [{x: 1, y: 1, colour: "#ff0000"}]);
  session.undo();
  assert.deepEqual(session.state.pins, []);
  session.redo();
  session.redo();
  assert.equal(session.state.pins.length, 2);
  for (const bad of ["[{\"x\": 1e6, \"y\": 0, \"colour\": \"#000000\"}]", "{", "3", "[{\"x\": 1, \"y\": 1, \"colour\": \"red\"}]"]) {
    session.load(bad);
    assert.equal(session.state.message.key, "bad_pins");
    assert.equal(session.state.pins.length, 2);
  }
});

test("what a photograph has of colours already is said, and can be asked for", async (t) => {
  const {session, calls, colour} = begin(t);
  example(session, "a");
  await colour("/a", {kind: "negative"});
  assert.equal(session.state.colours, "negative");
  session.treat(true);
  assert.equal(calls.find((call) => call.name === "colour").wish.invert, true);
  await colour("/positive", {kind: "grey"});
  assert.deepEqual([session.state.colours, session.state.treated], ["negative", true]);
  session.treat(false);
  const {wish} = await colour("/a", {kind: "negative"});
  assert.equal(wish.invert, false);
  example(session, "b");
  assert.deepEqual([session.state.colours, session.state.treated], ["grey", false]);
});
