//! What each stage but decoding costs an event: `cargo bench --bench stages [-- STAGE ...]`.
//!
//! Promises: the stages run as the service runs them, through the crate's own types; one line of JSON a row. What
//! decides is CPU time of the process, not the clock, which other programs disturb: the median over rounds. A stage is
//! one of batcher, fold, chain, rows, sizes, inference; without one, all run. `loops` runs only if it is named. The model
//! is $MODEL, else the shipped one. `cargo test` runs the stages without a model once, to see that they still work.

mod inference;
mod loops;
mod path;
mod scene;
mod sizes;

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    if let [stage, provider] = &asked[..]
        && stage == "inference"
    {
        return inference::run(provider);
    }
    let is_wanted = |stage: &str| asked.is_empty() || asked.iter().any(|name| name == stage);
    if is_wanted("batcher") {
        path::batcher()?;
    }
    if is_wanted("fold") {
        path::fold();
    }
    if is_wanted("chain") {
        path::chain()?;
    }
    if is_wanted("rows") {
        path::rows()?;
    }
    if !is_bench() {
        return Ok(());
    }
    if is_wanted("sizes") {
        sizes::sizes()?;
    }
    if asked.iter().any(|name| name == "loops") {
        loops::run()?;
    }
    if is_wanted("inference") {
        inference::run_each()?;
    }
    Ok(())
}

/// Whether `cargo bench` runs this: it says so. `cargo test` does not.
fn is_bench() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// What some work took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    pub cpu: Duration,
    pub wall: Duration,
}

/// Does the work once, with what was prepared for it.
#[expect(clippy::disallowed_methods, reason = "measures a duration")]
pub fn cost(work: impl FnOnce()) -> Cost {
    let (began, cpu) = (Instant::now(), cpu_time());
    work();
    Cost {
        cpu: cpu_time() - cpu,
        wall: began.elapsed(),
    }
}

/// The median of each over so many rounds, or of one in a test; what the work needs is made anew for each, outside of the
/// measurement.
pub fn median_cost<T>(
    rounds: usize,
    mut prepare: impl FnMut() -> T,
    mut work: impl FnMut(T),
) -> Cost {
    let rounds = if is_bench() { rounds } else { 1 };
    let costs: Vec<Cost> = (0..rounds)
        .map(|_| {
            let prepared = prepare();
            cost(|| work(prepared))
        })
        .collect();
    Cost {
        cpu: median(costs.iter().map(|cost| cost.cpu)),
        wall: median(costs.iter().map(|cost| cost.wall)),
    }
}

pub fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Of the whole process: a stage may have threads of its own.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime))
        .expect("a process's CPU time is not negative")
}

/// Prints a row: its name, what one event (or what `more` says) cost, and what else is to be known of it.
pub fn print_row(name: &str, cost: Cost, events: usize, more: Value) {
    let each = |time: Duration| rounded(time.as_secs_f64() * 1e6 / events as f64);
    let mut row = json!({
        "row": name,
        "us_per_event": each(cost.cpu),
        "wall_us_per_event": each(cost.wall),
        "events_per_cpu_second": (events as f64 / cost.cpu.as_secs_f64()).round(),
        "events": events,
    });
    if let (Some(row), Value::Object(more)) = (row.as_object_mut(), more) {
        row.extend(more);
    }
    println!("{row}");
}

/// To three decimals: finer than what can be measured.
pub fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
