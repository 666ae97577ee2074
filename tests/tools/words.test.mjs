// The sentences of the page. Run by tests/it/page.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  busiest,
  clock,
  compared,
  delayed,
  difference,
  duration,
  feeding,
  interval,
  isUncounted,
  leftOut,
  peopleNow,
  peopleToday,
  percent,
  period,
  points,
  sentence,
  share,
  span,
  trouble,
  viewName,
  waiting,
  warning,
  zoneOf,
} from "../../src/page/assets/words.js";

const hidden = { category: "x", votes: null, share_naive: null, share: null, share_low: null, share_high: null, effective_n: null };
const female = { ...hidden, category: "female", votes: 412, share_naive: 0.5, share: 0.544, share_low: 0.49, share_high: 0.596 };
const view = { view: "1h", from: "2026-11-27T14:00:00Z", until: "2026-11-27T15:00:00Z", faces: 900, attributes: [] };
const gender = (...categories) => ({ attribute: "gender", shown_ratio: 1, shift_p: 0.5, calibration_fits: true, categories });
const now = new Date("2026-11-27T16:00:00Z");

test("a share has its interval, or says that it is only counted, or that it is hidden", () => {
  assert.equal(share(female), "female 54 % (49 to 60 %)");
  assert.equal(share({ ...female, share: null }), "female 50 % (counted, not corrected)");
  assert.equal(share(hidden), "x hidden");
  assert.equal(percent(0), "0 %");
  assert.equal(percent(null), "hidden");
});

test("a sentence names the most frequent category and what is hidden", () => {
  const male = { ...female, category: "male", share: 0.3 };
  const said = sentence(gender(male, female, hidden), view, now);
  const [from, until] = span(view.from, view.until, now);
  assert.equal(said, `Most frequent: female 54 % (49 to 60 %), from 824 votes between ${from} and ${until}. One category is hidden.`);
  assert.equal(sentence(gender(hidden, hidden), view, now), "Too few people: every category is hidden.");
});

test("a counted share is not compared with an estimated one", () => {
  const counted = { ...female, category: "male", share: null, share_naive: 0.9 };
  const said = sentence(gender(counted, female), view, now);
  assert.match(said, /^Most frequent of those that are estimated: female 54 % /);
  assert.match(sentence(gender(counted), view, now), /^Most frequent: male 90 % \(counted, not corrected\)/);
});

test("a span has the dates that are needed, by the clock of its source", () => {
  const at = (from, until) => span(from, until, now, "Europe/Berlin").join(" to ");
  assert.equal(at("2026-11-27T14:00:00Z", "2026-11-27T15:00:00Z"), "15:00 to 16:00");
  assert.equal(at("2026-11-25T23:00:00Z", "2026-11-26T23:00:00Z"), "2026-11-26 00:00 to 2026-11-27 00:00");
  assert.equal(at("2026-11-26T14:00:00Z", "2026-11-26T15:00:00Z"), "2026-11-26 15:00 to 16:00");
  assert.equal(at("2026-11-27T14:00:00Z", "2026-11-27T15:00:07Z"), "15:00:00 to 16:00:07");
  assert.equal(at(null, "2026-11-27T15:00:00Z"), "an unknown time to 16:00:00");
  assert.equal(zoneOf(undefined), "");
  assert.equal(zoneOf("Asia/Kathmandu"), "Times by the clock of Asia/Kathmandu.");
});

test("a time of another day has its date", () => {
  assert.match(clock("2026-11-27T15:00:00Z", now), /^\d\d:\d\d:\d\d$/);
  assert.match(clock("2026-11-20T15:00:00Z", now), /^2026-11-2\d \d\d:\d\d:\d\d$/);
  assert.equal(clock(null, now), "an unknown time");
});

test("a source without a window says what it waits for", () => {
  const source = { source: "lobby", attributes: [], legal_basis: null, people_min: 50, k_total: 10, k_cell: 5, released_until: null };
  assert.match(waiting(source, "1h", "service"), /needs 50 people/);
  assert.match(waiting({ ...source, people_min: 0 }, "1h", "service"), /needs 10 people/);
  assert.match(waiting({ ...source, released_until: view.until }, "1m", "service"), /in the last 1m/);
  assert.match(waiting(source, "1h", "tables"), /have no newest hour of this source/);
});

test("tables have newest periods in place of rolling views", () => {
  assert.deepEqual(
    ["1h", "24h"].map((view) => viewName(view, "tables")),
    ["newest hour", "newest day"],
  );
  assert.equal(viewName("1h", "service"), "last 1h");
});

test("shares that the calibration does not fit carry a warning", () => {
  assert.equal(warning(gender(female)), "");
  assert.match(warning({ ...gender(female), calibration_fits: false }), /does not fit/);
  assert.equal(warning({ ...gender(female), calibration_fits: null }), "");
});

test("files that were left out are counted and named", () => {
  assert.equal(leftOut(undefined), "");
  assert.equal(leftOut({ files: 0, named: [] }), "");
  const cut = { file: "hourly/a.parquet", why: "its end is missing" };
  const said = "1 file of the tables was left out, so numbers may be missing or too small. hourly/a.parquet: its end is missing.";
  assert.equal(leftOut({ files: 1, named: [cut] }), said);
  assert.match(leftOut({ files: 1200, named: [cut, cut, cut, cut] }), /^1,200 files of the tables were left out.* And 1,197 more\.$/);
});

