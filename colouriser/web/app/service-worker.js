// Keeps the page's files, so that it works without a network; and adds the headers that threads need, which not every
// server sends. A new version brings another list, and answers once no page of the old one is open any more.
const VERSION = "{version}";
const SHELL = ["{shell}"]; // what each visit needs; the model and the runtime are kept as they are fetched
const CACHE = `colouriser-${VERSION}`;
const HEADERS = {"cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp", "cross-origin-resource-policy": "same-origin"};
const worker = /** @type {any} */ (self);

worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(keepShell()));

worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(takeOver()));

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const {method, url} = event.request;
  if (method === "GET" && url.startsWith(worker.registration.scope)) event.respondWith(answer(event));
});

async function keepShell() {
  const cache = await caches.open(CACHE);
  await Promise.all(SHELL.map(async (path) => {
    const fresh = await fetch(path, {cache: "no-cache"}); // not what the browser kept of the version before
    if (!fresh.ok) throw new Error(`${path}: ${fresh.status}`);
    const kept = cache.put(path, isolated(fresh)); // with its headers: it is given as it is, and does not pass through here
    await kept.catch(async (error) => { await sayFull(); throw error; });
  }));
}

async function takeOver() {
  for (const name of await caches.keys()) {
    if (name === CACHE || !name.startsWith("colouriser-")) continue;
    const old = await caches.open(name); // another page of ours on the same server keeps its own
    if (!(await old.match(new URL("build.json", worker.registration.scope)))) continue;
    await caches.delete(name);
  }
  await worker.clients.claim();
}

/** @param {any} event */
async function answer(event) {
  const cache = await caches.open(CACHE).catch(() => null); // storage may be full, here and below
  const found = await cache?.match(event.request, {ignoreSearch: true});
  if (found) return found;
  const fresh = isolated(await fetch(event.request));
  if (cache && fresh.status === 200) event.waitUntil(cache.put(event.request, fresh.clone()).catch(sayFull));
  return fresh;
}

/** A file cannot be kept: the pages say it. */
async function sayFull() {
  for (const page of await worker.clients.matchAll({type: "window", includeUncontrolled: true})) page.postMessage("full");
}

/** @param {Response} response */
function isolated(response) {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, {status: response.status, statusText: response.statusText, headers});
}
