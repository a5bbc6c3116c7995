/**
 * Downloads: every figure as SVG or PNG, its numbers and every table as CSV. Each is made from what the page shows when
 * it is asked for; no request.
 *
 * @typedef {[number, number][]} Points
 */

/** What a drawing must carry with it once it is outside of the page's style sheet. */
const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linejoin",
  "stroke-linecap", "vector-effect", "overflow", "font-size", "font-family"];
export const HEAD = 40, SCALE = 4;
const SVG = "http://www.w3.org/2000/svg";

/** A cell of CSV. A text that a spreadsheet would compute is quoted by an apostrophe. @param {string} text */
export function cell(text) {
  const flat = text.replace(/\s+/g, " ").trim().replace(/^\u2212(?=[\d.]+$)/, "-").replace(/^\u2013$/, ""), safe = /^[=+\-@]/.test(flat) && Number.isNaN(Number(flat)) ? `'${flat}` : flat;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** One row a step, one column a curve. @param {Record<string, Points>} series */
export function curvesAsCsv(series) {
  const names = Object.keys(series), columns = names.map((name) => new Map(series[name]));
  const steps = [...new Set(columns.flatMap((column) => [...column.keys()]))].sort((a, b) => a - b);
  const rows = steps.map((step) => [String(step), ...columns.map((column) => String(column.get(step) ?? ""))]);
  return [["step", ...names.map(cell)], ...rows].map((row) => `${row.join(",")}\n`).join("");
}

/** A value with its interval: `+0.05 [-0.01, 0.11]`. */
const INTERVAL = /^([+\-\u2212]?[\d.]+) \[([+\-\u2212]?[\d.]+), ([+\-\u2212]?[\d.]+)\]$/;

/** A column with intervals as three, so that each cell is a number: `after`, `after low`, `after high`.
 * @param {string[]} column the first is its name @returns {string[][]} */
function inThree([name, ...cells]) {
  const parts = cells.map((one) => INTERVAL.exec(one.trim()));
  if (!parts.some(Boolean)) return [[name, ...cells]];
  const sides = [1, 2, 3].map((i) => parts.map((part, row) => part?.[i] ?? (i === 1 ? cells[row] : "")));
  return [[name, ...sides[0]], [`${name} low`, ...sides[1]], [`${name} high`, ...sides[2]]];
}

/** A table without columns that hold only drawings. @param {string[][]} given the first row is the head */
export function tableAsCsv(given) {
  const columns = (given[0] ?? []).flatMap((_, i) => inThree(given.map((row) => row[i] ?? "")));
  const rows = given.map((_, i) => columns.map((column) => column[i]));
  const kept = (rows[0] ?? []).map((_, i) => rows.length < 2 || rows.slice(1).some((row) => row[i]?.trim()));
  return rows.map((row) => `${row.filter((_, i) => kept[i]).map(cell).join(",")}\n`).join("");
}

/** A file's name from a title: `reward-on-training-prompts`. @param {string} title */
export function fileName(title) {
  return title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "figure";
}

/** The drawing of a figure with its title and legend, complete in itself. @param {HTMLElement} figure @returns {SVGSVGElement} */
function alone(figure) {
  const drawn = /** @type {SVGSVGElement} */ (figure.querySelector("svg")), copy = /** @type {SVGSVGElement} */ (drawn.cloneNode(true));
  const inner = [...copy.querySelectorAll("*")];
  [...drawn.querySelectorAll("*")].forEach((element, i) => {
    const style = getComputedStyle(element);
    const thick = element.closest(".plot") ? `;stroke-width:${parseFloat(style.strokeWidth) * SCALE}px` : "";
    inner[i].setAttribute("style", STYLES.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";") + thick);
    if (element.matches(".hover, .drag")) inner[i].remove();
    inner[i].removeAttribute("class");
  });
  const { width, height } = drawn.viewBox.baseVal, page = getComputedStyle(document.body);
  for (const { name } of [...copy.attributes]) if (name.startsWith("data-") || name === "tabindex" || name === "class") copy.removeAttribute(name);
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("viewBox", `0 ${-HEAD} ${width} ${height + HEAD}`);
  copy.setAttribute("width", String(width * SCALE));
  copy.setAttribute("height", String((height + HEAD) * SCALE));
  /** @param {string} words @param {number} x @param {number} y @param {string} fill @param {number} size */
  const write = (words, x, y, fill, size) => {
    const text = document.createElementNS(SVG, "text");
    text.setAttribute("x", String(x));
    text.setAttribute("y", String(y));
    text.setAttribute("style", `fill:${fill};font:${size}px ${page.fontFamily}`);
    text.textContent = words;
    copy.append(text);
  };
  const paper = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x: 0, y: -HEAD, width, height: height + HEAD, fill: page.backgroundColor })) paper.setAttribute(name, String(value));
  copy.prepend(paper);
  write(figure.querySelector("figcaption")?.firstChild?.textContent ?? "", 6, -24, page.color, 11);
  let x = 6;
  for (const key of figure.querySelectorAll(".key")) {
    const words = key.textContent ?? "";
    write(`\u25a0 ${words}`, x, -9, getComputedStyle(/** @type {Element} */ (key.querySelector("i"))).color, 8.5);
    x += words.length * 4.6 + 20;
  }
  return copy;
}

