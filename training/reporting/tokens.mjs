/**
 * One rollout token by token: which tokens were trained, and what was kept of them, as colours and in words. Pure but for
 * `coloured`.
 *
 * @typedef {(number | null)[] | null | undefined} Values
 * @typedef {{text: string, sizes: string, mask: number[], gap?: Values, logprob?: Values, advantages?: Values}} Pieces
 *   `sizes`: length of each token's text, digits to the base of 36, larger ones in brackets. `mask`: numbers of tokens
 *   that were trained, that were not, that were, ... `gap` and `advantages` are of the trained ones, `logprob` of all.
 * @typedef {{text: string, isSampled: boolean, isTrained: boolean, gap: number | null, advantage: number | null, logprob: number | null}} Token
 */

/** Name -> limits of its three classes, and what is compared with them. */
const SCALES = {
  "advantage": { limits: [1e-9, 0.5, 1.5], size: (/** @type {Token} */ t) => (t.advantage === null ? null : Math.abs(t.advantage)) },
  "log-prob gap": { limits: [0.01, 0.05, 0.2], size: (/** @type {Token} */ t) => (t.gap === null ? null : Math.abs(t.gap)) },
  "improbability": { limits: [Math.LN2, Math.log(10), Math.log(100)], size: (/** @type {Token} */ t) => (t.logprob === null ? null : -t.logprob) },
};
export const COLOURINGS = /** @type {const} */ (["loss mask", "advantage", "log-prob gap", "improbability"]);
/** @typedef {typeof COLOURINGS[number]} Colouring */

/** @param {string} said @returns {number[]} */
export function sizesOf(said) {
  return [...said.matchAll(/\((\d+)\)|([0-9a-z])/g)].map(([, large, digit]) => (large ? Number(large) : parseInt(digit, 36)));
}

/** The tokens in their order. @param {Pieces} pieces @param {number | null} advantage of the whole rollout; null: it was
 * left out of the update, and no token was trained. @returns {Token[]} */
export function tokensOf(pieces, advantage) {
  const ends = pieces.mask.reduce((/** @type {number[]} */ sums, n) => [...sums, (sums.at(-1) ?? 0) + n], []);
  let at = 0, run = 0, trained = 0;
  return sizesOf(pieces.sizes).map((size, i) => {
    while (i >= (ends[run] ?? Infinity)) run++;
    const isSampled = run % 2 === 0, n = isSampled ? trained++ : -1;
    const text = pieces.text.slice(at, at += size), isTrained = isSampled && advantage !== null;
    return {
      text, isSampled, isTrained, gap: isTrained ? pieces.gap?.[n] ?? null : null, logprob: isSampled ? pieces.logprob?.[i] ?? null : null,
      advantage: isTrained ? pieces.advantages?.[n] ?? advantage : null,
    };
  });
}

/** Whether something was kept to colour by. @param {{pieces?: Pieces, advantage: number | null}[]} rows @param {Colouring} by */
export function isKept(rows, by) {
  return rows.some(({ pieces, advantage }) => {
    if (!pieces) return false;
    if (by === "log-prob gap") return Boolean(pieces.gap);
    return by === "improbability" ? Boolean(pieces.logprob) : by === "loss mask" || advantage !== null;
  });
}

/** 0 to 3: how far a token is from what is usual. @param {Token} token @param {keyof typeof SCALES} by */
export function levelOf(token, by) {
  const size = SCALES[by].size(token);
  return size === null ? 0 : SCALES[by].limits.filter((limit) => size >= limit).length;
}

/** The class of a token's colour; none where it is as usual. @param {Token} token @param {Colouring} by */
export function classOf(token, by) {
  if (!token.isSampled) return "given";
  if (by === "loss mask") return token.isTrained ? "" : "apart";
  const level = levelOf(token, by), sign = by === "advantage" && (token.advantage ?? 0) > 0 ? "plus" : "minus";
  return level ? `${sign} level${level}` : token.isTrained || by === "improbability" ? "" : "apart";
}

/** What is known of a token, in words. @param {Token} token */
export function factsOfToken(token) {
  const signed = (/** @type {number} */ x) => `${x < 0 ? "\u2212" : "+"}${Math.abs(x).toFixed(2)}`;
  const chance = token.logprob === null ? "" : `probability ${Math.exp(token.logprob).toPrecision(2)}`;
  const said = [chance, token.gap === null ? "" : `gap ${signed(token.gap)}`, token.advantage === null ? "" : `advantage ${signed(token.advantage)}`];
  return [token.isTrained ? "" : token.isSampled ? "not trained" : "of the environment", ...said].filter(Boolean).join(", ");
}

/** Neighbours of one colour together, but tokens of a level alone. @param {Token[]} tokens @param {Colouring} by */
export function runsOf(tokens, by) {
  /** @type {{text: string, css: string, facts: string}[]} */
  const runs = [];
  for (const token of tokens) {
    const css = classOf(token, by), last = runs.at(-1), isAlone = css.includes("level") && by !== "advantage";
    if (last && last.css === css && !isAlone) last.text += token.text;
    else runs.push({ text: token.text, css, facts: css ? factsOfToken(token) : "" });
  }
  return runs;
}

/** What the colours show, in words. @param {Token[]} tokens @param {Colouring} by */
export function summaryOf(tokens, by) {
  const sampled = tokens.filter((t) => t.isSampled).length, trained = tokens.filter((t) => t.isTrained).length;
  const mask = `${tokens.length} tokens, ${sampled} of them sampled, ${trained} trained`;
  if (by === "loss mask") return mask;
  const { limits, size } = SCALES[by], sizes = tokens.flatMap((t) => size(t) ?? []), largest = Math.max(0, ...sizes);
  if (!sizes.length) return `${mask}; ${by} not kept`;
  if (by === "improbability") {
    const [half, tenth, hundredth] = limits.map((limit) => sizes.filter((x) => x >= limit).length);
    return `${half} of ${sizes.length} sampled tokens with a probability of at most a half, ${tenth} a tenth, ${hundredth} a hundredth`;
  }
  const above = limits.slice(by === "advantage" ? 1 : 0).map((limit) => `${sizes.filter((x) => x >= limit).length} from ${limit}`);
  return `${mask}; ${by} in size: ${above.join(", ")}, largest ${largest.toFixed(2)}`;
}

/** The text with its colours, and what they show. @param {Pieces} pieces @param {number | null} advantage
 * @param {Colouring} by @param {(text: string) => string} visible @returns {HTMLElement[]} */
export function coloured(pieces, advantage, by, visible) {
  const tokens = tokensOf(pieces, advantage), text = document.createElement("div"), words = document.createElement("p");
  text.className = "turn tokens";
  text.append(...runsOf(tokens, by).map(({ text, css, facts }) => {
    if (!css) return new Text(visible(text));
    const span = document.createElement("span");
    span.className = css;
    span.title = facts;
    span.textContent = visible(text);
    return span;
  }));
  words.className = "facts";
  words.textContent = summaryOf(tokens, by);
  return [words, text];
}
