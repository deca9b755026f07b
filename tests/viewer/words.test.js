// Sentences and names of colours: node --test
import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import test from "node:test";

import {colourName, fill, loadTexts} from "../../colouriser/viewer/words.js";

const texts = (language) => JSON.parse(readFileSync(new URL(`../../colouriser/viewer/texts/${language}.json`, import.meta.url), "utf8"));

test("values are put in as they are", () => {
  assert.equal(fill("not sent ({reason}).", {reason: "cost: $& or $1"}), "not sent (cost: $& or $1).");
  assert.equal(fill("{a} {b} {a}", {a: "{b}", b: 2}), "{b} 2 {b}");
  assert.equal(fill("{unknown}", {}), "{unknown}");
});

test("colours have their names", () => {
  const named = ["#ff0000", "#202060", "#f0f0f0", "#808080", "#ff9020", "#704020"].map((hex) => colourName(hex, texts("en")));
  assert.deepEqual(named, ["red", "dark blue", "light grey", "grey", "orange", "dark brown"]);
  assert.equal(colourName("#202060", texts("de")), "dunkles Blau");
});

test("texts come in the browser's language, or in English", async (t) => {
  const asked = [];
  t.mock.method(globalThis, "fetch", async (/** @type {URL} */ url) => {
    asked.push(url.pathname.split("/").at(-1));
    return new Response(readFileSync(url));
  });
  assert.deepEqual(await loadTexts("de-AT"), texts("de"));
  assert.deepEqual(await loadTexts("fr"), texts("en"));
  assert.deepEqual(asked, ["de.json", "en.json"]);
});
