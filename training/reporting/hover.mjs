/**
 * One line over all curves of a stage at the step under the pointer, with the values there; arrow keys move it. The
 * curves are drawn without it: it reads `data-series`, `data-x0` and `data-x1` of the charts that `charts.py` wrote.
 *
 * @typedef {[number, number][]} Points
 * @typedef {{x0: number, x1: number, series: Record<string, Points>}} Chart
 */

/** Of the drawings' coordinates (charts.py). */
export const WIDTH = 340, LEFT = 40, RIGHT = 10, TOP = 10, HEIGHT = 168, BOTTOM = 22;

/** The step at a fraction of the drawing's width. @param {Chart} chart @param {number} fraction */
export function stepAt(chart, fraction) {
  const inside = (fraction * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT);
  return chart.x0 + Math.min(Math.max(inside, 0), 1) * (chart.x1 - chart.x0);
}

/** Where a step is drawn. @param {Chart} chart @param {number} step */
export function placeOf(chart, step) {
  return LEFT + ((step - chart.x0) / (chart.x1 - chart.x0)) * (WIDTH - LEFT - RIGHT);
}

/** The point nearest to a step, by bisection. @param {Points} points @param {number} step */
export function nearest(points, step) {
  let low = 0, high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < step) low = middle + 1;
    else high = middle;
  }
  return low > 0 && step - points[low - 1][0] <= points[low][0] - step ? points[low - 1] : points[low];
}

/** All steps that any curve has. @param {Chart[]} charts */
export function stepsOf(charts) {
  const all = charts.flatMap((chart) => Object.values(chart.series).flatMap((points) => points.map(([x]) => x)));
  return [...new Set(all)].sort((a, b) => a - b);
}

/** What a chart says at a step: `step 12: mean 0.53, longest 20`. @param {Chart} chart @param {number} step */
export function reading(chart, step) {
  const values = Object.entries(chart.series).map(([name, points]) => `${name} ${Number(nearest(points, step)[1].toPrecision(4))}`);
  return `step ${Math.round(step)}: ${values.join(", ")}`;
}

/** @param {HTMLElement} room the charts of one stage */
function watch(room) {
  const drawings = /** @type {SVGSVGElement[]} */ ([...room.querySelectorAll("svg[data-series]")]);
  const charts = drawings.map((svg) => ({
    x0: Number(svg.dataset.x0), x1: Number(svg.dataset.x1), series: JSON.parse(svg.dataset.series ?? "{}"),
  }));
  const steps = stepsOf(charts);
  const marks = drawings.map((svg) => {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    line.setAttribute("class", "hover");
    line.setAttribute("y1", String(TOP));
    line.setAttribute("y2", String(HEIGHT - BOTTOM));
    const words = document.createElement("output");
    svg.append(line);
    svg.closest("figure")?.append(words);
    return { line, words };
  });
  let now = steps.at(-1) ?? 0;
  /** @param {number} step */
  const show = (step) => {
    now = nearest(steps.map((x) => [x, 0]), step)[0];
    charts.forEach((chart, i) => {
      const x = String(placeOf(chart, Math.min(Math.max(now, chart.x0), chart.x1)));
      marks[i].line.setAttribute("x1", x);
      marks[i].line.setAttribute("x2", x);
      marks[i].words.textContent = reading(chart, now);
    });
    room.classList.add("read");
  };
  drawings.forEach((svg, i) => {
    svg.tabIndex = 0;
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      show(stepAt(charts[i], (event.clientX - box.left) / box.width));
    });
    svg.addEventListener("focus", () => show(now));
    svg.addEventListener("keydown", (event) => {
      const at = steps.indexOf(now) + ({ ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0);
      if (event.key.startsWith("Arrow") && steps[at] !== undefined) { event.preventDefault(); show(steps[at]); }
    });
  });
  const hide = () => { if (!room.contains(document.activeElement)) room.classList.remove("read"); };
  room.addEventListener("pointerleave", hide);
  room.addEventListener("focusout", (event) => { if (!room.contains(/** @type {Node | null} */ (event.relatedTarget))) room.classList.remove("read"); });
}

if (typeof document !== "undefined") document.querySelectorAll(".charts").forEach((room) => watch(/** @type {HTMLElement} */ (room)));
