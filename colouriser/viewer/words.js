// Sentences in the browser's language, and what people call a colour.

/** @typedef {Record<string, string>} Texts */

const LANGUAGES = ["en", "de"];

/**
 * The texts of a language, or English ones.
 * @param {string} language As browsers name theirs: "de-DE".
 * @returns {Promise<Texts>}
 */
export async function loadTexts(language) {
  const known = LANGUAGES.find((name) => name === language.slice(0, 2).toLowerCase()) ?? "en";
  const answer = await fetch(new URL(`texts/${known}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`texts: ${answer.status}`);
  return answer.json();
}

/**
 * A sentence with its values.
 * @param {string} sentence
 * @param {Record<string, unknown>} values By the names that stand in braces.
 */
export const fill = (sentence, values) =>
  sentence.replace(/\{(\w+)\}/g, (place, name) => name in values ? String(values[name]) : place);

/**
 * What people call a colour, for those who hear it.
 * @param {string} hex #rrggbb
 * @param {Texts} texts
 */
export function colourName(hex, texts) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
  const most = Math.max(r, g, b), least = Math.min(r, g, b), spread = most - least, light = (most + least) / 2;
  const shade = light > 0.66 ? "light" : light < 0.33 ? "dark" : "";
  let hue = "grey_";
  if (spread > 0.07) {
    const angle = 60 * (most === r ? ((g - b) / spread + 6) % 6 : most === g ? (b - r) / spread + 2 : (r - g) / spread + 4);
    hue = angle < 15 || angle >= 345 ? "red" : angle < 45 ? (light < 0.5 || spread < 0.4 ? "brown" : "orange") : angle < 70 ? "yellow" :
      angle < 165 ? "green" : angle < 195 ? "turquoise" : angle < 260 ? "blue" : angle < 300 ? "violet" : "pink";
  }
  return shade ? fill(texts[shade], {colour: texts[hue]}) : texts[hue];
}
