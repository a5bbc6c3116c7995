// The pure part of the downloads: `node --test tests/training/reporting/save.test.mjs`.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as save from "../../../training/reporting/save.mjs";

test("curves have a row for each step that any of them has", () => {
  const csv = save.curvesAsCsv({ "mean, all": [[1, 0.5], [3, 1e-7]], longest: [[2, 9]] });
  assert.equal(csv, 'step,"mean, all",longest\n1,0.5,\n2,,9\n3,1e-7,\n');
  assert.equal(save.curvesAsCsv({}), "step\n");
});

test("a cell keeps its words, and none is computed by a spreadsheet", () => {
  assert.deepEqual(['a "b"', "1,5", " two\n lines ", "-0.5", "+1e3", "=cmd()", "@x", "-"].map(save.cell),
    ['"a ""b"""', '"1,5"', "two lines", "-0.5", "+1e3", "'=cmd()", "'@x", "'-"]);
});

test("a table is written row by row, without columns of drawings", () => {
  assert.equal(save.tableAsCsv([["suite", "0 - 1", "n"], ["math", " ", ""], ["code", "", "3"]]), "suite,n\nmath,\ncode,3\n");
  assert.equal(save.tableAsCsv([["suite", "n"], ["math", "300"]]), "suite,n\nmath,300\n");
});

test("a value with its interval is three numbers, and a dash is nothing", () => {
  const head = ["suite", "n", "paired gain"], rows = [["math", "30", "\u22120.020 [\u22120.040, +0.001]"], ["math/word", "", "\u22120.03"], ["code", "9", "\u2013"]];
  assert.equal(save.tableAsCsv([head, ...rows]),
    "suite,n,paired gain,paired gain low,paired gain high\nmath,30,-0.020,-0.040,+0.001\nmath/word,,-0.03,,\ncode,9,,,\n");
});

test("a title becomes the name of a file", () => {
  assert.equal(save.fileName("Trainer against engine: mean |log ratio|"), "trainer-against-engine-mean-log-ratio");
  assert.equal(save.fileName("∑"), "figure");
});
