/**
 * The page: asks the API, and shows what it says.
 * @module
 */
import { ask, bars, element, make, table } from "/draw.js";
import { showHealth } from "/health.js";
import { peopleOf } from "/people.js";
import { showSource } from "/source.js";
import { HIDDEN, clock, failure, feeding, missing, percent, sentence, span, viewName, waiting, warning, whole, zoneOf } from "/words.js";

/**
 * @typedef {import("./words.js").Category} Category
 * @typedef {import("./words.js").Attribute} Attribute
 * @typedef {import("./words.js").View} View
 * @typedef {import("./words.js").Source} Source
 * @typedef {import("./words.js").Origin} Origin
 * @typedef {import("./words.js").Peer} Peer
 * @typedef {{ origin: Origin, at: string, broker_answered: string | null, total: number, left_out?: import("./words.js").LeftOut,
 *   sources: { source: string, instance?: string | null, people: import("./words.js").People | null, views: View[] }[],
 *   inputs?: import("./words.js").Input[], peers?: Peer[] }} Live
 */

/** Sources on the screen. */
const LIMIT = 24;
/** The picture of the service is old after so many milliseconds. */
const OLD = 15_000;
/** Kafka is away if it has not answered for so many milliseconds: an idle broker answers within half a second. */
const AWAY = 10_000;

const chosen = { search: "", view: "", offset: 0 };
/** @type {Source[]} */ let sources = [];
/** @type {{ origin: Origin, tables: { url: string, dates: number } | null }} */ let place = { origin: "service", tables: null };
/** @type {Live | null} */ let live = null;
/** @type {EventSource | null} */ let stream = null;
let total = 0;

/** @param {number | null} number @returns {string} */
const known = (number) => (number === null ? HIDDEN : whole(Math.round(number)));

/** @param {Category} one @returns {string[]} */
const cells = (one) => [
  one.category,
  percent(one.share),
  one.share_low === null || one.share_high === null ? HIDDEN : `${percent(one.share_low)} to ${percent(one.share_high)}`,
  percent(one.share_naive),
  known(one.votes),
  known(one.effective_n),
];

/** @param {string} source @param {View} view @param {Attribute} attribute @param {Set<string>} open @param {string} [zone] @returns {HTMLElement} */
function section(source, view, attribute, open, zone) {
  const title = `${attribute.attribute} at ${source}`;
  const head = ["category", "share", "95 % interval", "counted", "votes", "effective sample"];
  const key = `${source} ${attribute.attribute}`;
  const numbers = make("details", { "data-key": key }, make("summary", {}, `Numbers of ${title}`));
  numbers.append(table(title, head, attribute.categories.map(cells)));
  if (open.has(key)) numbers.setAttribute("open", "");
  const parts = [make("h4", {}, attribute.attribute), make("p", { class: "words" }, sentence(attribute, view, new Date(), zone))];
  const misfit = warning(attribute);
  if (misfit) parts.push(make("p", { class: "bad" }, misfit));
  return make("div", {}, ...parts, bars(attribute), numbers);
}

/** @param {Source} source @param {Set<string>} open @returns {HTMLElement} */
function card(source, open) {
  const same = (live?.sources ?? []).filter((one) => one.source === source.source);
  const found = same.find((one) => one.instance === source.instance) ?? same[0];
  const view = found?.views.find((one) => one.view === chosen.view);
  const link = make("a", { href: `#source=${encodeURIComponent(source.source)}` }, source.source);
  const inside = [make("h3", {}, link)];
  const input = live?.inputs?.find((one) => one.source === source.source && !source.instance);
  if (input) inside.push(make("p", { class: input.condition === "down" ? "bad" : "note" }, feeding(input, new Date())));
  if (found?.instance) inside.push(make("p", { class: "note" }, `From ${found.instance}.`));
  if (found?.people && live) inside.push(peopleOf(source.source, found.people, place.origin, live.at, (key) => open.has(key)));
  const zone = found?.people?.time_zone;
  if (zoneOf(zone)) inside.push(make("p", {}, zoneOf(zone)));
  if (!view) {
    inside.push(make("p", {}, waiting(source, chosen.view, place.origin)));
  } else {
    const [from, until] = span(view.from, view.until, new Date(), zone);
    inside.push(make("p", {}, `Released: ${from} to ${until}${view.faces === null ? "" : `, ${whole(view.faces)} faces`}.`));
    inside.push(...view.attributes.map((attribute) => section(source.source, view, attribute, open, zone)));
    if (view.attributes.length === 0) inside.push(make("p", {}, "Nobody has voted in these windows."));
  }
  if (source.legal_basis) inside.push(make("p", {}, `Legal basis for ethnicity: ${source.legal_basis}`));
  return make("article", { "data-source": source.source }, ...inside);
}

/** The lengths of the views that there are. @returns {string[]} */
function lengths() {
  const all = (live?.sources ?? []).flatMap((one) => one.views.map((view) => view.view));
  return [...new Set(all)];
}

function showChoice() {
  const options = lengths();
  const select = element("view");
  if (options.length > 0 && !options.includes(chosen.view)) chosen.view = options[options.length - 1];
  const text = options.join();
  if (select.dataset.options === text) return;
  select.dataset.options = text;
  select.replaceChildren(...options.map((one) => make("option", { value: one }, viewName(one, place.origin))));
  select.value = chosen.view;
}

