/**
 * The rollouts of a report as rows: unpack, filter, search, sort, group. Pure but for `unpacked`; `viewer.mjs` shows them.
 *
 * @typedef {import("./tokens.mjs").Pieces} Pieces
 * @typedef {{role: string, content: string, calls?: string}} Turn
 * @typedef {[string, number, number, string?]} Placed  Role, where the content begins in the text of all tokens, its
 *   length, calls.
 * @typedef {{status: string, score?: number, reason: string}} Verdict
 * @typedef {{
 *   stage: string, step: number, task: string, id: string, group: number, sample: number, reward: number | null,
 *   advantage: number | null, tokens: number, finish: string, flags: string[], replay: boolean, reason: string,
 *   reference: string | null, verdicts: Record<string, Verdict>, messages: Turn[], turns: Turn[], pieces?: Pieces,
 *   searched?: string
 * }} Rollout
 * @typedef {Record<string, string>} State  What the address after `#` says, e.g. `{stage: "stage1", q: "boxed"}`.
 */

export const SORTS = {
  "in order": (/** @type {Rollout} */ _) => 0,
  "reward, highest": (/** @type {Rollout} */ r) => -(r.reward ?? -1),
  "reward, lowest": (/** @type {Rollout} */ r) => r.reward ?? 2,
  "advantage, highest": (/** @type {Rollout} */ r) => -(r.advantage ?? -1e9),
  "advantage, lowest": (/** @type {Rollout} */ r) => r.advantage ?? 1e9,
  "verifiers disagree most": (/** @type {Rollout} */ r) => -disagreement(r),
  "log-prob gap, largest": (/** @type {Rollout} */ r) => -largestGap(r),
  "newest first": (/** @type {Rollout} */ r) => -r.step,
  "oldest first": (/** @type {Rollout} */ r) => r.step,
  stage: (/** @type {Rollout} */ r) => r.stage,
  task: (/** @type {Rollout} */ r) => r.task,
  prompt: (/** @type {Rollout} */ r) => r.id,
  longest: (/** @type {Rollout} */ r) => -r.tokens,
  shortest: (/** @type {Rollout} */ r) => r.tokens,
};
/** The filter for rollouts with any flag. */
export const FLAGGED = "flagged at all";
/** What is worth a first look: whether there is any such rollout, and the state that shows them.
 * @type {Record<string, [(r: Rollout) => boolean, State]>} */
export const LOOKS = {
  "the newest failures": [(r) => outcome(r) === "wrong", { outcome: "wrong", sort: "newest first" }],
  "verifiers that disagree most": [(r) => disagreement(r) > 0, { sort: "verifiers disagree most" }],
  "paid, and yet flagged": [(r) => outcome(r) === "right" && r.flags.length > 0, { outcome: "right", flag: FLAGGED, sort: "newest first" }],
  "what could not be judged": [(r) => outcome(r) === "masked", { outcome: "masked", sort: "newest first" }],
  "prompts whose samples differ most": [(r) => r.advantage !== null && r.advantage !== 0, { view: "by prompt" }],
  "the largest gaps between trainer and engine": [(r) => largestGap(r) >= 0.05, { sort: "log-prob gap, largest" }],
};
export const FIELDS = ["stage", "step", "task", "outcome", "verifier", "status", "finish", "flag", "length"];

/** How far the verifiers of a rollout are apart. @param {Rollout} r */
export function disagreement(r) {
  const scores = Object.values(r.verdicts).flatMap((verdict) => (verdict.score === undefined ? [] : [verdict.score]));
  return scores.length > 1 ? Math.max(...scores) - Math.min(...scores) : -1;
}

/** The largest gap of a token between trainer and engine; -1 where none was kept. @param {Rollout} r */
export function largestGap(r) {
  return (r.pieces?.gap ?? []).reduce((most, gap) => Math.max(/** @type {number} */ (most), Math.abs(gap ?? 0)), -1) ?? -1;
}

/** Right, partly, wrong or masked. @param {Rollout} r */
export function outcome(r) {
  if (r.reward === null) return "masked";
  return r.reward >= 0.995 ? "right" : r.reward <= 0.005 ? "wrong" : "partly";
}

/** The class of its length, between powers of two: `65 to 128`. @param {Rollout} r */
export function lengthClass(r) {
  const top = 2 ** Math.ceil(Math.log2(Math.max(r.tokens, 16)));
  return r.tokens <= 16 ? "up to 16" : `${top / 2 + 1} to ${top}`;
}

/** The values of a rollout under a filter. @param {Rollout} r @param {string} field @returns {string[]} */
export function valuesOf(r, field) {
  switch (field) {
    case "outcome": return [outcome(r)];
    case "verifier": return Object.keys(r.verdicts);
    case "status": return [...new Set(Object.values(r.verdicts).map((v) => v.status))];
    case "flag": return [...r.flags, ...(r.replay ? ["replay"] : []), ...(r.flags.length ? [FLAGGED] : [])];
    case "length": return [lengthClass(r)];
    case "stage": case "task": case "finish": return [r[field]];
    default: return [String(r.step)];
  }
}

/** The conversation as one text. @param {Turn[]} turns */
export function wordsOf(turns) {
  return turns.map((turn) => spoken(turn)).join("\n");
}

/** What a turn says, its calls included. @param {Turn} turn */
export function spoken(turn) {
  return turn.calls ? `${turn.content}\n${turn.calls}` : turn.content;
}

