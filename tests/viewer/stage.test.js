// Geometry: node --test
import assert from "node:assert/strict";
import test from "node:test";

import {beside, fitting, frame, isZoomed, lineAt, lineLeft, mayShowFull, middle, panes, toPhoto, toStage, zoomed} from "../../colouriser/viewer/stage.js";

const VIEW = {stage: {width: 800, height: 600}, photo: {width: 400, height: 200}, side: false, line: 0.5, zoom: 0, centre: [200, 100]};
const close = (actual, wanted) => actual.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < 1e-9, `${actual}, not ${wanted}`));

test("a photograph fits into its pane, in the middle", () => {
  assert.equal(fitting(VIEW), 2);
  assert.deepEqual(frame(VIEW), {left: 0, top: 100, scale: 2, width: 800, height: 400});
  assert.equal(isZoomed(VIEW), false);
});

test("before and after lie one over the other, or beside, or above", () => {
  assert.deepEqual(panes(VIEW), [[0, 0, 800, 600], [0, 0, 800, 600]]);
  const side = {...VIEW, side: true};
  assert.deepEqual(panes(side), [[0, 0, 800, 300], [0, 300, 800, 300]]); // a wide photograph
  assert.deepEqual(panes({...side, photo: {width: 200, height: 400}}), [[0, 0, 400, 600], [400, 0, 400, 600]]);
});

test("places go to the stage and back, in each pane, fitting and zoomed", () => {
  for (const view of [VIEW, {...VIEW, side: true}, {...VIEW, zoom: 5, centre: [150, 90]}, {...VIEW, side: true, zoom: 5, centre: [150, 90]}])
    close(toPhoto(view, toStage(view, [160.5, 80.25])), [160.5, 80.25]);
});

test("both panes show the same places; beside the photograph there are none", () => {
  const view = {...VIEW, side: true}, [before, after] = panes(view);
  const place = toPhoto(view, [before[0] + 300, before[1] + 50]);
  close(toPhoto(view, [after[0] + 300, after[1] + 50]), place);
  assert.equal(toPhoto(VIEW, [400, 99]), null);
  assert.equal(toPhoto(VIEW, [400, 501]), null);
  assert.equal(toPhoto(VIEW, [-1, 300]), null);
});

test("zooming keeps the place under the pointer where it is", () => {
  const before = {...VIEW, zoom: 4, centre: [200, 100]}, point = [650, 210], place = toPhoto(before, point);
  const after = {...before, ...zoomed(before, 6, place)};
  assert.equal(after.zoom, 6);
  close(toStage(after, place), point);
});

test("zooming ends where the photograph fits, and at eight pixels for one", () => {
  assert.equal(zoomed(VIEW, 1).zoom, 0);
  assert.equal(zoomed(VIEW, 100).zoom, 8);
  const tiny = {...VIEW, photo: {width: 10, height: 10}}; // fits at 60
  assert.equal(zoomed(tiny, 100).zoom, 60);
});

test("panning ends at the photograph's edges", () => {
  const {left, top, width, height} = frame({...VIEW, zoom: 4, centre: [-1000, 5000]});
  assert.deepEqual([left, top + height, width], [0, 600, 1600]);
  close(middle({...VIEW, zoom: 4, centre: [210, 90]}), [210, 90]);
});

test("the line crosses what is seen of the photograph", () => {
  const narrow = {...VIEW, photo: {width: 200, height: 200}, line: 0.25}; // 600 wide, from 100
  assert.equal(lineLeft(narrow), 250);
  assert.equal(lineAt(narrow, 250), 0.25);
  assert.equal(lineAt(narrow, 0), 0);
  assert.equal(lineAt(narrow, 790), 1);
  assert.equal(lineLeft({...VIEW, zoom: 10, line: 0.25}), 200);
});

test("a panel lies beside its place and within the stage", () => {
  const panel = {width: 246, height: 200}, {stage} = VIEW;
  assert.deepEqual(beside([100, 300], panel, stage), [124, 260]);
  assert.deepEqual(beside([700, 300], panel, stage), [430, 260]);
  assert.deepEqual(beside([100, 10], panel, stage), [124, 4]);
  assert.deepEqual(beside([100, 590], panel, stage), [124, 396]);
  assert.deepEqual(beside([5, 5], panel, {width: 200, height: 100}), [4, 4]);
});

test("a phone shows all pixels up to a bound, others all of any", () => {
  assert.equal(mayShowFull({width: 6000, height: 4000}, true), true);
  assert.equal(mayShowFull({width: 6000, height: 4001}, true), false);
  assert.equal(mayShowFull({width: 15000, height: 10000}, false), true);
});
