/**
 * Numbers in words. Pure functions: no page, no clock.
 * @module
 */

/**
 * @typedef {{ category: string, votes: number | null, share_naive: number | null, share: number | null,
 *   share_low: number | null, share_high: number | null, effective_n: number | null }} Category
 * @typedef {{ attribute: string, shown_ratio: number | null, shift_p: number | null, calibration_fits: boolean | null,
 *   categories: Category[] }} Attribute
 * @typedef {{ view: string, from: string | null, until: string | null, faces: number | null, attributes: Attribute[] }} View
 * @typedef {{ start: string, end: string, covers_until: string, time_zone: string, people: number | null,
 *   shown_ratio: number | null, calibration_fits: boolean | null, suppressed: boolean, model: string, policy: string, categories: Category[] }} Period
 * @typedef {{ source: string, attributes: string[], legal_basis: string | null, people_min: number | null, k_total: number | null,
 *   k_cell: number | null, released_until: string | null, instance?: string | null }} Source
 * @typedef {"service" | "tables"} Origin
 * @typedef {{ files: number, named: { file: string, why: string }[] }} LeftOut
 * @typedef {{ instance: string, away_since: string | null, why: string | null }} Peer
 * @typedef {{ source: string, condition: string, state: string, since: string, reason: string | null, figures: { name: string, number: number }[] }} Input
 * @typedef {{ newest: { from: string, until: string, people: number } | null, date: string, time_zone: string, today: number,
 *   hours: { start: string, people: number }[], since: string | null, has_untracked: boolean }} People
 */

/** Hidden and unknown values. */
export const HIDDEN = "hidden";

/** @param {number | null} share @returns {string} */
export const percent = (share) => (share === null ? HIDDEN : `${Math.round(share * 100)} %`);

/** @param {number} number @returns {string} */
export const whole = (number) => number.toLocaleString("en");

/**
 * The time of day, and the date where it is another day than `now`.
 * @param {string | null} time @param {Date} now @param {string} [zone] Whose clock; the reader's where it is left out. @returns {string}
 */
export function clock(time, now, zone) {
  if (time === null) return "an unknown time";
  const date = new Date(time);
  const [day, today] = [date, now].map((one) => one.toLocaleDateString("en-CA", { timeZone: zone }));
  const hour = date.toLocaleTimeString("en-GB", { timeZone: zone });
  return day === today ? hour : `${day} ${hour}`;
}

/**
 * From when to when. The end has its date where the start has another one.
 * @param {string | null} from @param {string | null} until @param {Date} now @param {string} [zone] @returns {[string, string]}
 */
export function span(from, until, now, zone) {
  const ends = [clock(from, now, zone), clock(until, from === null ? now : new Date(from), zone)];
  // Whole minutes need no seconds.
  const end = ends.every((one) => /\d:00$/.test(one)) ? -3 : undefined;
  return [ends[0].slice(0, end), ends[1].slice(0, end)];
}

/** Whose clock a source's times go by, where it is not the reader's. @param {string | undefined} zone @returns {string} */
export function zoneOf(zone) {
  const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  return zone === undefined || zone === own ? "" : `Times by the clock of ${zone}.`;
}

/**
 * "male 54 % (49 to 60 %)"; where there is no estimate, the counted share.
 * @param {Category} one @returns {string}
 */
export function share(one) {
  if (one.share !== null && one.share_low !== null && one.share_high !== null) {
    const [low, high] = [one.share_low, one.share_high].map((end) => Math.round(end * 100));
    return `${one.category} ${percent(one.share)} (${low} to ${high} %)`;
  }
  if (one.share_naive !== null) return `${one.category} ${percent(one.share_naive)} (counted, not corrected)`;
  return `${one.category} ${HIDDEN}`;
}

/**
 * A sentence about one attribute of a view.
 * @param {Attribute} attribute @param {View} view @param {Date} now @param {string} [zone] @returns {string}
 */
export function sentence(attribute, view, now, zone) {
  const shown = attribute.categories.filter((one) => one.share !== null || one.share_naive !== null);
  if (shown.length === 0) return "Too few people: every category is hidden.";
  const votes = attribute.categories.reduce((sum, one) => sum + (one.votes ?? 0), 0);
  // Counted shares are not compared with estimated ones.
  const estimated = shown.filter((one) => one.share !== null);
  const first = [...(estimated.length > 0 ? estimated : shown)].sort((a, b) => value(b) - value(a))[0];
  const isAll = estimated.length === 0 || estimated.length === shown.length;
  const name = isAll ? "Most frequent" : "Most frequent of those that are estimated";
  const others = attribute.categories.length - shown.length;
  const hidden = others === 0 ? "" : ` ${others === 1 ? "One category is" : `${others} categories are`} hidden.`;
  const [from, until] = span(view.from, view.until, now, zone);
  return `${name}: ${share(first)}, from ${whole(votes)} votes between ${from} and ${until}.${hidden}`;
}

