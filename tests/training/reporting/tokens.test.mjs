// The pure part of the tokens' colours, under node: `node --test tests/training/reporting/tokens.test.mjs`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { classOf, isKept, levelOf, runsOf, sizesOf, summaryOf, tokensOf } from "../../../training/reporting/tokens.mjs";

const PIECES = {
  text: "Let me seeTOOL12done", sizes: "334(4)114", mask: [3, 2, 2], gap: [0, -0.06, 0.02, 0, 0.5],
  logprob: [-0.1, -0.7, -5, 0, 0, null, -2.4],
};

test("sizes are digits, and larger ones in brackets", () => {
  assert.deepEqual(sizesOf("0az(36)(1000)1"), [0, 10, 35, 36, 1000, 1]);
  assert.deepEqual(sizesOf(""), []);
});

test("a token has its text, and what was kept of it, the environment's tokens nothing", () => {
  const tokens = tokensOf(PIECES, -1);
  assert.deepEqual(tokens.map((t) => t.text), ["Let", " me", " see", "TOOL", "1", "2", "done"]);
  assert.deepEqual(tokens.map((t) => t.isTrained), [true, true, true, false, false, true, true]);
  assert.deepEqual(tokens.map((t) => t.gap), [0, -0.06, 0.02, null, null, 0, 0.5]);
  assert.deepEqual(tokens.map((t) => t.logprob), [-0.1, -0.7, -5, null, null, null, -2.4]);
  assert.deepEqual(tokens.map((t) => t.advantage), [-1, -1, -1, null, null, -1, -1]);
});

test("advantages of single tokens go before that of the rollout", () => {
  const tokens = tokensOf({ ...PIECES, advantages: [1, 2, 3, 4, 5] }, 0.25);
  assert.deepEqual(tokens.map((t) => t.advantage), [1, 2, 3, null, null, 4, 5]);
});

test("of a rollout that was left out of the update no token was trained", () => {
  const tokens = tokensOf(PIECES, null);
  assert.ok(tokens.every((t) => !t.isTrained && t.gap === null && t.advantage === null));
  assert.equal(tokens[0].logprob, -0.1);
  assert.equal(summaryOf(tokens, "loss mask"), "7 tokens, 5 of them sampled, 0 trained");
});

test("a mask that begins with what was not sampled", () => {
  assert.deepEqual(tokensOf({ text: "ab", sizes: "11", mask: [0, 1, 1] }, 1).map((t) => t.isTrained), [false, true]);
});

test("levels begin at their limits, whatever the sign", () => {
  const token = { text: "", isSampled: true, isTrained: true, gap: 0, advantage: 0, logprob: 0 };
  assert.deepEqual([0, 0.009, -0.01, 0.05, -0.2, 9].map((gap) => levelOf({ ...token, gap }, "log-prob gap")), [0, 0, 1, 2, 3, 3]);
  assert.deepEqual([0, -0.2, 0.5, -3].map((advantage) => classOf({ ...token, advantage }, "advantage")), ["", "minus level1", "plus level2", "minus level3"]);
  assert.deepEqual([0.6, 0.4, 0.09, 0.001].map((p) => levelOf({ ...token, logprob: Math.log(p) }, "improbability")), [0, 1, 2, 3]);
  assert.equal(levelOf({ ...token, gap: null }, "log-prob gap"), 0);
});

test("neighbours of a colour are one piece, but a token with a gap stands alone and says it", () => {
  const tokens = tokensOf({ ...PIECES, gap: [0, -0.06, 0.06, 0, 0] }, 1);
  assert.deepEqual(runsOf(tokens, "loss mask").map((r) => [r.text, r.css]), [["Let me see", ""], ["TOOL1", "given"], ["2done", ""]]);
  assert.deepEqual(runsOf(tokensOf(PIECES, null), "loss mask").map((r) => [r.text, r.css]), [["Let me see", "apart"], ["TOOL1", "given"], ["2done", "apart"]]);
  const runs = runsOf(tokens, "log-prob gap");
  assert.deepEqual(runs.map((r) => r.text), ["Let", " me", " see", "TOOL1", "2done"]);
  assert.equal(runs[1].facts, "probability 0.50, gap \u22120.06, advantage +1.00");
  assert.equal(runs.map((r) => r.text).join(""), PIECES.text);
});

test("what the colours show is said in words as well", () => {
  const tokens = tokensOf(PIECES, 1);
  assert.equal(summaryOf(tokens, "log-prob gap"), "7 tokens, 5 of them sampled, 5 trained; log-prob gap in size: 3 from 0.01, 2 from 0.05, 1 from 0.2, largest 0.50");
  assert.equal(summaryOf(tokens, "improbability"), "3 of 4 sampled tokens with a probability of at most a half, 2 a tenth, 1 a hundredth");
  assert.equal(summaryOf(tokensOf({ ...PIECES, gap: null }, 1), "log-prob gap"), "7 tokens, 5 of them sampled, 5 trained; log-prob gap not kept");
});

test("only what was kept can be chosen", () => {
  assert.ok(isKept([{ pieces: PIECES, advantage: null }], "log-prob gap") && isKept([{ pieces: PIECES, advantage: null }], "loss mask"));
  assert.ok(!isKept([{ pieces: { ...PIECES, gap: null }, advantage: 1 }, { advantage: 1 }], "log-prob gap"));
  assert.ok(!isKept([{ pieces: PIECES, advantage: null }], "advantage") && !isKept([], "loss mask"));
});
