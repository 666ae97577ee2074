/**
 * The history of one source: hours and days over a span, and the rules that hold for it.
 * @module
 */
import { ask, draw, element, make, table } from "/draw.js";
import { clock, interval, period, whole } from "/words.js";

/**
 * @typedef {import("./words.js").Category} Category
 * @typedef {import("./words.js").Source} Source
 * @typedef {import("./words.js").Period} Period
 * @typedef {{ source: string, attribute: string, step: string, from: string, to: string, periods: Period[] }} Series
 */

/** Colours that differ for colour-blind people (Okabe and Ito 2008), on light and on dark. */
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c8c"];
const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const HOURS = [...Array(24).keys()];

/** The source on the screen. */
let shown = "";
/** The peer that shows it; empty: this instance. */
let instance = "";
/** @type {any} */ let chart = null;

/** @param {Series} series @returns {string[]} */
const categories = (series) => series.periods.find((one) => one.categories.length > 0)?.categories.map((one) => one.category) ?? [];

/** @param {Period} of @param {string} name @returns {Category | undefined} */
const find = (of, name) => of.categories.find((one) => one.category === name);

/** The periods, with an empty one where hours are missing: no line is drawn over them. @param {Period[]} periods @returns {Period[]} */
const withGaps = (periods) =>
  periods.flatMap((one, at) => {
    const before = periods[at - 1];
    const isGap = before !== undefined && Date.parse(before.end) < Date.parse(one.start);
    return isGap ? [{ ...before, start: before.end, categories: [] }, one] : [one];
  });

/** The chart of shares with their intervals. @param {Series} series @param {HTMLElement} place */
function plot(series, place) {
  const names = categories(series);
  const periods = withGaps(series.periods);
  const times = periods.map((one) => Date.parse(one.start) / 1000);
  const column = (/** @type {string} */ name, /** @type {"share" | "share_low" | "share_high"} */ key) =>
    periods.map((one) => {
      const share = find(one, name)?.[key] ?? null;
      return share === null ? null : share * 100;
    });
  const text = getComputedStyle(document.body).color;
  const axis = { stroke: text, grid: { stroke: "#8886", width: 1 }, ticks: { stroke: "#8886" } };
  const value = (/** @type {any} */ _, /** @type {number | null} */ share) => (share === null ? "hidden" : `${share.toFixed(0)} %`);
  const lines = names.flatMap((label, at) => {
    const stroke = COLOURS[at % COLOURS.length];
    const end = { stroke: "transparent", points: { show: false }, class: "end", label: `${label} interval`, value };
    return [{ label, stroke, width: 2, value, points: { show: true } }, end, end];
  });
  const bands = names.map((_, at) => ({ series: [3 * at + 2, 3 * at + 3], fill: `${COLOURS[at % COLOURS.length]}33` }));
  const data = [times, ...names.flatMap((name) => [column(name, "share"), column(name, "share_high"), column(name, "share_low")])];
  const zone = series.periods[0]?.time_zone ?? "UTC";
  const size = { width: Math.max(place.clientWidth, 280), height: 280 };
  const UPlot = /** @type {any} */ (globalThis).uPlot;
  chart?.destroy();
  chart = new UPlot(
    {
      ...size,
      tzDate: (/** @type {number} */ seconds) => UPlot.tzDate(new Date(seconds * 1000), zone),
      scales: { y: { range: [0, 100] } },
      axes: [axis, { ...axis, label: "share, %", size: 50 }],
      series: [{ label: "time" }, ...lines],
      bands,
    },
    data,
    place,
  );
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
  const rows = DAYS.map((name, day) => [name, ...HOURS.map((hour) => (mean(day, hour) === null ? "" : whole(Math.round(mean(day, hour) ?? 0))))]);
  return make(
    "div",
    {},
    make("h3", {}, "Votes by hour of the week, mean"),
    draw("svg", { viewBox: "0 0 420 132", "aria-hidden": "true", class: "week" }, ...boxes, ...hours),
    make("details", {}, make("summary", {}, "Numbers by hour of the week"), table("Votes by hour of the week", ["day", ...HOURS.map(String)], rows)),
  );
}

/** @param {Series} series @returns {HTMLElement} */
function numbers(series) {
  const names = categories(series);
  const head = ["period", "votes", ...names];
  const rows = [...series.periods].reverse().map((one) => [
    period(one, series.step),
    one.people === null ? "hidden" : whole(one.people),
    ...names.map((name) => interval(find(one, name))),
  ]);
  return make("details", { id: "periods" }, make("summary", {}, "Numbers of the chart"), table(`Shares by ${series.step}`, head, rows));
}

/** @param {Source} source @param {{ policy: string, model: string, calibration: string | null }} of @returns {HTMLElement} */
function rules(source, of) {
  const rows = [
    ["estimated", source.attributes.join(", ")],
    ["legal basis for ethnicity", source.legal_basis ?? "none: it is not estimated"],
    ["people in a window", whole(source.people_min)],
    ["fewest people shown", `${source.k_total} in a window, ${source.k_cell} in a category`],
    ["newest released window", source.released_until === null ? "none lately" : clock(source.released_until, new Date())],
    ["policy", of.policy],
    ["model", of.model],
    ["calibration", of.calibration ?? "none"],
  ];
  return make("div", {}, make("h3", {}, "Rules in force"), table("Rules in force", ["rule", "value"], rows));
}

async function showHistory() {
  const query = new URLSearchParams({ source: shown, attribute: element("attribute").value, step: element("step").value });
  for (const end of ["from", "to"]) if (element(end).value) query.set(end, element(end).value);
  if (instance) query.set("instance", instance);
  element("csv").href = `/api/v1/series?${query}&format=csv`;
  const place = element("history");
  /** @type {Series} */ let series;
  try {
    series = await ask(`series?${query}`);
  } catch (error) {
    place.replaceChildren(make("p", { class: "bad" }, /** @type {Error} */ (error).message));
    return;
  }
  for (const end of /** @type {const} */ (["from", "to"])) element(end).value = series[end];
  if (series.periods.length === 0) {
    place.replaceChildren(make("p", {}, "No hour or day of this span is finished yet. An hour appears when its last window has ended."));
    return;
  }
  const misfits = series.periods.filter((one) => one.calibration_fits === false).length;
  const warned = misfits === 0 ? [] : [make("p", { class: "bad" }, `The calibration does not fit in ${misfits} of ${series.periods.length} periods: do not trust their shares.`)];
  const canvas = make("div", { class: "chart", "aria-hidden": "true" });
  place.replaceChildren(...warned, canvas, numbers(series), ...(series.step === "hour" ? [week(series)] : []));
  plot(series, canvas);
}

/** Shows a source. @param {string} name @returns {Promise<void>} */
export async function showSource(name) {
  element("source-title").textContent = name;
  const answer = await ask(`sources?${new URLSearchParams({ source: name })}`);
  const [source] = answer.sources;
  if (!source) {
    element("history").replaceChildren(make("p", { class: "bad" }, "There is no such source."));
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

element("asked").addEventListener("change", showHistory);
element("asked").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
