/**
 * The health of the instance and of its peers: in words, and as tables.
 * @module
 */
import { ask, element, make, table } from "/draw.js";
import { clock, delayed, duration, feeding, trouble, whole } from "/words.js";

/** @typedef {{ stage: string, state: "waiting" | "busy" | "blocked" | "reading", busy_ratio: number | null, blocked_ratio: number | null }} Stage */

/** What each stage does. @type {Record<string, string>} */
const STAGES = {
  poll: "reads from Kafka",
  decode: "opens and decodes images",
  infer: "runs the model",
  fold: "counts into windows",
  write: "writes checkpoints and tables",
};
const STATES = { waiting: "waiting for input", busy: "busy", blocked: "blocked by the next stage", reading: "not blocked" };

/** @param {number | null} ratio @returns {string} */
const part = (ratio) => (ratio === null ? "not measured" : `${Math.round(ratio * 100)} %`);

/** Which stage is slow. @param {Stage[]} stages @returns {string} */
function slow(stages) {
  if (stages.length === 0) return "What the stages do is not known yet.";
  const busy = stages.filter((one) => one.state === "busy").map((one) => one.stage);
  const blocked = stages.filter((one) => one.state === "blocked").map((one) => one.stage);
  if (busy.length === 0 && blocked.length === 0) return "No stage is busy or blocked most of the time.";
  const held = blocked.length === 0 ? "" : ` Blocked by the stages after them: ${blocked.join(", ")}.`;
  return busy.length === 0 ? held.trim() : `Busy most of the time: ${busy.join(", ")}.${held}`;
}

/** A badge a stage. @param {Stage[]} stages @returns {HTMLElement} */
function badges(stages) {
  const badge = (/** @type {Stage} */ one) =>
    make("li", { class: `badge ${one.state}`, "data-stage": one.stage }, make("b", {}, one.stage), ` ${STATES[one.state]}`);
  return make("ul", { class: "badges", "aria-label": "Stages" }, ...stages.map(badge));
}

/** When the last checkpoint was written. @param {any} health @returns {string} */
function checkpoint(health) {
  if (health.last_checkpoint === null) return "No checkpoint was written since the start of this instance.";
  const age = Math.max(0, (Date.parse(health.at) - Date.parse(health.last_checkpoint)) / 1_000);
  return `Last checkpoint: ${clock(health.last_checkpoint, new Date(health.at))}, ${duration(Math.round(age))} before this update.`;
}

/** What feeds the instance from within its process. @param {import("./words.js").Input[]} inputs @param {Date} now @returns {HTMLElement[]} */
function feeds(inputs, now) {
  if (inputs.length === 0) return [];
  const head = ["source", "state", "how it is", ...inputs[0].figures.map((of) => of.name)];
  const rows = inputs.map((one) => [one.source, one.state, feeding(one, now), ...one.figures.map((of) => whole(of.number))]);
  return [make("h3", {}, "Inputs"), table("Inputs", head, rows)];
}

/** @param {any} health @returns {HTMLElement[]} */
function numbers(health) {
  const probe = (/** @type {boolean} */ is, /** @type {string} */ good, /** @type {string} */ bad) =>
    make("p", { class: is ? "good" : "bad" }, is ? good : bad);
  const count = (/** @type {any} */ one) => [one.outcome, whole(one.records)];
  const reject = (/** @type {any} */ one) => [one.reason, whole(one.records), one.fix];
  const written = (/** @type {any} */ one) => [one.table, whole(one.files), whole(one.rows)];
  const stage = (/** @type {Stage} */ one) => [
    one.stage,
    STAGES[one.stage],
    STATES[one.state],
    part(one.busy_ratio),
    part(one.blocked_ratio),
  ];
  const { batch, delay, measured_seconds, stages } = health;
  return [
    probe(health.is_alive, "Alive: the poll loop goes round.", "Not alive: the poll loop has been silent for a minute."),
    probe(health.is_ready, "Ready: partitions are read.", "Not ready: no partitions, or one that waits to be read."),
    make("p", {}, `Lag: ${whole(health.lag)} records are not counted yet.`),
    make("p", {}, delayed(delay, measured_seconds)),
    make("p", {}, batch === null ? "The model was given no batch." : `A batch had ${batch.crops_mean.toFixed(1)} crops on average.`),
    make("p", {}, checkpoint(health)),
    ...feeds(health.inputs ?? [], new Date(health.at)),
    make("h3", {}, "Stages"),
    make("p", {}, slow(stages)),
    badges(stages),
    table("Stages", ["stage", "work", "state", "busy", "blocked"], stages.map(stage)),
    make("h3", {}, "Records by outcome"),
    table("Records by outcome", ["outcome", "records"], health.records.map(count)),
    make("h3", {}, "Rejected records"),
    health.rejected.length === 0
      ? make("p", {}, "None.")
      : table("Rejected records by reason", ["reason", "records", "what to do"], health.rejected.map(reject)),
    make("h3", {}, "Written since the start"),
    table("Written since the start", ["table", "files", "rows"], health.tables.map(written)),
  ];
}

/** Asks for the health, and shows it. @returns {Promise<void>} */
export async function showHealth() {
  const health = await ask("health");
  const ofPeer = (/** @type {any} */ peer) => [
    make("h3", {}, `Instance ${peer.instance}`),
    ...(peer.health === null ? [make("p", { class: "bad" }, trouble(peer))] : numbers(peer.health)),
  ];
  element("numbers").replaceChildren(...numbers(health), ...(health.peers ?? []).flatMap(ofPeer));
}
