/**
 * Elements of the page: bars, tables. And the one way to the API.
 * @module
 */
import { HIDDEN, percent, value } from "/words.js";

/** @typedef {import("./words.js").Attribute} Attribute */

/** @param {string} id @returns {any} */
export const element = (id) => document.getElementById(id);

/**
 * A new element. Text is text: nothing is read as HTML.
 * @param {string} name @param {Record<string, string>} attributes @param {...(Node | string)} inside @returns {HTMLElement}
 */
export function make(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, text] of Object.entries(attributes)) made.setAttribute(key, text);
  made.append(...inside);
  return made;
}

/**
 * @param {string} name @param {Record<string, string | number>} attributes @param {...(Node | string)} inside
 * @returns {SVGElement}
 */
export function draw(name, attributes = {}, ...inside) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, text] of Object.entries(attributes)) made.setAttribute(key, String(text));
  made.append(...inside);
  return made;
}

/** @param {string} path @returns {Promise<any>} */
export async function ask(path) {
  const answer = await fetch(`/api/v1/${path}`);
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.detail), { name: "Problem" });
  return body;
}

/** @param {Attribute} attribute @returns {SVGElement} */
export function bars(attribute) {
  const [height, left, width] = [22, 108, 112];
  const across = (/** @type {number} */ part) => left + part * width;
  const rows = attribute.categories.map((one, row) => {
    const y = row * height;
    const isEstimated = one.share !== null;
    const counted = one.share_naive === null ? HIDDEN : `${percent(one.share_naive)} counted`;
    const label = isEstimated ? percent(one.share) : counted;
    const marks = [
      draw("text", { x: 0, y: y + 15 }, one.category),
      draw("rect", { class: "track", x: left, y: y + 5, width, height: 12 }),
      draw("rect", { class: "bar", x: left, y: y + 5, width: value(one) * width, height: 12 }),
      draw("text", { x: left + width + 8, y: y + 15 }, label),
    ];
    if (one.share_low !== null && one.share_high !== null) {
      const [from, to] = [across(one.share_low), across(one.share_high)];
      const line = `M${from} ${y + 7}v8M${from} ${y + 11}H${to}M${to} ${y + 7}v8`;
      marks.push(draw("path", { class: "interval", d: line, fill: "none" }));
    }
    return draw("g", { class: isEstimated ? "" : "plain" }, ...marks);
  });
  const size = `0 0 320 ${attribute.categories.length * height}`;
  const kind = attribute.calibration_fits === false ? "misfit" : "";
  // The table says the same to a reader that does not see.
  return draw("svg", { viewBox: size, class: kind, "aria-hidden": "true" }, ...rows);
}

/** A column with longer texts than this holds words, not numbers. */
const NUMBER_MAX = 20;

/**
 * @param {string} title @param {string[]} head @param {string[][]} rows @returns {HTMLElement}
 */
export function table(title, head, rows) {
  const kinds = head.map((_, at) => (rows.some((row) => row[at].length > NUMBER_MAX) ? "said" : "number"));
  const cell = (/** @type {string} */ text, /** @type {number} */ at) =>
    at === 0 ? make("th", { scope: "row" }, text) : make("td", { class: kinds[at], "data-head": head[at] }, text);
  // Of a small screen they are too many to stand side by side.
  const isMany = head.length > 3 || kinds.includes("said");
  return make(
    "div",
    { class: isMany ? "wide many" : "wide", tabindex: "0", role: "group", "aria-label": title },
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, ...head.map((text, at) => make("th", { scope: "col", class: kinds[at] }, text)))),
      make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map(cell)))),
    ),
  );
}
