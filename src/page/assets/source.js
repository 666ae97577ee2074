/**
 * The history of one source: hours and days over a span, and the rules that hold for it.
 * @module
 */
import { chartOf, withGaps } from "/chart.js";
import { shifted, showComparison } from "/compare.js";
import { ask, draw, element, make, table } from "/draw.js";
import { clock, interval, leftOut, period, whole } from "/words.js";

/**
 * @typedef {import("./words.js").Category} Category
 * @typedef {import("./words.js").Source} Source
 * @typedef {import("./words.js").Period} Period
 * @typedef {{ source: string, attribute: string, step: string, from: string, to: string, periods: Period[],
 *   left_out?: import("./words.js").LeftOut }} Series
 */

const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const HOURS = [...Array(24).keys()];

/** The source on the screen. */
let shown = "";
/** The series on the screen. @type {Series | null} */ let series = null;
/** The peer that shows the source; empty: this instance. */
let instance = "";

/** @param {Series} series @returns {string[]} */
const categories = (series) => series.periods.find((one) => one.categories.length > 0)?.categories.map((one) => one.category) ?? [];

/** @param {Period} of @param {string} name @returns {Category | undefined} */
const find = (of, name) => of.categories.find((one) => one.category === name);

/** The chart of shares with their intervals. @param {Series} series @param {HTMLElement} place */
function plot(series, place) {
  const periods = withGaps(series.periods, { categories: [] });
  const times = periods.map((one) => one.start);
  const lines = categories(series).map((label) => ({ label, points: periods.map((one) => find(one, label)) }));
  chartOf("history", place, times, series.periods[0]?.time_zone ?? "UTC", lines);
}

/** People by hour of the week. @param {Series} series @returns {HTMLElement} */
function week(series) {
  const sums = DAYS.map(() => HOURS.map(() => 0));
  const counts = DAYS.map(() => HOURS.map(() => 0));
  // An hour may come twice, for other windows.
  const seen = new Set();
  for (const one of series.periods) {
    if (one.people === null) continue;
    const parts = new Intl.DateTimeFormat("en-GB", { timeZone: one.time_zone, weekday: "long", hour: "2-digit", hourCycle: "h23" });
    const said = Object.fromEntries(parts.formatToParts(new Date(one.start)).map((part) => [part.type, part.value]));
    const day = DAYS.indexOf(said.weekday);
    sums[day][Number(said.hour)] += one.people;
    if (!seen.has(one.start)) counts[day][Number(said.hour)] += 1;
    seen.add(one.start);
  }
  const mean = (/** @type {number} */ day, /** @type {number} */ hour) =>
    counts[day][hour] === 0 ? null : sums[day][hour] / counts[day][hour];
  const most = Math.max(1, ...DAYS.flatMap((_, day) => HOURS.map((hour) => mean(day, hour) ?? 0)));
  const boxes = DAYS.flatMap((name, day) => [
    draw("text", { x: 0, y: day * 16 + 12 }, name.slice(0, 3)),
    ...HOURS.map((hour) => {
      const people = mean(day, hour);
      const box = { x: 34 + hour * 16, y: day * 16, width: 15, height: 15, class: "bar", "fill-opacity": (people ?? 0) / most };
      return draw("rect", people === null ? { ...box, class: "track" } : box);
    }),
  ]);
  const hours = HOURS.filter((hour) => hour % 6 === 0).map((hour) => draw("text", { x: 34 + hour * 16, y: 128 }, `${hour}:00`));
  const rows = DAYS.map((name, day) => [
    name,
    ...HOURS.map((hour) => (mean(day, hour) === null ? "" : whole(Math.round(mean(day, hour) ?? 0)))),
  ]);
  return make(
    "div",
    {},
    make("h3", {}, "Votes by hour of the week, mean"),
    draw("svg", { viewBox: "0 0 420 132", "aria-hidden": "true", class: "week" }, ...boxes, ...hours),
    make(
      "details",
      {},
      make("summary", {}, "Numbers by hour of the week"),
      table("Votes by hour of the week", ["day", ...HOURS.map(String)], rows),
    ),
  );
}

/** @param {Series} series @returns {HTMLElement} */
function numbers(series) {
  const names = categories(series);
  const head = ["period", "votes", ...names];
  const rows = [...series.periods]
    .reverse()
    .map((one) => [
      period(one, series.step),
      one.people === null ? "hidden" : whole(one.people),
      ...names.map((name) => interval(find(one, name))),
    ]);
  return make("details", { id: "periods" }, make("summary", {}, "Numbers of the chart"), table(`Shares by ${series.step}`, head, rows));
}

/** The models and policies whose rows these are. @param {Series} series @returns {HTMLElement} */
function made(series) {
  const all = (/** @type {"model" | "policy"} */ key) => [...new Set(series.periods.map((one) => one[key]))].join(", ");
  const rows = [
    ["model", all("model")],
    ["policy", all("policy")],
  ];
  return make(
    "details",
    { id: "made" },
    make("summary", {}, "Model and policy of this span"),
    table("Model and policy", ["what", "id"], rows),
  );
}

