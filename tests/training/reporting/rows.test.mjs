// The pure part of the page's script, under node: `node --test tests/training/reporting/rows.test.mjs`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import * as viewer from "../../../training/reporting/rows.mjs";

const row = (changes) => ({
  stage: "stage1", step: 1, task: "math", id: "m1", group: 0, sample: 0, reward: 1, advantage: 0.5, tokens: 12,
  finish: "stop", flags: [], replay: false, reason: "equal", reference: "24", verdicts: { math: { status: "scored", score: 1 } },
  messages: [{ role: "user", content: "How many Cards?" }], turns: [{ role: "assistant", content: "\\boxed{24}" }], ...changes,
});

test("filters and words must all hold, words in any order and case", () => {
  const rows = [row({}), row({ reward: 0, id: "m2" }), row({ task: "code", verdicts: { code: { status: "timeout" } } })];
  assert.deepEqual(viewer.chosen(rows, { outcome: "wrong" }).map((r) => r.id), ["m2"]);
  assert.equal(viewer.chosen(rows, { q: "boxed cards" }).length, 3);
  assert.equal(viewer.chosen(rows, { q: "boxed cards", verifier: "math", outcome: "right" }).length, 1);
  assert.equal(viewer.chosen(rows, { status: "timeout" }).length, 1);
  assert.equal(viewer.chosen(rows, { q: '"many cards"' }).length, 3);
  assert.equal(viewer.chosen(rows, { q: '"cards many" "' }).length, 0);
  assert.equal(viewer.chosen(rows, { q: "(.*" }).length, 0);
});

test("masked samples are neither right nor wrong and sort last", () => {
  const rows = [row({ reward: null, id: "masked" }), row({ reward: 0, id: "zero" }), row({ reward: 0.4, id: "part" })];
  assert.deepEqual(rows.map(viewer.outcome), ["masked", "wrong", "partly"]);
  assert.deepEqual(viewer.chosen(rows, { sort: "reward, highest" }).map((r) => r.id), ["part", "zero", "masked"]);
  assert.deepEqual(viewer.chosen(rows, { sort: "reward, lowest" }).map((r) => r.id), ["zero", "part", "masked"]);
  assert.deepEqual(viewer.chosen(rows, { sort: "nothing" }), rows);
});

test("a first look is offered where there is something to see, and its state shows just that", () => {
  const rows = [row({}), row({ reward: 0, step: 2 }), row({ flags: ["repetition"] }), row({ reward: null, replay: true })];
  const offered = Object.entries(viewer.LOOKS).filter(([, [isThere]]) => rows.some(isThere));
  assert.deepEqual(offered.map(([words, [, state]]) => [words, viewer.chosen(rows, state).length]), [
    ["the newest failures", 1], ["paid, and yet flagged", 1], ["what could not be judged", 1], ["prompts whose samples differ most", 4]]);
});

test("groups whose rewards differ come first, with all their samples whatever the filter", () => {
  const rows = [row({ group: 1 }), row({ group: 1 }), row({ group: 2 }), row({ group: 2, reward: 0 }), row({ group: 2, step: 2 })];
  const groups = viewer.groupsOf(rows, rows.filter((r) => r.reward === 1 && r.step === 1));
  assert.deepEqual(groups.map((g) => [g.rows.length, g.spread]), [[2, 0.25], [2, 0]]);
});

test("what all samples begin with ends at a word", () => {
  assert.equal(viewer.commonStart(["the sum is 14", "the sum is 15"]), "the sum is ".length);
  assert.equal(viewer.commonStart(["the sum", "the sum of"]), "the sum".length);
  assert.equal(viewer.commonStart(["one"]), 0);
  assert.equal(viewer.commonStart([]), 0);
  assert.equal(viewer.commonStart(["a", ""]), 0);
});

test("what all samples end with begins at a word and leaves what they begin with", () => {
  const end = (...texts) => viewer.commonEnd(texts, viewer.commonStart(texts));
  assert.equal(end("so 12 it is", "so 7 it is"), " it is".length);
  assert.equal(end("so 12 is", "so 22 is"), " is".length);
  assert.equal(end("a b", "a b"), 0);
  assert.equal(end("x", "y"), 0);
  assert.equal(end("only one"), 0);
  assert.equal(viewer.commonEnd([], 0), 0);
});

