/**
 * The rollouts of a report: filter, search, sort, read one, compare those of one prompt. Part of the page, which
 * `training/reporting/rollouts.py` writes; no request, no library. Text of a rollout reaches the page as `textContent`
 * and never as markup.
 *
 * @typedef {{role: string, content: string, calls?: string}} Turn
 * @typedef {{status: string, score?: number, reason: string}} Verdict
 * @typedef {{
 *   stage: string, step: number, task: string, id: string, group: number, sample: number, reward: number | null,
 *   advantage: number | null, tokens: number, finish: string, flags: string[], replay: boolean, reason: string,
 *   reference: string | null, verdicts: Record<string, Verdict>, messages: Turn[], turns: Turn[], text?: string
 * }} Rollout
 * @typedef {Record<string, string>} State  What the address after `#` says, e.g. `{stage: "stage1", q: "boxed"}`.
 */

export const PAGE_SIZE = 40;
export const SORTS = {
  "in order": (/** @type {Rollout} */ _) => 0,
  "reward, highest": (/** @type {Rollout} */ r) => -(r.reward ?? -1),
  "reward, lowest": (/** @type {Rollout} */ r) => r.reward ?? 2,
  "advantage, highest": (/** @type {Rollout} */ r) => -(r.advantage ?? -1e9),
  "advantage, lowest": (/** @type {Rollout} */ r) => r.advantage ?? 1e9,
  "verifiers disagree most": (/** @type {Rollout} */ r) => -disagreement(r),
  "newest first": (/** @type {Rollout} */ r) => -r.step,
  longest: (/** @type {Rollout} */ r) => -r.tokens,
  shortest: (/** @type {Rollout} */ r) => r.tokens,
};
const FIELDS = ["stage", "step", "task", "outcome", "verifier", "status", "finish", "flag", "length"];

/** How far the verifiers of a rollout are apart. @param {Rollout} r */
export function disagreement(r) {
  const scores = Object.values(r.verdicts).flatMap((verdict) => (verdict.score === undefined ? [] : [verdict.score]));
  return scores.length > 1 ? Math.max(...scores) - Math.min(...scores) : -1;
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
    case "flag": return r.replay ? [...r.flags, "replay"] : r.flags;
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
  return state.sort ? found.map((r, i) => ({ r, i, k: key(r) })).sort((a, b) => a.k - b.k || a.i - b.i).map((x) => x.r) : found;
}

/** Everything that can be searched, in lower case. @param {Rollout} r */
function textOf(r) {
  r.text ??= [r.id, wordsOf(r.messages), wordsOf(r.turns), r.reason, r.reference ?? ""].join("\n").toLowerCase();
  return r.text;
}

/** All samples of the prompts of some rollouts in their step; the groups whose rewards differ most first.
 * @param {Rollout[]} rows @param {Rollout[]} some */
export function groupsOf(rows, some = rows) {
  const key = (/** @type {Rollout} */ r) => `${r.stage}/${r.step}/${r.group}`;
  /** @type {Map<string, Rollout[]>} */
  const groups = new Map(some.map((r) => [key(r), []]));
  for (const r of rows) groups.get(key(r))?.push(r);
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
  return rows.map((r) => `${JSON.stringify({ ...r, text: undefined })}\n`).join("");
}

/** @param {string} text base64 of gzip of JSON @returns {Promise<Rollout[]>} */
export async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/** An element with a class, text and children.
 * @param {string} name @param {string} css @param {string | Node[]} inside @returns {HTMLElement} */
function element(name, css, inside = "") {
  const made = document.createElement(name);
  if (css) made.className = css;
  if (typeof inside === "string") made.textContent = visible(inside);
  else made.append(...inside);
  return made;
}

/** Control characters by their symbols, as in the rest of the page. @param {string} text */
export function visible(text) {
  return text.replace(/[\0-\x08\x0b-\x1f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0))).replace(/\x7f/g, "\u2421");
}

/** @param {Rollout} r */
function rewardOf(r) {
  const mood = { right: "good", wrong: "bad", partly: "wait", masked: "none" }[outcome(r)];
  return element("b", `reward ${mood}`, r.reward === null ? "masked" : r.reward.toFixed(2));
}

