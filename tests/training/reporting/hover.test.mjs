// The pure part of the line over the curves: `node --test tests/training/reporting/hover.test.mjs`.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as hover from "../../../training/reporting/hover.mjs";

const chart = { x0: 1, x1: 41, series: { mean: [[1, 0.25], [21, 0.123456], [41, 1]], longest: [[1, 30]] } };

test("a place and its step are inverse inside of the drawing, and the margins are the ends", () => {
  for (const step of [1, 20, 41]) {
    assert.ok(Math.abs(hover.stepAt(chart, hover.placeOf(chart, step) / hover.WIDTH) - step) < 1e-9);
  }
  assert.equal(hover.stepAt(chart, 0), 1);
  assert.equal(hover.stepAt(chart, 1), 41);
});

test("the nearest point is found, at a tie the earlier one", () => {
  const points = [[1, 10], [3, 30], [9, 90]];
  assert.deepEqual([-5, 1, 2, 2.1, 5, 6, 6.1, 99].map((step) => hover.nearest(points, step)[1]), [10, 10, 10, 30, 30, 30, 90, 90]);
});

test("steps of all curves are walked once each, in order", () => {
  assert.deepEqual(hover.stepsOf([chart, { x0: 0, x1: 5, series: { a: [[5, 1], [21, 2]] } }]), [1, 5, 21, 41]);
  assert.deepEqual(hover.stepsOf([]), []);
});

test("a reading names each curve with four digits", () => {
  assert.equal(hover.reading(chart, 20), "step 20: mean 0.1235, longest 30");
});

test("what happened between two steps is said at the nearer one", () => {
  const steps = [1, 5, 9];
  assert.deepEqual(hover.happenedAt(steps, [[4, "an alert"], [6, "a resume"], [9, "the gate"]], 5), ["an alert", "a resume"]);
  assert.deepEqual(hover.happenedAt(steps, [[4, "an alert"]], 9), []);
});

test("zooming keeps the step in its place, stays inside and never below two steps", () => {
  assert.deepEqual(hover.zoomed([0, 100], [0, 100], 50, 0.5), [25, 75]);
  assert.deepEqual(hover.zoomed([0, 100], [0, 100], 0, 0.5), [0, 50]);
  assert.deepEqual(hover.zoomed([25, 75], [0, 100], 30, 4), [0, 100]);
  assert.deepEqual(hover.zoomed([10, 13], [0, 100], 12, 0.1), [12 - (2 / 3) * 2, 12 - (2 / 3) * 2 + 2]);
  assert.deepEqual(hover.zoomed([1, 2], [1, 2], 1, 0.5), [1, 2], "two points have nothing to zoom");
});

test("the box of all steps is the whole inside of the frame", () => {
  assert.equal(hover.viewBoxOf([1, 41], [1, 41]), `${hover.LEFT} 0 ${hover.WIDTH - hover.LEFT - hover.RIGHT} ${hover.HEIGHT}`);
  assert.equal(hover.viewBoxOf([11, 21], [1, 41]), `${hover.LEFT + 72.5} 0 72.5 ${hover.HEIGHT}`);
});
