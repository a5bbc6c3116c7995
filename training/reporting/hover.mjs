/**
 * One line over all curves of a stage at the step under the pointer, with the values there; arrow keys move it. Dragging
 * over a chart zooms all of the stage to those steps, and so do the keys + and -; a double click or 0 shows all again.
 * The curves are drawn without it: it reads `data-series`, `data-x0` and `data-x1` of the charts that `charts.py` wrote.
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

/** What happened at a step: the words of the marks of which it is the nearest step. @param {number[]} steps
 * @param {[number, string][]} marks @param {number} step */
export function happenedAt(steps, marks, step) {
  const points = /** @type {Points} */ (steps.map((x) => [x, 0]));
  return marks.filter(([at]) => nearest(points, at)[0] === step).map(([, words]) => words);
}

/** The steps around `step` that are shown when zoomed by a factor, inside of [low, high] and at least two steps wide.
 * @param {[number, number]} shown @param {[number, number]} all @param {number} step @param {number} factor
 * @returns {[number, number]} */
export function zoomed([x0, x1], [low, high], step, factor) {
  const width = Math.min(Math.max((x1 - x0) * factor, 2), high - low), share = (step - x0) / (x1 - x0 || 1);
  const start = Math.min(Math.max(step - share * width, low), high - width);
  return [start, start + width];
}

/** The `viewBox` of a chart's inside that shows these steps. @param {[number, number]} shown @param {[number, number]} all */
export function viewBoxOf([x0, x1], [low, high]) {
  const scale = (WIDTH - LEFT - RIGHT) / (high - low || 1);
  return `${LEFT + (x0 - low) * scale} 0 ${Math.max((x1 - x0) * scale, 1e-3)} ${HEIGHT}`;
}

/** @param {SVGSVGElement} svg @param {[number, number]} shown @param {[number, number]} all */
function redraw(svg, shown, all) {
  svg.querySelector(".plot")?.setAttribute("viewBox", viewBoxOf(shown, all));
  const isZoomed = shown[0] !== all[0] || shown[1] !== all[1];
  svg.classList.toggle("zoomed", isZoomed);
  const texts = /** @type {SVGTextElement[]} */ ([...svg.querySelectorAll(":scope > text")]);
  const labels = texts.filter((text) => Number(text.getAttribute("y")) === HEIGHT - 6), at = [shown[0], (shown[0] + shown[1]) / 2, shown[1]];
  if (labels.length === 3) labels.forEach((text, i) => {
    text.dataset.whole ??= text.textContent ?? "";
    text.textContent = isZoomed ? `${i ? "" : "step "}${Math.round(at[i])}` : text.dataset.whole;
  });
}

/** @param {HTMLElement} room the charts of one stage */
function watch(room) {
  const drawings = /** @type {SVGSVGElement[]} */ ([...room.querySelectorAll("svg[data-series]")]);
  const charts = drawings.map((svg) => ({
    x0: Number(svg.dataset.x0), x1: Number(svg.dataset.x1), series: JSON.parse(svg.dataset.series ?? "{}"),
  }));
  const steps = stepsOf(charts), happened = JSON.parse(room.dataset.marks ?? "[]");
  if (!steps.length) return;
  /** @type {[number, number]} */
  const all = [Math.min(...charts.map((chart) => chart.x0)), Math.max(...charts.map((chart) => chart.x1))];
  const whole = charts.map((chart) => /** @type {[number, number]} */ ([chart.x0, chart.x1]));
  /** @type {[number, number]} */
  let window = all;
  /** @param {[number, number]} next */
  const zoom = (next) => {
    window = next;
    drawings.forEach((svg, i) => {
      [charts[i].x0, charts[i].x1] = next === all ? whole[i] : next;
      redraw(svg, [charts[i].x0, charts[i].x1], whole[i]);
    });
    show(Math.min(Math.max(now, next[0]), next[1]));
  };
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
  /** @param {number} step @param {number} [on] the chart that is read, which says what happened as well */
  const show = (step, on = -1) => {
    now = nearest(steps.map((x) => [x, 0]), step)[0];
    charts.forEach((chart, i) => {
      const x = String(placeOf(chart, Math.min(Math.max(now, chart.x0), chart.x1)));
      marks[i].line.setAttribute("x1", x);
      marks[i].line.setAttribute("x2", x);
      const said = i === on ? happenedAt(steps, happened, now) : [];
      marks[i].words.textContent = [reading(chart, now), ...said].join(" \u00b7 ");
    });
    room.classList.add("read");
  };
  drawings.forEach((svg, i) => {
    svg.tabIndex = 0;
    /** @param {PointerEvent} event */
    const under = (event) => {
      const box = svg.getBoundingClientRect();
      return stepAt(charts[i], (event.clientX - box.left) / box.width);
    };
    const drag = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    /** @type {number | null} */
    let from = null;
    drag.setAttribute("class", "drag");
    drag.setAttribute("y", String(TOP));
    drag.setAttribute("height", String(HEIGHT - TOP - BOTTOM));
    svg.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button) return;
      from = under(event);
      drag.setAttribute("width", "0");
      svg.append(drag);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      const step = under(event);
      show(step, i);
      if (from === null) return;
      const [a, b] = [placeOf(charts[i], from), placeOf(charts[i], step)].sort((x, y) => x - y);
      drag.setAttribute("x", String(a));
      drag.setAttribute("width", String(b - a));
    });
    const end = (/** @type {PointerEvent} */ event) => {
      const [a, b] = [from ?? 0, under(event)].sort((x, y) => x - y);
      if (from !== null && b - a >= 2 && b - a > (charts[i].x1 - charts[i].x0) / 50) zoom([a, b]);
      from = null;
      drag.remove();
    };
    svg.addEventListener("pointerup", end);
    svg.addEventListener("pointercancel", () => { from = null; drag.remove(); });
    svg.addEventListener("dblclick", () => zoom(all));
    svg.addEventListener("focus", () => show(now, i));
    svg.addEventListener("keydown", (event) => {
      const factor = { "+": 0.5, "=": 0.5, "-": 2 }[event.key];
      if (factor) zoom(zoomed(window, all, Math.min(Math.max(now, window[0]), window[1]), factor));
      if (event.key === "0" || event.key === "Escape") zoom(all);
      const at = steps.indexOf(now) + ({ ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0);
      if (event.key.startsWith("Arrow") && steps[at] !== undefined) { event.preventDefault(); show(steps[at], i); }
    });
  });
  const hide = () => { if (!room.contains(document.activeElement)) room.classList.remove("read"); };
  room.addEventListener("pointerleave", hide);
  room.addEventListener("focusout", (event) => { if (!room.contains(/** @type {Node | null} */ (event.relatedTarget))) room.classList.remove("read"); });
}

if (typeof document !== "undefined") {
  const begin = () => document.querySelectorAll(".charts").forEach((room) => watch(/** @type {HTMLElement} */ (room)));
  document.addEventListener("redrawn", begin);
  begin();
}
