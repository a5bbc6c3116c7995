/**
 * A logarithmic scale for the curves that have one (`data-low`, written by `charts.py` where all values are positive and
 * far apart): the drawn heights are read back to values and drawn anew; a second press draws them as they were.
 *
 * @typedef {{y0: number, y1: number, low: number}} Scale the linear axis, and the lowest value of the logarithmic one
 */

/** Of the drawings' coordinates (charts.py). */
export const WIDTH = 340, LEFT = 40, RIGHT = 10, TOP = 10, HEIGHT = 168, BOTTOM = 22;
const SVG = "http://www.w3.org/2000/svg";
const bottom = HEIGHT - BOTTOM, room = HEIGHT - TOP - BOTTOM;

/** Powers of ten from below the lowest value to above the highest. @param {Scale} scale */
export function decades({ y1, low }) {
  const first = Math.floor(Math.log10(low) + 1e-9), last = Math.max(Math.ceil(Math.log10(y1) - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** The height at which a value is drawn; what lies below the lowest value is drawn at the bottom.
 * @param {Scale} scale @param {number} value */
export function heightOf(scale, value) {
  const powers = decades(scale), first = powers[0], last = powers[powers.length - 1];
  const fraction = (Math.log10(Math.max(value, 10 ** first)) - first) / (last - first);
  return bottom - Math.min(fraction, 1) * room;
}

/** From a height on the linear axis to that on the logarithmic one. @param {Scale} scale @param {number} height */
export function moved(scale, height) {
  return heightOf(scale, scale.y0 + ((bottom - height) / room) * (scale.y1 - scale.y0));
}

/** A path with all of its heights moved. @param {Scale} scale @param {string} path */
export function movedPath(scale, path) {
  return path.replace(/(-?[\d.]+),(-?[\d.]+)/g, (_, x, y) => `${x},${moved(scale, Number(y)).toFixed(1)}`);
}

/** Values of this many powers of ten at most get a label each. */
const MOST_LABELS = 6;

/** @param {Scale} scale */
function frame(scale) {
  const group = document.createElementNS(SVG, "g"), powers = decades(scale), every = Math.ceil(powers.length / MOST_LABELS);
  group.setAttribute("class", "decades");
  powers.forEach((power, i) => {
    if (i % every) return;
    const y = heightOf(scale, 10 ** power), line = document.createElementNS(SVG, "line"), words = document.createElementNS(SVG, "text");
    for (const [name, value] of Object.entries({ class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y })) line.setAttribute(name, String(value));
    for (const [name, value] of Object.entries({ x: LEFT - 6, y: y + 3, "text-anchor": "end" })) words.setAttribute(name, String(value));
    words.textContent = Math.abs(power) < 4 ? String(Number((10 ** power).toPrecision(1))) : `1e${power}`.replace("-", "\u2212");
    group.append(line, words);
  });
  return group;
}

/** @param {SVGSVGElement} svg @param {boolean} isLog */
function draw(svg, isLog) {
  const scale = { y0: Number(svg.dataset.y0), y1: Number(svg.dataset.y1), low: Number(svg.dataset.low) };
  for (const [name, mark] of [["d", "path"], ["cy", "circle"]]) {
    for (const drawn of /** @type {NodeListOf<SVGElement>} */ (svg.querySelectorAll(`.plot ${mark}`))) {
      const linear = (drawn.dataset.linear ??= drawn.getAttribute(name) ?? "");
      drawn.setAttribute(name, !isLog ? linear : name === "d" ? movedPath(scale, linear) : moved(scale, Number(linear)).toFixed(1));
    }
  }
  const ticks = [...svg.children].filter((one) => one.getAttribute("class")?.startsWith("grid") || one.getAttribute("text-anchor") === "end" && one.getAttribute("x") === String(LEFT - 6));
  for (const tick of ticks) tick.toggleAttribute("hidden", isLog);
  svg.querySelector(".decades")?.remove();
  if (isLog) svg.prepend(frame(scale));
}

/** @param {SVGSVGElement} svg */
function offer(svg) {
  const caption = svg.closest("figure")?.querySelector("figcaption");
  const made = document.createElement("button"), tools = document.createElement("span");
  made.type = "button";
  made.textContent = "log";
  made.setAttribute("aria-label", `${caption?.firstChild?.textContent ?? ""}: logarithmic scale`);
  made.setAttribute("aria-pressed", "false");
  made.addEventListener("click", () => {
    const isLog = made.getAttribute("aria-pressed") === "false";
    made.setAttribute("aria-pressed", String(isLog));
    draw(svg, isLog);
  });
  tools.className = "tools";
  tools.append(made);
  caption?.append(tools);
}

if (typeof document !== "undefined") {
  const begin = () => document.querySelectorAll("svg[data-low]").forEach((svg) => offer(/** @type {SVGSVGElement} */ (svg)));
  document.addEventListener("redrawn", begin);
  begin();
}
