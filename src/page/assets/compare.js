/**
 * One category of a source beside another source, or beside the week before. Pure but for the elements that it makes.
 * @module
 */
import { chartOf, withGaps } from "/chart.js";
import { make, table } from "/draw.js";
import { compared, difference, interval, leftOut, period, points, whole } from "/words.js";

/**
 * @typedef {import("./words.js").Category} Category
 * @typedef {import("./words.js").Period} Period
 * @typedef {import("./source.js").Series} Series
 * @typedef {{ when: string, start: string, end: string, this: Category | undefined, other: Category | undefined, fits: boolean }} Pair
 */

/**
 * The periods by their names. Of an hour that comes twice, for other windows, the part with more people.
 * @param {Period[]} periods @param {string} step @param {number} days @returns {Map<string, Period>}
 */
function byName(periods, step, days) {
  const found = new Map();
  for (const one of periods) {
    const name = shifted(period(one, step), days);
    const before = found.get(name);
    if (!before || (one.people ?? 0) > (before.people ?? 0)) found.set(name, one);
  }
  return found;
}

/** The same time of the clock, so many days later. @param {string} name @param {number} days @returns {string} */
export function shifted(name, days) {
  if (days === 0) return name;
  const [date, ...time] = name.split(" ");
  const later = new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000);
  return [later.toISOString().slice(0, 10), ...time].join(" ");
}

/**
 * What stands side by side, by the clocks of the two sources.
 * @param {Series} series @param {Series} other @param {number} days The other is so many days older. @param {string} category
 * @returns {Pair[]}
 */
export function pairs(series, other, days, category) {
  const others = byName(other.periods, series.step, days);
  const find = (/** @type {Period | undefined} */ of) => of?.categories.find((one) => one.category === category);
  return [...byName(series.periods, series.step, 0)].map(([when, one]) => {
    const against = others.get(when);
    const fits = one.calibration_fits !== false && against?.calibration_fits !== false;
    return { when, start: one.start, end: one.end, this: find(one), other: find(against), fits };
  });
}

/**
 * The comparison in words, as a chart, and as a table.
 * @param {HTMLElement} place @param {Series} series @param {Series} other @param {number} days @param {string} category
 */
export function showComparison(place, series, other, days, category) {
  const all = pairs(series, other, days, category);
  const name = days === 0 ? other.source : "a week before";
  const known = all.filter((pair) => difference(pair.this, pair.other) !== null);
  const clear = known.filter((pair) => difference(pair.this, pair.other)?.isClear);
  const canvas = make("div", { class: "chart", "aria-hidden": "true" });
  const newest = known[known.length - 1];
  const words = newest
    ? `${newest.when}: ${compared(newest.this, newest.other, name)}`
    : "Nothing can be compared: no period is known of both.";
  const misfits = known.filter((pair) => !pair.fits).length;
  const parts = [make("h3", {}, `${category}, compared with ${name}`), make("p", { class: "words", id: "compared" }, words)];
  if (known.length > 0) {
    const count = `${whole(clear.length)} of ${whole(known.length)} periods differ clearly. Where nothing differs, about 1 in 20 would.`;
    parts.push(make("p", { class: "note" }, `${count} The interval of a difference takes the two as independent.`));
  }
  if (misfits > 0)
    parts.push(make("p", { class: "bad" }, `The calibration does not fit in ${misfits} of them: do not trust their differences.`));
  if (leftOut(other.left_out)) parts.push(make("p", { class: "bad" }, leftOut(other.left_out)));
  const rows = [...all]
    .reverse()
    .map((pair) => [pair.when, interval(pair.this), interval(pair.other), points(difference(pair.this, pair.other))]);
  const head = ["period", series.source, name, "difference, points (95 % interval)"];
  const twin = make("details", { id: "pairs" }, make("summary", {}, "Numbers of the comparison"), table("Comparison", head, rows));
  place.replaceChildren(...parts, canvas, twin);
  const drawn = withGaps(all, { this: undefined, other: undefined });
  const lines = [
    { label: series.source, points: drawn.map((pair) => pair.this) },
    { label: name, points: drawn.map((pair) => pair.other) },
  ];
  chartOf(
    "comparison",
    canvas,
    drawn.map((pair) => pair.start),
    series.periods[0]?.time_zone ?? "UTC",
    lines,
  );
}
