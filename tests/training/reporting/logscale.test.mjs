// The pure part of the logarithmic scale: `node --test tests/training/reporting/logscale.test.mjs`.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as log from "../../../training/reporting/logscale.mjs";

const BOTTOM = log.HEIGHT - log.BOTTOM, ROOM = BOTTOM - log.TOP;
const scale = { y0: 0, y1: 100, low: 0.02 };

test("the axis reaches from the power of ten below the lowest value to that above the highest", () => {
  assert.deepEqual(log.decades(scale), [-2, -1, 0, 1, 2]);
  assert.deepEqual(log.decades({ y0: 0, y1: 20, low: 0.1 }), [-1, 0, 1, 2]);
  assert.deepEqual(log.decades({ y0: 0, y1: 1, low: 1 }), [0, 1], "an axis is never empty");
});

test("powers of ten are drawn at equal distances, and what lies below the axis at its bottom", () => {
  [0.01, 0.1, 1, 10, 100].forEach((value, i) => assert.ok(Math.abs(log.heightOf(scale, value) - (BOTTOM - (i / 4) * ROOM)) < 1e-9));
  assert.equal(log.heightOf(scale, 0), BOTTOM);
  assert.equal(log.heightOf(scale, 1e9), log.TOP);
});

test("a drawn height is read back to its value, whatever the linear axis", () => {
  for (const value of [0.5, 7, 64]) {
    const linear = BOTTOM - ((value - scale.y0) / (scale.y1 - scale.y0)) * ROOM;
    assert.ok(Math.abs(log.moved(scale, linear) - log.heightOf(scale, value)) < 1e-9);
  }
});

test("a path keeps its steps and its closing", () => {
  const path = `M40.0,${BOTTOM}L50.5,${log.TOP}Z`;
  assert.equal(log.movedPath(scale, path), `M40.0,${BOTTOM.toFixed(1)}L50.5,${log.TOP.toFixed(1)}Z`);
});