/** The rollouts that a state asks for, sorted. @param {Rollout[]} rows @param {State} state @returns {Rollout[]} */
export function chosen(rows, state) {
  const wanted = FIELDS.filter((field) => state[field]).map((field) => /** @type {const} */ ([field, state[field]]));
  const words = ((state.q ?? "").toLowerCase().match(/"[^"]+"|\S+/g) ?? []).map((w) => w.replace(/^"(.+)"$/, "$1"));
  const found = rows.filter(
    (r) => wanted.every(([field, value]) => valuesOf(r, field).includes(value)) && words.every((w) => textOf(r).includes(w)),
  );
  const key = SORTS[/** @type {keyof typeof SORTS} */ (state.sort)] ?? SORTS["in order"];
  return state.sort ? found.map((r, i) => ({ r, i, k: key(r) })).sort((a, b) => (a.k < b.k ? -1 : a.k > b.k ? 1 : a.i - b.i)).map((x) => x.r) : found;
}

/** Everything that can be searched, in lower case. @param {Rollout} r */
function textOf(r) {
  r.searched ??= [r.id, wordsOf(r.messages), wordsOf(r.turns), r.reason, r.reference ?? ""].join("\n").toLowerCase();
  return r.searched;
}

/** Which group it is in. @param {Rollout} r */
export function keyOf(r) {
  return `${r.stage}/${r.step}/${r.group}`;
}

/** All samples of the prompts of some rollouts in their step; the groups whose rewards differ most first.
 * @param {Rollout[]} rows @param {Rollout[]} some */
export function groupsOf(rows, some = rows) {
  /** @type {Map<string, Rollout[]>} */
  const groups = new Map(some.map((r) => [keyOf(r), []]));
  for (const r of rows) groups.get(keyOf(r))?.push(r);
  return [...groups.values()].map((rows) => ({ rows, spread: variance(rows.map((r) => r.reward ?? 0)) }))
    .sort((a, b) => b.spread - a.spread);
}

/** @param {number[]} values */
function variance(values) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
}

/** Length of what all texts begin with, cut at a word. @param {string[]} texts */
export function commonStart(texts) {
  const [first = "", ...rest] = texts;
  let end = first.length;
  for (const text of rest) {
    let i = 0;
    while (i < end && first[i] === text[i]) i++;
    end = i;
  }
  const isWhole = texts.every((text) => text.length === end || /\s/.test(text[end]));
  return texts.length < 2 ? 0 : isWhole ? end : Math.max(first.slice(0, end).search(/\S*$/), 0);
}

/** An end that is longer is compared no further. */
const LONGEST_END = 20000;

/** Length of what all texts end with behind their first `start` characters, cut at a word. @param {string[]} texts
 * @param {number} start */
export function commonEnd(texts, start) {
  if (texts.length < 2) return 0;
  const [first] = texts, least = Math.min(...texts.map((text) => text.length - start), LONGEST_END);
  let size = 0;
  while (size < least && texts.every((text) => text.at(-1 - size) === first.at(-1 - size))) size++;
  const isWhole = texts.every((text) => text.length - size === start || /\s/.test(text[text.length - size - 1]));
  const cut = isWhole ? 0 : first.slice(first.length - size).search(/\s/);
  return cut < 0 ? 0 : size - cut;
}

/** @param {string} hash @returns {State} */
export function readState(hash) {
  return hash.startsWith("#?") ? Object.fromEntries(new URLSearchParams(hash.slice(2))) : {};
}

/** @param {State} state */
export function writeState(state) {
  const kept = Object.entries(state).filter(([, value]) => value);
  return kept.length ? `#?${new URLSearchParams(kept)}` : "#?";
}

/** JSON lines, without what only the page needs. @param {Rollout[]} rows */
export function asLines(rows) {
  const text = rows.map((r) => `${JSON.stringify({ ...r, searched: undefined, pieces: undefined })}\n`).join("");
  return text.replace(/[\u0085\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`); // else some readers end a line there
}

/** The values of a column, of which those that are alike may stand once.
 * @param {any[] | {of: any[], at?: number[], by?: number[]}} packed @returns {any[]} */
export function valuesOfColumn(packed) {
  if (Array.isArray(packed)) return packed;
  let place = 0;
  return packed.at ? packed.at.map((i) => packed.of[i]) : (packed.by ?? []).map((step) => packed.of[(place += step)]);
}

/** Rows from columns, as `rollouts.py` packs them: turns of which the text is among the tokens are places there.
 * @param {Record<string, any>} packed @returns {Rollout[]} */
export function rowsOf(packed) {
  const columns = Object.fromEntries(Object.entries(packed).map(([name, column]) => [name, valuesOfColumn(column)]));
  const { text = [], sizes = [], mask = [], gap = [], logprob = [], advantages = [], turns, ...plain } = columns;
  const names = Object.keys(plain);
  return (turns ?? []).map((given, i) => {
    const row = Object.fromEntries(names.map((name) => [name, plain[name][i]]));
    row.turns = given.map((/** @type {Turn | Placed} */ turn) => turnOf(turn, text[i] ?? ""));
    if (typeof text[i] === "string") {
      row.pieces = { text: text[i], sizes: sizes[i], mask: mask[i], gap: gap[i], logprob: logprob[i], advantages: advantages[i] };
    }
    return /** @type {Rollout} */ (row);
  });
}

/** @param {Turn | Placed} turn @param {string} text @returns {Turn} */
function turnOf(turn, text) {
  if (!Array.isArray(turn)) return turn;
  const [role, start, size, calls] = turn, content = text.slice(start, start + size);
  return calls === undefined ? { role, content } : { role, content, calls };
}

/** @param {string} text base64 of gzip of JSON @returns {Promise<Rollout[]>} */
export async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return rowsOf(JSON.parse(await new Response(stream).text()));
}

/** Control characters by their symbols, as in the rest of the page. @param {string} text */
export function visible(text) {
  return text.replace(/[\0-\x08\x0b-\x1f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0))).replace(/\x7f/g, "\u2421");
}