/** @param {Rollout} r */
function factsOf(r) {
  const advantage = r.advantage === null ? "not trained on" : `advantage ${r.advantage >= 0 ? "+" : "\u2212"}${Math.abs(r.advantage).toFixed(2)}`;
  const finish = r.finish === "stop" ? "" : `ended by ${r.finish}`;
  return [`${r.stage} ${r.step}`, r.task, `${r.tokens} tokens`, advantage, finish, ...r.flags].filter(Boolean).join(" \u00b7 ");
}

/** The turns of an answer: thinking folded, tool turns marked. `dim` characters at its start are faint.
 * @param {Rollout} r @param {number} dim */
function conversation(r, dim = 0) {
  return r.turns.flatMap((turn, i) => {
    const text = spoken(turn);
    if (turn.role !== "assistant") return [element("div", "turn tool", text)];
    const end = text.lastIndexOf("</think>");
    const parts = [];
    if (end >= 0) {
      const thinking = text.slice(0, end).replace("<think>", "").trim();
      const summary = element("summary", "", `thinking, ${thinking.length} characters`);
      parts.push(element("details", "", [summary, element("div", "turn think", thinking)]));
    }
    const answer = end >= 0 ? text.slice(end + "</think>".length).trim() : text;
    const faint = i === 0 && end < 0 ? dim : 0;
    parts.push(element("div", "turn answer", [element("span", "faint", answer.slice(0, faint)), new Text(visible(answer.slice(faint)))]));
    return parts;
  });
}

/** @param {Rollout} r */
function verdictsOf(r) {
  const said = Object.entries(r.verdicts).map(([name, v]) =>
    element("li", "", `${name}: ${v.score === undefined ? v.status : v.score.toFixed(2)}${v.reason ? ` (${v.reason})` : ""}`));
  if (r.reference !== null) said.push(element("li", "", `reference: ${r.reference}`));
  return element("ul", "verdicts", said);
}

/** One rollout as a card. @param {Rollout} r @param {number} dim @param {boolean} hasPrompt */
function card(r, dim, hasPrompt) {
  const head = element("header", "", [rewardOf(r), element("span", "", factsOf(r))]);
  const prompt = hasPrompt ? r.messages.map((m) => element("div", "turn prompt", spoken(m))) : [];
  const edge = r.advantage === null || r.advantage === 0 ? "" : r.advantage > 0 ? "up" : "down";
  const made = element("article", edge, [head, ...prompt, ...conversation(r, dim), verdictsOf(r)]);
  made.tabIndex = 0;
  return made;
}