/** @param {Blob} blob @param {string} name */
function hand(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** @param {HTMLElement} figure */
const asSvg = (figure) => new XMLSerializer().serializeToString(alone(figure));

/** @param {HTMLElement} figure @param {string} name */
function handPng(figure, name) {
  const image = new Image();
  image.addEventListener("load", () => {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    canvas.getContext("2d")?.drawImage(image, 0, 0);
    canvas.toBlob((blob) => { if (blob) hand(blob, `${name}.png`); });
  });
  image.src = `data:image/svg+xml,${encodeURIComponent(asSvg(figure))}`;
}

/** @param {string} words @param {string} label @param {() => void} act */
function button(words, label, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = words;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

/** @param {HTMLElement} figure */
function offer(figure) {
  const title = figure.querySelector("figcaption")?.firstChild?.textContent ?? "", name = fileName(title), { series, bands = "{}" } = figure.querySelector("svg")?.dataset ?? {};
  const tools = document.createElement("span");
  tools.className = "tools";
  tools.append(button("svg", `${title}: save as SVG`, () => hand(new Blob([asSvg(figure)], { type: "image/svg+xml" }), `${name}.svg`)),
    button("png", `${title}: save as PNG`, () => handPng(figure, name)));
  if (series) tools.append(button("csv", `${title}: save as CSV`, () => hand(new Blob([curvesAsCsv({ ...JSON.parse(series), ...JSON.parse(bands) })], { type: "text/csv" }), `${name}.csv`)));
  figure.querySelector("figcaption")?.append(tools);
}

/** @param {HTMLElement} wide a table with its frame */
function offerTable(wide) {
  const title = wide.previousElementSibling?.textContent ?? "table";
  const read = () => {
    let above = "";
    return [...wide.querySelectorAll("tr")].map((row) => {
      const cells = [...row.children].map((one) => one.textContent ?? "");
      if (row.classList.contains("sub")) cells[0] = `${above}/${cells[0]}`;
      else above = cells[0];
      return cells;
    });
  };
  const tools = document.createElement("span");
  tools.className = "tools";
  tools.append(button("csv", `${title}: save as CSV`, () => hand(new Blob([tableAsCsv(read())], { type: "text/csv" }), `${fileName(title)}.csv`)));
  wide.append(tools);
}

if (typeof document !== "undefined") {
  const begin = () => {
    document.querySelectorAll("figure").forEach((figure) => { if (figure.querySelector("svg")) offer(figure); });
    document.querySelectorAll(".wide").forEach((wide) => offerTable(/** @type {HTMLElement} */ (wide)));
  };
  document.addEventListener("redrawn", begin);
  begin();
}