test("rows come from columns, and turns from their places among the tokens", () => {
  const columns = {
    id: ["a", "b"], reward: [1, null], turns: [[["assistant", 0, 2], ["tool", 3, 1, "f()"]], [{ role: "assistant", content: "said" }]],
    text: ["hi\u2603x", null], sizes: ["211", null], mask: [[2, 1], null], gap: [[0, 0.5], null],
  };
  const [a, b] = viewer.rowsOf(columns);
  assert.deepEqual(a.turns, [{ role: "assistant", content: "hi" }, { role: "tool", content: "x", calls: "f()" }]);
  assert.deepEqual([a.pieces.sizes, a.pieces.gap, a.reward], ["211", [0, 0.5], 1]);
  assert.deepEqual(b, { id: "b", reward: null, turns: [{ role: "assistant", content: "said" }] });
  assert.deepEqual(viewer.rowsOf({}), []);
});

test("what is alike stands once in a column, by its place or by how much further on it is", () => {
  const expected = ["x", "y", "y", "x", "z"];
  assert.deepEqual(viewer.valuesOfColumn({ of: ["x", "y", "z"], at: [0, 1, 1, 0, 2] }), expected);
  assert.deepEqual(viewer.valuesOfColumn({ of: ["x", "y", "z"], by: [0, 1, 0, -1, 2] }), expected);
  assert.deepEqual(viewer.valuesOfColumn(expected), expected);
  assert.deepEqual(viewer.rowsOf({ id: { of: ["a"], by: [0, 0] }, turns: [[], []] }).map((r) => r.id), ["a", "a"]);
});

test("the rollout whose trainer and engine disagree most about a token comes first", () => {
  const gaps = [[0, 0.25], [0.5, -1], null, [null]].map((gap, i) => row({ id: `g${i}`, pieces: { gap } }));
  assert.deepEqual(viewer.chosen([row({ id: "bare" }), ...gaps], { sort: "log-prob gap, largest" }).map((r) => r.id), ["g1", "g0", "g3", "bare", "g2"]);
});

test("any column sorts, texts as texts", () => {
  const rows = [row({ task: "math", id: "2" }), row({ task: "code", id: "10" })];
  assert.deepEqual(viewer.chosen(rows, { sort: "task" }).map((r) => r.task), ["code", "math"]);
  assert.deepEqual(viewer.chosen(rows, { sort: "prompt" }).map((r) => r.id), ["10", "2"]);
});

test("the address keeps the state, and an anchor is no state", () => {
  const state = { q: "a&b=c #?", outcome: "wrong" };
  assert.deepEqual(viewer.readState(viewer.writeState({ ...state, step: "" })), state);
  assert.deepEqual(viewer.readState("#stage1"), {});
  assert.deepEqual(viewer.readState(viewer.writeState({})), {});
});

test("lengths fall into classes that do not overlap", () => {
  assert.deepEqual([0, 16, 17, 32, 33, 4096].map((tokens) => viewer.lengthClass(row({ tokens }))),
    ["up to 16", "up to 16", "17 to 32", "17 to 32", "33 to 64", "2049 to 4096"]);
});

test("calls are searched and shown after what is said", () => {
  const call = row({ turns: [{ role: "assistant", content: "Let me add.", calls: '[{"name": "add"}]' }] });
  assert.equal(viewer.chosen([call], { q: '{"name":' }).length, 1);
  assert.equal(viewer.spoken(call.turns[0]), 'Let me add.\n[{"name": "add"}]');
});

test("what is downloaded is one rollout a line, without the text for searching", () => {
  const rows = [row({}), row({ id: "m2" })];
  viewer.chosen(rows, { q: "boxed" });
  const lines = viewer.asLines(rows).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines, rows.map(({ searched: _, ...rest }) => rest));
  assert.equal(viewer.asLines([]), "");
  assert.deepEqual(viewer.asLines([row({ id: "a\u2028b\u0085" })]).match(/[^\x20-\x7e\n]/g), null, "no reader ends a line within a rollout");
});

test("control characters become visible", () => {
  assert.equal(viewer.visible("a\u0000\u001b\u007f\n\t"), "a\u2400\u241b\u2421\n\t");
});

test("rollouts come back from gzip and base64 as they were, lone surrogates too", async () => {
  const text = gzipSync(Buffer.from('{"id":["\\ud800"],"turns":[[]]}')).toString("base64");
  assert.equal((await viewer.unpacked(text))[0].id, "\ud800");
  await assert.rejects(viewer.unpacked("AAAA"));
});
