// Geometry of the stage: where panes, photograph, line and places lie. Pure functions.
// Lengths are CSS pixels, from the stage's upper left corner, unless they are pixels of the photograph.

/**
 * @typedef {{width: number, height: number}} Size
 * @typedef {[left: number, top: number, width: number, height: number]} Pane
 * @typedef {[x: number, y: number]} Point
 * @typedef {object} View How a photograph is looked at.
 * @property {Size} stage
 * @property {Size} photo In its own pixels.
 * @property {boolean} side Before and after lie side by side, not one over the other.
 * @property {number} line Share of the visible photograph that is left of the line.
 * @property {number} zoom CSS pixels for a pixel of the photograph; 0: it fits.
 * @property {Point} centre What is in the middle when zoomed, in pixels of the photograph.
 */

const GAIN = 1.4; // a photograph so much wider than half the stage gets panes one above the other
const MAX_ZOOM = 8; // unless a small photograph needs more to fit
const PHONE_PIXELS = 24_000_000; // decoded 100 MB: with more, phones close the page

/**
 * The panes for before and after.
 * @param {View} view
 * @returns {[Pane, Pane]}
 */
export function panes({stage: {width: w, height: h}, photo, side}) {
  if (!side) return [[0, 0, w, h], [0, 0, w, h]];
  if (photo.width / photo.height > 2 * w / h / GAIN) return [[0, 0, w, h / 2], [0, h / 2, w, h / 2]];
  return [[0, 0, w / 2, h], [w / 2, 0, w / 2, h]];
}

/**
 * The scale at which the whole photograph fits into its pane.
 * @param {View} view
 */
export function fitting(view) {
  const [, , width, height] = panes(view)[1];
  return Math.min(width / view.photo.width, height / view.photo.height);
}

/** @param {View} view */
export const isZoomed = (view) => view.zoom > fitting(view) * 1.001;

/**
 * Where the photograph lies in each pane, from the pane's upper left corner.
 * @param {View} view
 * @returns {{left: number, top: number, scale: number, width: number, height: number}}
 */
export function frame(view) {
  const [, , ...room] = panes(view)[1], scale = Math.max(view.zoom, fitting(view));
  const size = [view.photo.width * scale, view.photo.height * scale];
  const [left, top] = [0, 1].map((axis) => size[axis] <= room[axis] ? (room[axis] - size[axis]) / 2
    : Math.min(0, Math.max(room[axis] - size[axis], room[axis] / 2 - view.centre[axis] * scale)));
  return {left, top, scale, width: size[0], height: size[1]};
}

/**
 * A place of the photograph, in its pixels, on the stage.
 * @param {View} view
 * @param {Point} place
 * @returns {Point}
 */
export function toStage(view, [x, y]) {
  const [paneLeft, paneTop] = panes(view)[1], {left, top, scale} = frame(view);
  return [paneLeft + left + x * scale, paneTop + top + y * scale];
}

/**
 * A place of the stage in pixels of the photograph; null beside it.
 * @param {View} view
 * @param {Point} point
 * @returns {Point | null}
 */
export function toPhoto(view, [x, y]) {
  const pane = panes(view).findLast(([l, t, w, h]) => x >= l && y >= t && x <= l + w && y <= t + h);
  if (!pane) return null;
  const {left, top, scale} = frame(view), {width, height} = view.photo;
  const px = (x - pane[0] - left) / scale, py = (y - pane[1] - top) / scale;
  return px >= 0 && py >= 0 && px < width && py < height ? [px, py] : null;
}

/**
 * What lies in the middle of a pane, in pixels of the photograph.
 * @param {View} view
 * @returns {Point}
 */
export function middle(view) {
  const [, , width, height] = panes(view)[1], {left, top, scale} = frame(view);
  return [(width / 2 - left) / scale, (height / 2 - top) / scale];
}

/**
 * Zoom and centre at another scale, with a place of the photograph staying where it is.
 * @param {View} view
 * @param {number} scale
 * @param {Point} [around] The middle, unless given.
 * @returns {Pick<View, "zoom" | "centre">}
 */
export function zoomed(view, scale, around) {
  const least = fitting(view), old = frame(view).scale, now = middle(view), fixed = around ?? now;
  if (scale <= least) return {zoom: 0, centre: view.centre};
  const zoom = Math.min(scale, Math.max(MAX_ZOOM, least));
  const along = (/** @type {0 | 1} */ axis) => fixed[axis] + (now[axis] - fixed[axis]) * old / zoom;
  return {zoom, centre: [along(0), along(1)]};
}

/**
 * The part of the photograph that is seen, along one axis of its pane: from, to.
 * @param {View} view
 * @param {0 | 1} axis
 * @returns {[number, number]}
 */
export function seen(view, axis) {
  const {left, top, width, height} = frame(view), start = axis ? top : left;
  return [Math.max(0, start), Math.min(panes(view)[1][2 + axis], start + (axis ? height : width))];
}

/**
 * How far the line is from its pane's left.
 * @param {View} view
 */
export function lineLeft(view) {
  const [from, to] = seen(view, 0);
  return from + view.line * (to - from);
}

/**
 * The line's share when it is at a distance from its pane's left.
 * @param {View} view
 * @param {number} x
 */
export function lineAt(view, x) {
  const [from, to] = seen(view, 0);
  return limited((x - from) / (to - from), 0, 1);
}

/**
 * Where a panel of a size lies beside a point, within the stage.
 * @param {Point} point
 * @param {Size} panel
 * @param {Size} stage
 * @returns {Point}
 */
export function beside([x, y], panel, stage) {
  const left = x + 24 + panel.width < stage.width ? x + 24 : x - 24 - panel.width;
  return [limited(left, 4, Math.max(4, stage.width - panel.width - 4)), limited(y - 40, 4, Math.max(4, stage.height - panel.height - 4))];
}

/**
 * Whether a device may show all pixels of a photograph.
 * @param {Size} photo
 * @param {boolean} phone A finger points on it, or a pen.
 */
export const mayShowFull = (photo, phone) => !phone || photo.width * photo.height <= PHONE_PIXELS;

/**
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
export const limited = (value, least, most) => Math.min(most, Math.max(least, value));
