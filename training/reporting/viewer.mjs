/**
 * The rollouts of a report: filters, cards, one rollout token by token, the samples of one prompt beside each other. Part
 * of the page, which `training/reporting/rollouts.py` writes; no request, no library. Text of a rollout reaches the page
 * as `textContent` and never as markup.
 *
 * @typedef {import("./rows.mjs").Rollout} Rollout
 * @typedef {import("./rows.mjs").State} State
 */

import { FIELDS, LOOKS, SORTS, asLines, chosen, commonEnd, commonStart, groupsOf, keyOf, outcome, readState, spoken, unpacked, valuesOf, visible, writeState } from "./rows.mjs";
import { COLOURINGS, coloured, isKept } from "./tokens.mjs";

export const PAGE_SIZE = 40;

/** An element with a class, text and children.
 * @param {string} name @param {string} css @param {string | Node[]} inside @returns {HTMLElement} */
function element(name, css, inside = "") {
  const made = document.createElement(name);
  if (css) made.className = css;
  if (typeof inside === "string") made.textContent = visible(inside);
  else made.append(...inside);
  return made;
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

/** A part of a text, faint where all samples of its prompt say the same. @param {string} text @param {number} at where
 * it begins in its turn @param {[number, number]} own where that differs */
function marked(text, at, own) {
  const [from, to] = own.map((place) => Math.min(Math.max(place - at, 0), text.length));
  const parts = /** @type {[string, string][]} */ ([["faint", text.slice(0, from)], ["", text.slice(from, to)], ["faint", text.slice(to)]]);
  return parts.filter(([, words]) => words).map(([css, words]) => (css ? element("span", css, words) : new Text(visible(words))));
}

/** The turns of an answer: thinking folded, tool turns marked. @param {Rollout} r
 * @param {[number, number]} own where its first turn differs from those of the other samples of its prompt */
function conversation(r, own) {
  return r.turns.flatMap((turn, i) => {
    const text = spoken(turn), differs = /** @type {[number, number]} */ (i === 0 ? own : [0, Infinity]);
    if (turn.role !== "assistant") return [element("div", "turn tool", text)];
    const closed = text.lastIndexOf("</think>"), parts = [];
    const end = closed < 0 && text.startsWith("<think>") ? text.length : closed; // it never closes: all of it is thinking
    const part = (/** @type {number} */ from, /** @type {number} */ to) => {
      const piece = text.slice(from, to), start = from + piece.length - piece.trimStart().length;
      return marked(piece.trim(), start, differs);
    };
    if (end >= 0) {
      const begin = text.startsWith("<think>") ? "<think>".length : 0;
      const [from, to] = [Math.max(own[0], begin), Math.min(own[1], end)], isApart = i === 0 && own[1] < Infinity && text.slice(from, Math.max(from, to)).trim();
      const fate = `${closed < 0 ? ", never closed" : ""}${isApart ? ", differs" : ""}`, words = `thinking, ${text.slice(begin, end).trim().length} characters${fate}`;
      const folded = /** @type {HTMLDetailsElement} */ (element("details", "", [element("summary", "", words), element("div", "turn think", part(begin, end))]));
      folded.open = closed < 0; // else nothing of the answer would be seen
      parts.push(folded);
    }
    if (end < text.length) parts.push(element("div", "turn answer", part(end < 0 ? 0 : end + "</think>".length, text.length)));
    return parts;
  });
}

/** @param {Rollout} r @param {boolean} hasReference */
function verdictsOf(r, hasReference) {
  const said = Object.entries(r.verdicts).map(([name, v]) =>
    element("li", "", `${name}: ${v.score === undefined ? v.status : v.score.toFixed(2)}${v.reason ? ` (${v.reason})` : ""}`));
  if (hasReference && r.reference !== null) said.push(element("li", "", `reference: ${r.reference}`));
  return element("ul", "verdicts", said);
}

/** One rollout as a card. @param {Rollout} r @param {boolean} hasPrompt with prompt and reference @param {[number, number]} [own] as above
 * @param {string} [colouring] shows tokens instead of turns */
function card(r, hasPrompt, own = [0, Infinity], colouring = "") {
  const head = element("header", "", [rewardOf(r), element("span", "", factsOf(r))]);
  const prompt = hasPrompt ? r.messages.map((m) => element("div", "turn prompt", spoken(m))) : [];
  const edge = r.advantage === null || r.advantage === 0 ? "" : r.advantage > 0 ? "up" : "down";
  const by = COLOURINGS.find((name) => name === colouring);
  const said = by && r.pieces ? coloured(r.pieces, r.advantage, by, visible) : conversation(r, own);
  const made = element("article", edge, [head, ...prompt, ...said, verdictsOf(r, hasPrompt)]);
  made.tabIndex = 0;
  return made;
}

/** The choice of what a dialog's cards show: turns, or tokens in colours. @param {Rollout[]} members @param {string} now
 * @param {(by: string) => void} choose */
function colouringOf(members, now, choose) {
  if (!members.some((m) => m.pieces)) return [];
  const select = document.createElement("select"), label = element("label", "facts", "show ");
  select.append(new Option("the conversation", ""), ...COLOURINGS.map((by) => {
    const isThere = isKept(members, by), why = by === "advantage" ? "not trained on" : "not kept; logging.logprobs=true keeps it";
    const option = new Option(`tokens by ${by}${isThere ? "" : ` (${why})`}`, by);
    option.disabled = !isThere;
    return option;
  }));
  select.value = now;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
  select.addEventListener("change", () => choose(select.value));
  label.append(select);
  return [label];
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
  const looks = element("p", "looks", Object.entries(LOOKS).filter(([, [isThere]]) => rows.some(isThere)).flatMap(([words, [, asked]], i) => {
    const link = /** @type {HTMLAnchorElement} */ (element("a", "", words));
    link.href = writeState(asked);
    return [new Text(i ? " \u00b7 " : "Look at: "), link];
  }));
  root.append(looks, bar, count, save, list, more, dialog);
  save.href = "#";
  save.addEventListener("click", () => {
    URL.revokeObjectURL(save.href);
    save.href = URL.createObjectURL(new Blob([asLines(found)], { type: "application/jsonl" }));
    save.download = "rollouts.jsonl";
  });

  const update = () => {
    const { tokens = "" } = state;
    state = Object.fromEntries([["q", search.value], ...[...selects].map(([field, s]) => [field, s.value]), ["tokens", tokens]]);
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
        const made = card(r, true);
        made.addEventListener("click", (event) => { if (!(/** @type {Element} */ (event.target).closest("summary"))) open(r); });
        return made;
      }));
    }
  };
  /** Keep something in the address. @param {string} name @param {string} value */
  const note = (name, value) => {
    state = { ...state, [name]: value };
    history.replaceState(null, "", writeState(state));
  };
  const openNoted = () => {
    const noted = state.open && rows.find((r) => `${keyOf(r)}/${r.sample}` === state.open);
    if (noted) open(noted);
  };
  /** All samples of a rollout's prompt, beside each other. @param {Rollout} r */
  const open = (r) => {
    if (getSelection()?.toString()) return;
    const others = rows.filter((o) => keyOf(o) === keyOf(r) && o !== r).sort((a, b) => (b.reward ?? -1) - (a.reward ?? -1));
    const members = [r, ...others];
    const same = rows.filter((o) => o.stage === r.stage && o.id === r.id);
    const steps = [...new Set(same.map((o) => o.step))].flatMap((step, i) => {
      const own = same.filter((o) => o.step === step), words = `step ${step}: ${own.filter((o) => outcome(o) === "right").length} of ${own.length} right`;
      const there = /** @type {HTMLButtonElement} */ (element(step === r.step ? "b" : "button", "step", words));
      if (step !== r.step) { there.type = "button"; there.addEventListener("click", () => open(own[0])); }
      return i ? [new Text(" \u00b7 "), there] : [there];
    });
    const first = members.map((m) => (m.turns.length ? spoken(m.turns[0]) : ""));
    const start = commonStart(first), end = commonEnd(first, start);
    const cards = element("div", "samples");
    const fill = () => {
      cards.replaceChildren(...members.map((m, i) => card(m, false, members.length > 1 ? [start, first[i].length - end] : undefined, state.tokens)));
      cards.firstElementChild?.classList.add("opened");
    };
    const close = element("button", "close", "close");
    close.addEventListener("click", () => dialog.close());
    dialog.setAttribute("aria-label", `samples of ${visible(r.id)}`);
    const wanted = r.reference === null ? [] : [element("div", "turn reference", r.reference)];
    dialog.replaceChildren(close, element("h3", "", `${members.length} samples of one prompt`), ...r.messages.map((m) => element("div", "turn prompt", spoken(m))), ...wanted,
      element("p", "facts", steps), ...colouringOf(members, state.tokens ?? "", (by) => { note("tokens", by); fill(); }), cards);
    fill();
    if (dialog.open) close.focus();
    else dialog.showModal();
    note("open", `${keyOf(r)}/${r.sample}`);
  };
  dialog.addEventListener("close", () => note("open", ""));
  bar.addEventListener("input", update);
  bar.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => { shown += PAGE_SIZE; draw(); });
  addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#?")) return;
    state = readState(location.hash);
    restore();
    draw();
    root.scrollIntoView();
    openNoted();
  }, { signal });
  addEventListener("keydown", (event) => {
    const at = document.activeElement, cards = [...list.children];
    if (at instanceof HTMLInputElement || at instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.altKey) return;
    const now = cards.findIndex((c) => c.contains(at)), isFold = at?.tagName === "SUMMARY";
    if (event.key === "/") { event.preventDefault(); search.focus(); }
    else if (dialog.open) return;
    else if (event.key === "j" || event.key === "k") /** @type {HTMLElement | undefined} */ (cards[Math.max(now + (event.key === "j" ? 1 : -1), 0)])?.focus();
    else if (event.key === "Enter" && now >= 0 && !isFold) {
      event.preventDefault(); // else the same key closes what it opened
      /** @type {HTMLElement} */ (cards[now]).click();
    }
  }, { signal });
  restore();
  draw();
  openNoted();
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
