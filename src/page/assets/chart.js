/**
 * Charts of shares over time, drawn by uPlot. Their table twins say the same.
 * @module
 */

/**
 * @typedef {{ share: number | null, share_low: number | null, share_high: number | null }} Point
 * @typedef {{ label: string, points: (Point | undefined)[] }} Line
 */

/** Colours that differ for colour-blind people (Okabe and Ito 2008), on light and on dark. */
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c8c"];

/** The clock of a zone, such as 2026-11-27 14:00. @param {string} zone */
function clockOf(zone) {
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" });
  const time = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeStyle: "short" });
  return (/** @type {number} */ seconds) => [day.format(seconds * 1000), time.format(seconds * 1000)];
}

/**
 * The periods, with an empty one where some are missing: no line is drawn over them.
 * @template {{ start: string, end: string }} T @param {T[]} periods @param {Partial<T>} empty @returns {T[]}
 */
export const withGaps = (periods, empty) =>
  periods.flatMap((one, at) => {
    const before = periods[at - 1];
    const isGap = before !== undefined && Date.parse(before.end) < Date.parse(one.start);
    return isGap ? [{ ...before, start: before.end, ...empty }, one] : [one];
  });

/** The chart in each place, by its name. @type {Map<string, any>} */
const charts = new Map();

/**
 * Lines of shares with their intervals as bands. A point that is not known has no line.
 * @param {string} name @param {HTMLElement} place @param {string[]} times When each point is. @param {string} zone @param {Line[]} lines
 */
export function chartOf(name, place, times, zone, lines) {
  const column = (/** @type {Line} */ line, /** @type {keyof Point} */ key) =>
    line.points.map((point) => (point === undefined || point[key] === null ? null : point[key] * 100));
  const text = getComputedStyle(document.body).color;
  const axis = { stroke: text, grid: { stroke: "#8886", width: 1 }, ticks: { stroke: "#8886" } };
  // Below the chart: the values under the pointer. Without a pointer `at` is null.
  const value = (/** @type {any} */ _, /** @type {number | null} */ share, /** @type {number} */ __, /** @type {number | null} */ at) => {
    if (at === null) return "";
    return share === null ? "hidden" : `${share.toFixed(0)} %`;
  };
  const series = lines.flatMap(({ label }, at) => {
    const stroke = COLOURS[at % COLOURS.length];
    const end = { stroke: "transparent", points: { show: false }, class: "end", label: `${label} interval`, value };
    return [{ label, stroke, width: 2, value, points: { show: true } }, end, end];
  });
  const bands = lines.map((_, at) => ({ series: [3 * at + 2, 3 * at + 3], fill: `${COLOURS[at % COLOURS.length]}33` }));
  const columns = lines.flatMap((line) => [column(line, "share"), column(line, "share_high"), column(line, "share_low")]);
  const clock = clockOf(zone);
  // The date stands where a new one begins.
  const ticks = (/** @type {any} */ _, /** @type {number[]} */ seconds) =>
    seconds.map((one, at) => {
      const [day, time] = clock(one);
      const isNew = at === 0 || clock(seconds[at - 1])[0] !== day;
      return isNew ? `${time}\n${day}` : time;
    });
  const moment = (/** @type {any} */ _, /** @type {number | null} */ seconds) => (seconds === null ? "" : clock(seconds).join(" "));
  const UPlot = /** @type {any} */ (globalThis).uPlot;
  // It listens to the window: a chart that is not destroyed stays.
  charts.get(name)?.destroy();
  const chart = new UPlot(
    {
      width: Math.max(place.clientWidth, 280),
      height: 280,
      tzDate: (/** @type {number} */ seconds) => UPlot.tzDate(new Date(seconds * 1000), zone),
      scales: { y: { range: [0, 100] } },
      axes: [
        { ...axis, values: ticks, space: 80 },
        { ...axis, label: "share, %", size: 50 },
      ],
      series: [{ label: "time", value: moment }, ...series],
      bands,
    },
    [times.map((time) => Date.parse(time) / 1000), ...columns],
    place,
  );
  charts.set(name, chart);
}