/** What a bar shows. @param {Category} one @returns {number} */
export const value = (one) => one.share ?? one.share_naive ?? 0;

/**
 * What a view is called: the rolling view of a service, or a period of tables.
 * @param {string} view @param {Origin} origin @returns {string}
 */
export function viewName(view, origin) {
  if (origin === "service") return `last ${view}`;
  return view === "24h" ? "newest day" : "newest hour";
}

/**
 * Why a source shows nothing.
 * @param {Source} source @param {string} view @param {Origin} origin @returns {string}
 */
export function waiting(source, view, origin) {
  if (origin === "tables") return `The tables have no ${viewName(view, origin)} of this source. Choose the other view.`;
  if (source.released_until !== null) return `No window was released in the last ${view}. Choose a longer view.`;
  const people = source.people_min || source.k_total || 0;
  return `No window is released yet: one needs ${whole(people)} people with track ids.`;
}

/**
 * A warning where the calibration does not fit.
 * @param {Attribute} attribute @returns {string}
 */
export const warning = (attribute) =>
  attribute.calibration_fits === false
    ? "The calibration does not fit these faces: do not trust these shares. Calibrate for this camera."
    : "";

/**
 * A share with its interval, short enough for a table.
 * @param {Category | undefined} one @returns {string}
 */
export function interval(one) {
  if (one === undefined) return HIDDEN;
  if (one.share === null || one.share_low === null || one.share_high === null) {
    return one.share_naive === null ? HIDDEN : `${percent(one.share_naive)} counted`;
  }
  const [low, high] = [one.share_low, one.share_high].map((end) => Math.round(end * 100));
  return `${percent(one.share)} (${low} to ${high})`;
}

/**
 * When a period is, by the clock of its source.
 * @param {Period} of @param {string} step @returns {string}
 */
export function period(of, step) {
  if (step === "hour") return hourName(of.start, of.time_zone);
  return new Date(of.start).toLocaleDateString("en-CA", { timeZone: of.time_zone });
}

/**
 * @typedef {{ share: number, low: number, high: number, isClear: boolean }} Difference
 */

/**
 * One estimated share less another, with its 95 % interval: that of two independent estimates, from both intervals (MOVER;
 * Newcombe 1998). Counted shares are not compared: the model's errors differ.
 * @param {Category | undefined} a @param {Category | undefined} b @returns {Difference | null}
 */
export function difference(a, b) {
  const [one, other] = [estimate(a), estimate(b)];
  if (one === null || other === null) return null;
  const share = one.share - other.share;
  const low = share - Math.hypot(one.share - one.low, other.high - other.share);
  const high = share + Math.hypot(one.high - one.share, other.share - other.low);
  return { share, low, high, isClear: low > 0 || high < 0 };
}

/** @param {Category | undefined} one */
function estimate(one) {
  if (one === undefined || one.share === null || one.share_low === null || one.share_high === null) return null;
  return { share: one.share, low: one.share_low, high: one.share_high };
}

/** A number with its sign. @param {number} share @returns {string} */
const signed = (share) => {
  const number = Math.round(share * 100);
  return number > 0 ? `+${number}` : number < 0 ? `\u2212${-number}` : "0";
};

/** A difference for a table. @param {Difference | null} of @returns {string} */
export const points = (of) =>
  of === null ? "unknown" : `${signed(of.share)} (${signed(of.low)} to ${signed(of.high)})${of.isClear ? "" : ", no clear difference"}`;

/**
 * A comparison in words.
 * @param {Category | undefined} one @param {Category | undefined} other @param {string} than @returns {string}
 */
export function compared(one, other, than) {
  const of = difference(one, other);
  if (one === undefined || of === null) return "It is not known of both.";
  const beside = `${share(one)}; ${than}: ${interval(other)}.`;
  if (!of.isClear) return `${beside} No clear difference (${signed(of.low)} to ${signed(of.high)} points).`;
  const size = Math.abs(Math.round(of.share * 100));
  const direction = of.share > 0 ? "more" : "fewer";
  return `${beside} ${size} ${size === 1 ? "point" : "points"} ${direction} than ${than} (${signed(of.low)} to ${signed(of.high)}).`;
}

