// The pure part of a page that is served: `node --test tests/training/reporting/watch.test.mjs`.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as watch from "../../../training/reporting/watch.mjs";

test("a server that does not answer is asked less and less often, and at least once a minute", () => {
  assert.deepEqual([0, 1, 2, 9].map(watch.pause), [3000, 6000, 12000, 60000]);
});

test("the line says what the run does and what is new below", () => {
  assert.equal(watch.words({ status: "running", step: "stage1 step 7" }, 0), "running, stage1 step 7");
  assert.equal(watch.words({ status: "completed", step: "" }, 2), "completed; new rollouts of 2 steps");
});