/** The browser in its section, until `signal`. @param {HTMLElement} root @param {Rollout[]} rows @param {AbortSignal} signal */
export function start(root, rows, signal) {
  const bar = element("form", "filters"), count = element("p", "facts"), list = element("div", "samples single");
  const dialog = /** @type {HTMLDialogElement} */ (element("dialog", "group"));
  const save = /** @type {HTMLAnchorElement} */ (element("a", "save", "download as JSON lines"));
  const more = /** @type {HTMLButtonElement} */ (element("button", "more", "show more"));
  count.setAttribute("role", "status");
  more.type = "button";
  let state = readState(location.hash), shown = PAGE_SIZE, /** @type {Rollout[]} */ found = [];

  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "words, or \"a phrase\", in prompt, answer or reason";
  search.setAttribute("aria-label", "search");
  /** @type {Map<string, HTMLSelectElement>} */
  const selects = new Map();
  for (const field of [...FIELDS, "sort", "view"]) {
    const values = field === "sort" ? Object.keys(SORTS) : field === "view" ? ["one by one", "by prompt"]
      : [...new Set(rows.flatMap((r) => valuesOf(r, field)))].sort((a, b) => parseInt(a) - parseInt(b) || (a < b ? -1 : 1));
    if (values.length < 2) continue;
    const select = document.createElement("select");
    const first = field === "sort" || field === "view" ? [] : [new Option(`any ${field}`, "")];
    select.append(...first, ...values.map((v) => new Option(visible(v), v)));
    select.setAttribute("aria-label", field);
    selects.set(field, select);
  }
  bar.append(search, ...selects.values());
  bar.setAttribute("role", "search");
  root.append(bar, count, save, list, more, dialog);
  save.href = "#";
  save.addEventListener("click", () => {
    URL.revokeObjectURL(save.href);
    save.href = URL.createObjectURL(new Blob([asLines(found)], { type: "application/jsonl" }));
    save.download = "rollouts.jsonl";
  });

  const update = () => {
    state = Object.fromEntries([["q", search.value], ...[...selects].map(([field, s]) => [field, s.value])]);
    if (state.sort === "in order") delete state.sort;
    if (state.view === "one by one") delete state.view;
    history.replaceState(null, "", writeState(state));
    shown = PAGE_SIZE;
    draw();
  };
  const restore = () => {
    search.value = state.q ?? "";
    for (const [field, select] of selects) {
      select.value = state[field] ?? "";
      if (select.selectedIndex < 0) select.selectedIndex = 0;
    }
  };
  const draw = () => {
    found = chosen(rows, state);
    const right = found.filter((r) => outcome(r) === "right").length;
    count.textContent = `${found.length} of ${rows.length} rollouts, ${right} right`;
    if (state.view === "by prompt") {
      const groups = groupsOf(rows, found);
      more.hidden = groups.length <= shown;
      list.replaceChildren(...groups.slice(0, shown).map(({ rows: members, spread }) => {
        const words = `${members.filter((r) => outcome(r) === "right").length} of ${members.length} right, variance ${spread.toFixed(3)}`;
        const head = element("header", "", [element("b", "reward", words), element("span", "", `${members[0].stage} ${members[0].step}`)]);
        const made = element("article", "", [head, element("div", "turn prompt", spoken(members[0].messages.at(-1) ?? { role: "user", content: "" }))]);
        made.tabIndex = 0;
        made.addEventListener("click", () => open(members[0]));
        return made;
      }));
    } else {
      more.hidden = found.length <= shown;
      list.replaceChildren(...found.slice(0, shown).map((r) => {
        const made = card(r, 0, true);
        made.addEventListener("click", (event) => { if (!(/** @type {Element} */ (event.target).closest("details"))) open(r); });
        return made;
      }));
    }
  };
  /** All samples of a rollout's prompt, beside each other. @param {Rollout} r */
  const open = (r) => {
    if (getSelection()?.toString()) return;
    const members = rows.filter((o) => o.stage === r.stage && o.step === r.step && o.group === r.group).sort((a, b) => (b.reward ?? -1) - (a.reward ?? -1));
    const same = rows.filter((o) => o.stage === r.stage && o.id === r.id);
    const steps = [...new Set(same.map((o) => o.step))].map((step) => {
      const own = same.filter((o) => o.step === step);
      return `step ${step}: ${own.filter((o) => outcome(o) === "right").length} of ${own.length} right`;
    });
    const dim = commonStart(members.map((m) => (m.turns.length ? spoken(m.turns[0]) : "")));
    const close = element("button", "close", "close");
    close.addEventListener("click", () => dialog.close());
    dialog.setAttribute("aria-label", `samples of ${visible(r.id)}`);
    dialog.replaceChildren(close, element("h3", "", `${members.length} samples of one prompt`), ...r.messages.map((m) => element("div", "turn prompt", spoken(m))),
      element("p", "facts", steps.join(" \u00b7 ")), element("div", "samples", members.map((m) => card(m, dim, false))));
    dialog.showModal();
  };
  bar.addEventListener("input", update);
  bar.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => { shown += PAGE_SIZE; draw(); });
  addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#?")) return;
    state = readState(location.hash);
    restore();
    draw();
    root.scrollIntoView();
  }, { signal });
  addEventListener("keydown", (event) => {
    const at = document.activeElement, cards = [...list.children];
    if (at instanceof HTMLInputElement || at instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.altKey) return;
    const now = cards.findIndex((c) => c === at);
    if (event.key === "/") { event.preventDefault(); search.focus(); }
    else if (dialog.open) return;
    else if (event.key === "j" || event.key === "k") /** @type {HTMLElement | undefined} */ (cards[Math.max(now + (event.key === "j" ? 1 : -1), 0)])?.focus();
    else if (event.key === "Enter" && now >= 0) /** @type {HTMLElement} */ (cards[now]).click();
  }, { signal });
  restore();
  draw();
}

/** Start the browser on the page's rollouts, in place of the one that `before` ends. @param {AbortController} [before] */
async function show(before) {
  before?.abort();
  const root = document.getElementById("browser"), packed = document.getElementById("rollouts-data");
  const running = new AbortController();
  document.addEventListener("rollouts", () => show(running), { once: true });
  if (!root || !packed) return;
  try {
    const rows = await unpacked(packed.textContent ?? "");
    root.replaceChildren();
    start(root, rows, running.signal);
  } catch (error) {
    root.textContent = `The rollouts cannot be shown: ${error}`;
  }
}

if (typeof document !== "undefined") show();