const bad = (/** @type {string} */ text) => (text === "" ? [] : [make("p", { class: "bad" }, text)]);
const known = (/** @type {number | null} */ number) => (number === null ? "unknown" : whole(number));

/** @param {Source} source @param {{ origin: string, policy: string | null, model: string | null, calibration: string | null }} of @returns {HTMLElement} */
function rules(source, of) {
  // Tables do not hold the rules. What they hide stays hidden.
  if (of.origin === "tables") return make("div", {});
  const rows = [
    ["estimated", source.attributes.join(", ")],
    ["legal basis for ethnicity", source.legal_basis ?? "none: it is not estimated"],
    ["people in a window", known(source.people_min)],
    ["fewest people shown", `${known(source.k_total)} in a window, ${known(source.k_cell)} in a category`],
    ["newest released window", source.released_until === null ? "none lately" : clock(source.released_until, new Date())],
    ["policy", of.policy ?? ""],
    ["model", of.model ?? ""],
    ["calibration", of.calibration ?? "none"],
  ];
  return make("div", {}, make("h3", {}, "Rules in force"), table("Rules in force", ["rule", "value"], rows));
}

/**
 * The address of a series.
 * @param {string} source @param {string} instance @param {number} days So many days before the span. @returns {string}
 */
function address(source, instance, days) {
  const query = new URLSearchParams({ source, attribute: element("attribute").value, step: element("step").value });
  for (const end of ["from", "to"]) if (element(end).value) query.set(end, shifted(element(end).value, -days));
  if (instance) query.set("instance", instance);
  return `series?${query}`;
}

async function showHistory() {
  element("csv").href = `/api/v1/${address(shown, instance, 0)}&format=csv`;
  const place = element("history");
  series = null;
  element("comparison").replaceChildren();
  /** @type {Series} */ let found;
  try {
    found = await ask(address(shown, instance, 0));
  } catch (error) {
    place.replaceChildren(...bad(/** @type {Error} */ (error).message));
    return;
  }
  for (const end of /** @type {const} */ (["from", "to"])) element(end).value = found[end];
  const missing = bad(leftOut(found.left_out));
  if (found.periods.length === 0) {
    place.replaceChildren(
      ...missing,
      make("p", {}, "No hour or day of this span is finished yet. An hour appears when its last window has ended."),
    );
    return;
  }
  const misfits = found.periods.filter((one) => one.calibration_fits === false).length;
  const misfit = `The calibration does not fit in ${misfits} of ${found.periods.length} periods: do not trust their shares.`;
  const warned = [...missing, ...bad(misfits === 0 ? "" : misfit)];
  const canvas = make("div", { class: "chart", "aria-hidden": "true" });
  place.replaceChildren(...warned, canvas, numbers(found), ...(found.step === "hour" ? [week(found)] : []), made(found));
  plot(found, canvas);
  series = found;
  const names = categories(found);
  const select = element("category");
  if (select.dataset.options !== names.join()) {
    select.dataset.options = names.join();
    select.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
  }
  await showAgainst();
}

/** The chosen category beside another source or the week before. */
async function showAgainst() {
  const against = element("against").value;
  element("other-label").hidden = against !== "source";
  const place = element("comparison");
  const other = against === "source" ? element("other").value : shown;
  if (against === "" || other === "" || series === null) {
    place.replaceChildren();
    return;
  }
  const days = against === "week" ? 7 : 0;
  const asked = series;
  try {
    const known = await ask(`sources?${new URLSearchParams({ source: other })}`);
    if (known.sources.length === 0) throw new Error(`There is no source ${other}.`);
    const found = await ask(address(other, known.sources[0].instance ?? "", days));
    // Another span may have been chosen meanwhile.
    if (asked === series) showComparison(place, series, found, days, element("category").value);
  } catch (error) {
    place.replaceChildren(make("p", { class: "bad" }, /** @type {Error} */ (error).message));
  }
}

/** Names that fit what is typed. */
async function suggest() {
  const answer = await ask(`sources?${new URLSearchParams({ search: element("other").value, limit: "20" })}`);
  element("others").replaceChildren(...answer.sources.map((/** @type {Source} */ one) => make("option", { value: one.source })));
}

/** Shows a source. @param {string} name @returns {Promise<void>} */
export async function showSource(name) {
  element("source-title").textContent = name;
  const answer = await ask(`sources?${new URLSearchParams({ source: name })}`);
  const [source] = answer.sources;
  if (!source) {
    element("history").replaceChildren(make("p", { class: "bad" }, "There is no such source."));
    element("comparison").replaceChildren();
    element("policy").replaceChildren();
    return;
  }
  if (shown !== name) {
    shown = name;
    element("attribute").replaceChildren(...source.attributes.map((/** @type {string} */ one) => make("option", { value: one }, one)));
    if (source.attributes.includes("gender")) element("attribute").value = "gender";
  }
  instance = source.instance ?? "";
  element("policy").replaceChildren(rules(source, answer));
  await showHistory();
}

element("compare").addEventListener("change", showAgainst);
element("compare").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
element("other").addEventListener("input", () => suggest().catch(() => {}));
element("asked").addEventListener("change", showHistory);
element("asked").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