test("a cell of a table has the share and its interval", () => {
  assert.equal(interval(female), "54 % (49 to 60)");
  assert.equal(interval({ ...female, share: null }), "50 % counted");
  assert.equal(interval(hidden), "hidden");
  assert.equal(interval(undefined), "hidden");
});

test("a period is named by the clock of its source", () => {
  const at = (start, time_zone) => ({ start, end: start, covers_until: start, time_zone, people: 1, categories: [] });
  assert.equal(period(at("2026-11-27T22:30:00Z", "Asia/Kolkata"), "hour"), "2026-11-28 04:00");
  assert.equal(period(at("2026-11-27T22:30:00Z", "UTC"), "hour"), "2026-11-27 22:30");
  assert.equal(period(at("2026-11-27T23:00:00Z", "Europe/Berlin"), "day"), "2026-11-28");
});

test("a difference has an interval, and is clear only where the interval says so", () => {
  const other = { ...female, share: 0.484, share_low: 0.43, share_high: 0.54 };
  const found = difference(female, other);
  // Worked out by hand: 0.06 - sqrt(0.054^2 + 0.056^2), 0.06 + sqrt(0.052^2 + 0.054^2).
  assert.ok(Math.abs(found.low - -0.0178) < 1e-4 && Math.abs(found.high - 0.135) < 1e-3, JSON.stringify(found));
  assert.equal(found.isClear, false);
  assert.equal(points(found), "+6 (\u22122 to +13), no clear difference");
  assert.match(compared(female, other, "gate"), /gate: 48 % \(43 to 54\)\. No clear difference \(\u22122 to \+13 points\)/);
  const far = { ...other, share: 0.3, share_low: 0.28, share_high: 0.32 };
  assert.match(compared(female, far, "a week before"), /24 points more than a week before \(\+19 to \+30\)/);
  assert.match(compared(far, female, "gate"), /24 points fewer than gate/);
  assert.equal(difference(far, female).low, -difference(female, far).high);
});

test("what is hidden, unknown or only counted is not compared", () => {
  for (const other of [hidden, undefined, { ...female, share: null }, { ...female, share_low: null }]) {
    assert.equal(difference(female, other), null);
    assert.equal(difference(other, female), null);
    assert.equal(compared(female, other, "gate"), "It is not known of both.");
  }
  assert.equal(points(null), "unknown");
});

const hour = (start, people) => ({ start, people });
const people = {
  newest: { from: "2026-11-27T15:50:00Z", until: "2026-11-27T15:58:00Z", people: 1 },
  date: "2026-11-27",
  time_zone: "Asia/Kolkata",
  today: 1_204,
  hours: [hour("2026-11-27T13:30:00Z", 1_100), hour("2026-11-27T14:30:00Z", 104)],
  since: null,
  has_untracked: false,
};

test("people are said of the newest window, of today, and of the hour with most", () => {
  const [from, until] = ["21:20", "21:28"];
  assert.equal(peopleNow(people, "service", now), `Newest window: 1 person, ${from} to ${until}.`);
  assert.equal(peopleNow(people, "tables", now), `Newest hour: 1 person, ${from} to ${until}.`);
  assert.equal(peopleNow({ ...people, newest: null }, "service", now), "");
  assert.equal(peopleToday(people, now), "Today: 1,204 people.");
  // In India it is tomorrow by then.
  assert.equal(peopleToday(people, new Date("2026-11-27T19:00:00Z")), "2026-11-27: 1,204 people.");
  const most = "1,204 people in the last 24 hours; most in the hour from 2026-11-27 19:00: 1,100.";
  assert.equal(busiest(people, "service"), most);
  assert.equal(busiest({ ...people, hours: [] }, "tables"), "Nobody in the 24 hours up to the newest one.");
  // Of faces without a track id nobody knows how many people they are.
  const more = { ...people, has_untracked: true };
  assert.equal(peopleToday(more, now), "Today: at least 1,204 people.");
  assert.deepEqual([people, more, { ...more, hours: [hour("2026-11-27T13:30:00Z", 0)] }].map(isUncounted), [false, false, true]);
});

test("delays are bounds, and nothing is said before there is something", () => {
  const delay = { faces: 1_234, mean_seconds: 0.31, p50_within_seconds: 0.25, p99_within_seconds: null };
  const said =
    "In the last 60 s 1,234 faces were estimated, 310 ms after their record's timestamp on average: " +
    "half of them took at most 250 ms, 99 of 100 more than 60 s.";
  assert.equal(delayed(delay, 60), said);
  assert.equal(delayed(null, 60), "In the last 60 s no face was estimated.");
  assert.equal(delayed(null, 0), "Delay: not known yet.");
  assert.deepEqual([0.0004, 2.5, 119, 600, 86_400].map(duration), ["0 ms", "2.5 s", "119 s", "10 min", "24 h"]);
});

test("a peer that is away is named, and why", () => {
  const peer = { instance: "http://gate:9464", away_since: "2026-11-27T15:50:00Z", why: "connection refused" };
  const since = clock(peer.away_since, new Date());
  assert.equal(trouble(peer), `http://gate:9464 does not answer since ${since}: connection refused.`);
  assert.equal(trouble({ ...peer, away_since: null, why: null }), "");
  // So is what feeds a source, where it is down.
  const input = { source: "gate", condition: "down", state: "unreachable", since: peer.away_since, reason: "Nobody answers.", figures: [] };
  assert.equal(feeding(input, now), `Input down since ${clock(peer.away_since, now)}: Nobody answers.`);
  assert.equal(feeding({ ...input, condition: "up", reason: null }, now), `Input up since ${clock(peer.away_since, now)}.`);
});