/** @param {number} number @returns {string} */
const peopleIn = (number) => `${whole(number)} ${number === 1 ? "person" : "people"}`;

/** Faces without a track id are people that nobody counted. @param {People} people @returns {string} */
const atLeast = (people) => (people.has_untracked ? "at least " : "");

/** Whether all faces that voted were without a track id. @param {People} people @returns {boolean} */
export const isUncounted = (people) => people.has_untracked && people.hours.every((hour) => hour.people === 0);

/**
 * People of the newest released window.
 * @param {People} people @param {Origin} origin @param {Date} now @returns {string}
 */
export function peopleNow(people, origin, now) {
  if (people.newest === null) return "";
  const [from, until] = span(people.newest.from, people.newest.until, now, people.time_zone);
  const name = origin === "tables" ? "Newest hour" : "Newest window";
  return `${name}: ${atLeast(people)}${peopleIn(people.newest.people)}, ${from} to ${until}.`;
}

/** People of today, by the clock of the source. @param {People} people @param {Date} now @returns {string} */
export function peopleToday(people, now) {
  const today = now.toLocaleDateString("en-CA", { timeZone: people.time_zone });
  return `${people.date === today ? "Today" : people.date}: ${atLeast(people)}${peopleIn(people.today)}.`;
}

/** The hour with most people. @param {People} people @param {Origin} origin @returns {string} */
export function busiest(people, origin) {
  const span = origin === "tables" ? "24 hours up to the newest one" : "last 24 hours";
  const most = people.hours.reduce((best, hour) => (hour.people > best.people ? hour : best), { start: "", people: 0 });
  if (most.people === 0) return `Nobody in the ${span}.`;
  const sum = people.hours.reduce((all, hour) => all + hour.people, 0);
  return `${atLeast(people)}${peopleIn(sum)} in the ${span}; most in the hour from ${hourName(most.start, people.time_zone)}: ${whole(most.people)}.`;
}

/** An hour by the clock of the source. @param {string} start @param {string} zone @returns {string} */
export const hourName = (start, zone) =>
  new Date(start).toLocaleString("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });

/** Files that an answer lacks, and why. @param {LeftOut | undefined} of @returns {string} */
export function leftOut(of) {
  if (!of || of.files === 0) return "";
  const files = of.files === 1 ? "1 file of the tables was" : `${whole(of.files)} files of the tables were`;
  const named = of.named.slice(0, 3).map((one) => ` ${one.file}: ${one.why}.`);
  const more = of.files > named.length ? ` And ${whole(of.files - named.length)} more.` : "";
  return `${files} left out, so numbers may be missing or too small.${named.join("")}${more}`;
}

/** Why a question has no answer. What the service itself says needs no more. @param {Error} error @returns {string} */
export const failure = (error) => (error.name === "Problem" ? `${error.message}.` : `The service does not answer: ${error.message}`);

/** What is wrong with a peer; empty if nothing is. @param {Peer} peer @returns {string} */
export function trouble(peer) {
  if (peer.why === null) return "";
  const since = peer.away_since === null ? "" : ` since ${clock(peer.away_since, new Date())}`;
  return `${peer.instance} does not answer${since}: ${peer.why}.`;
}

/** What an answer lacks: files, and instances that are away. @param {LeftOut | undefined} files @param {Peer[]} peers @returns {string} */
export const missing = (files, peers) => [leftOut(files), ...peers.map(trouble)].filter(Boolean).join(" ");

/** How that is which feeds a source. @param {Input} input @param {Date} now @returns {string} */
export const feeding = (input, now) =>
  `Input ${input.condition} since ${clock(input.since, now)}${input.reason === null ? "." : `: ${input.reason}`}`;

/** A length of time, short. @param {number} seconds @returns {string} */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${Number(seconds.toFixed(1))} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

/**
 * How long faces took until their estimate.
 * @param {{ faces: number, mean_seconds: number, p50_within_seconds: number | null, p99_within_seconds: number | null } | null} delay
 * @param {number} seconds @returns {string}
 */
export function delayed(delay, seconds) {
  const span = `In the last ${duration(Math.round(seconds))}`;
  if (delay === null) return seconds === 0 ? "Delay: not known yet." : `${span} no face was estimated.`;
  const within = (/** @type {number | null} */ bound) => (bound === null ? "more than 60 s" : `at most ${duration(bound)}`);
  const half = `half of them took ${within(delay.p50_within_seconds)}, 99 of 100 ${within(delay.p99_within_seconds)}`;
  return `${span} ${whole(delay.faces)} faces were estimated, ${duration(delay.mean_seconds)} after their record's timestamp on average: ${half}.`;
}
