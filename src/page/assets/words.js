/**
 * Numbers in words. Pure functions: no page, no clock.
 * @module
 */

/**
 * @typedef {{ category: string, votes: number | null, share_naive: number | null, share: number | null,
 *   share_low: number | null, share_high: number | null, effective_n: number | null }} Category
 * @typedef {{ attribute: string, shown_ratio: number | null, shift_p: number | null, calibration_fits: boolean | null,
 *   categories: Category[] }} Attribute
 * @typedef {{ view: string, from: string | null, until: string | null, faces: number, attributes: Attribute[] }} View
 * @typedef {{ start: string, end: string, covers_until: string, time_zone: string, people: number | null,
 *   shown_ratio: number | null, calibration_fits: boolean | null, suppressed: boolean, categories: Category[] }} Period
 * @typedef {{ source: string, attributes: string[], legal_basis: string | null, people_min: number, k_total: number,
 *   k_cell: number, released_until: string | null, instance?: string | null }} Source
 */

/** Hidden and unknown values. */
export const HIDDEN = "hidden";

/** @param {number | null} share @returns {string} */
export const percent = (share) => (share === null ? HIDDEN : `${Math.round(share * 100)} %`);

/** @param {number} number @returns {string} */
export const whole = (number) => number.toLocaleString("en");

/**
 * The time of day, and the date where it is another day than `now`.
 * @param {string | null} time @param {Date} now @returns {string}
 */
export function clock(time, now) {
  if (time === null) return "an unknown time";
  const date = new Date(time);
  const day = date.toDateString() === now.toDateString() ? "" : `${date.toLocaleDateString("en-CA")} `;
  return `${day}${date.toLocaleTimeString("en-GB")}`;
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
 * @param {Attribute} attribute @param {View} view @param {Date} now @returns {string}
 */
export function sentence(attribute, view, now) {
  const shown = attribute.categories.filter((one) => one.share !== null || one.share_naive !== null);
  if (shown.length === 0) return "Too few people: every category is hidden.";
  const votes = attribute.categories.reduce((sum, one) => sum + (one.votes ?? 0), 0);
  const first = [...shown].sort((a, b) => value(b) - value(a))[0];
  const others = attribute.categories.length - shown.length;
  const hidden = others === 0 ? "" : ` ${others === 1 ? "One category is" : `${others} categories are`} hidden.`;
  const span = `between ${clock(view.from, now)} and ${clock(view.until, now)}`;
  return `Most frequent: ${share(first)}, from ${whole(votes)} votes ${span}.${hidden}`;
}

/** What a bar shows. @param {Category} one @returns {number} */
export const value = (one) => one.share ?? one.share_naive ?? 0;

/**
 * Why a source shows nothing.
 * @param {Source} source @param {string} view @returns {string}
 */
export function waiting(source, view) {
  if (source.released_until !== null) return `No window was released in the last ${view}. Choose a longer view.`;
  const people = source.people_min === 0 ? source.k_total : source.people_min;
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
  const zone = { timeZone: of.time_zone };
  const date = new Date(of.start).toLocaleDateString("en-CA", zone);
  if (step === "day") return date;
  const time = new Date(of.start).toLocaleTimeString("en-GB", { ...zone, hour: "2-digit", minute: "2-digit" });
  return `${date} ${time}`;
}