function show() {
  showChoice();
  const open = new Set([...document.querySelectorAll("details[open]")].map((one) => one.getAttribute("data-key") ?? ""));
  const focused = document.activeElement?.closest("details")?.getAttribute("data-key");
  element("cards").replaceChildren(...sources.map((source) => card(source, open)));
  if (focused) {
    const again = [...document.querySelectorAll("details")].find((one) => one.getAttribute("data-key") === focused);
    again?.querySelector("summary")?.focus();
  }
  if (sources.length === 0) element("cards").append(make("p", {}, "No source has such a name."));
  element("paging").hidden = total <= LIMIT;
  element("place").textContent = `${chosen.offset + 1} to ${chosen.offset + sources.length} of ${whole(total)}`;
  element("before").disabled = chosen.offset === 0;
  element("after").disabled = chosen.offset + LIMIT >= total;
}

/** What there is without a service. */
function showPlace() {
  const tables = place.tables;
  const link = document.querySelector("header nav a[href='#health']");
  link?.toggleAttribute("hidden", tables !== null);
  element("place-of-tables").hidden = tables === null;
  if (!tables) return;
  element("place-of-tables").textContent =
    `Tables in ${tables.url}: the newest finished hour or day of each source in their newest ${tables.dates} dates. ` +
    "No service stands behind this page: it shows what the tables show.";
}

/** Whether the service can be heard, and is up to date. @param {string} [trouble] */
function showState(trouble) {
  const state = element("state");
  const age = live ? Date.now() - Date.parse(live.at) : 0;
  const old = live && live.origin === "service" && age > OLD ? `The service has said nothing new since ${clock(live.at, new Date())}.` : "";
  const now = live ? clock(live.at, new Date()) : "";
  const well = live?.origin === "tables" ? `Tables without a service, read at ${now}.` : `Live. Last update: ${now}.`;
  const answered = live?.broker_answered ?? null;
  const isAway = live && answered !== null && Date.parse(live.at) - Date.parse(answered) > AWAY;
  const away = isAway ? `Kafka has not answered since ${clock(answered, new Date())}: no faces come in.` : "";
  const lost = (live?.inputs ?? []).filter((one) => one.condition === "down").map((one) => one.source);
  const down = lost.length > 0 ? `${well} Input down: ${lost.join(", ")}.` : "";
  const bad = trouble || old || away || down;
  const text = bad || (live ? well : "Connecting …");
  if (state.textContent !== text) state.textContent = text;
  state.className = bad ? "bad" : "";
}

/** Whether files were left out, or other instances are away. @returns {boolean} whether that has changed */
function showMissing() {
  const text = missing(live?.left_out, live?.peers ?? []);
  const place = element("missing");
  const changed = place.textContent !== text;
  if (changed) place.textContent = text;
  place.hidden = text === "";
  return changed;
}

/** Asks for the sources of the choice, and listens to them. */
async function choose() {
  const query = new URLSearchParams({ search: chosen.search, limit: String(LIMIT), offset: String(chosen.offset) });
  try {
    const answer = await ask(`sources?${query}`);
    place = answer;
    showPlace();
    ({ sources, total } = answer);
  } catch (error) {
    showState(failure(/** @type {Error} */ (error)));
    return;
  }
  stream?.close();
  const named = new URLSearchParams(sources.map((one) => ["source", one.source]));
  named.set("limit", String(LIMIT));
  stream = new EventSource(`/api/v1/live/stream?${named}`);
  stream.addEventListener("live", (event) => {
    live = JSON.parse(event.data);
    showState();
    show();
    // Sources come and go with the instance that shows them.
    if (showMissing()) choose();
  });
  stream.addEventListener("error", () => showState("The service does not answer. The page tries again."));
  if (live) show();
}

/** Whether a name can be read out of an address. @param {string | undefined} text @returns {boolean} */
function isReadable(text) {
  try {
    return decodeURIComponent(text ?? "") !== "";
  } catch {
    return false;
  }
}

/** Shows the page that the address names. */
function turn() {
  const [page, name] = location.hash.slice(1).split("=");
  if (page === "source" && !isReadable(name)) {
    location.hash = "#overview";
    return;
  }
  const here = ["health", "source"].includes(page) ? page : "overview";
  for (const section of ["overview", "source", "health"]) element(section).hidden = section !== here;
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.getAttribute("href") === `#${here}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const shown = here === "health" ? showHealth() : here === "source" ? showSource(decodeURIComponent(name ?? "")) : null;
  shown?.catch((error) => showState(failure(error)));
}

/** Every few seconds: what the stream does not say. */
async function look() {
  showState(stream?.readyState === EventSource.OPEN ? undefined : "The service does not answer. The page tries again.");
  if (stream === null || stream.readyState === EventSource.CLOSED) await choose();
  if (location.hash === "#health") await showHealth();
}

element("search").addEventListener("input", () => {
  chosen.search = element("search").value;
  chosen.offset = 0;
  choose();
});
element("choice").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
element("view").addEventListener("change", () => {
  chosen.view = element("view").value;
  show();
});
element("before").addEventListener("click", () => {
  chosen.offset = Math.max(0, chosen.offset - LIMIT);
  choose();
});
element("after").addEventListener("click", () => {
  chosen.offset += LIMIT;
  choose();
});
addEventListener("hashchange", turn);
turn();
choose();
setInterval(() => look().catch(() => {}), 5_000);
