/**
 * People of a source: in its newest window, today, and by hour. In words, as bars, and as a table.
 * @module
 */
import { draw, make, table } from "/draw.js";
import { clock, hourName, isUncounted, peopleNow, peopleToday, busiest, whole } from "/words.js";

/**
 * @typedef {import("./words.js").People} People
 * @typedef {import("./words.js").Origin} Origin
 */

const HOUR = 3_600_000;
const HOURS = 24;

/**
 * The bars of the last 24 hours up to the newest one, as [start, people]; where no window began, nobody is known.
 * @param {People} people @param {number} now Milliseconds. @returns {[number, number | null][]}
 */
export function slots(people, now) {
  const starts = people.hours.map((hour) => Date.parse(hour.start));
  // Where a clock is half an hour ahead, hours begin at half past.
  const phase = starts.length > 0 ? starts[starts.length - 1] % HOUR : 0;
  const last = now - ((((now - phase) % HOUR) + HOUR) % HOUR);
  return [...Array(HOURS).keys()].map((at) => {
    const start = last - (HOURS - 1 - at) * HOUR;
    // An hour in which a clock was set may begin later.
    const inside = people.hours.filter((_, index) => starts[index] >= start && starts[index] < start + HOUR);
    return [start, inside.length === 0 ? null : inside.reduce((sum, hour) => sum + hour.people, 0)];
  });
}

/**
 * @param {string} source @param {People} people @param {Origin} origin @param {string} at When the picture was taken.
 * @param {(key: string) => boolean} isOpen @returns {HTMLElement}
 */
export function peopleOf(source, people, origin, at, isOpen) {
  if (isUncounted(people)) {
    const words = "Faces voted without track ids: how many people they are is not known.";
    return make("div", { class: "people" }, make("p", { class: "words" }, words));
  }
  const newest = people.hours[people.hours.length - 1]?.start ?? at;
  const all = slots(people, Date.parse(origin === "tables" ? newest : at));
  const most = Math.max(1, ...all.map(([, count]) => count ?? 0));
  const bars = all.map(([, count], hour) => {
    const height = count === null ? 0 : Math.max(1, (count / most) * 36);
    return draw("rect", { class: "bar", x: hour * 13, y: 38 - height, width: 11, height });
  });
  const line = draw("path", { class: "interval", d: "M0 38.5H311", fill: "none" });
  const svg = draw("svg", { viewBox: "0 0 312 40", class: "spark", "aria-hidden": "true" }, ...bars, line);
  const key = `${source} people`;
  const rows = people.hours.map((hour) => [hourName(hour.start, people.time_zone), whole(hour.people)]);
  const title = `people by hour at ${source}`;
  const twin = make("details", { "data-key": key }, make("summary", {}, `Numbers of ${title}`), table(title, ["hour", "people"], rows));
  if (isOpen(key)) twin.setAttribute("open", "");
  const now = new Date(at);
  const words = [peopleNow(people, origin, now), peopleToday(people, now)];
  if (people.has_untracked) words.push("Faces without a track id voted, too.");
  if (people.since !== null) words.push(`Windows released before ${clock(people.since, now, people.time_zone)} may be missing here.`);
  return make(
    "div",
    { class: "people" },
    make("p", { class: "words" }, words.join(" ")),
    make("p", {}, busiest(people, origin)),
    svg,
    twin,
  );
}
