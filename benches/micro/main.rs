//! `cargo bench --bench micro [-- NAME...]`: what each stage costs in CPU time, as JSON lines. Names: decode, fold,
//! chain, rows, batches; all by default.
//!
//! CPU time of the thread, not the clock, which other programs disturb; the best of the rounds, for the same reason.

mod batches;
mod decode;
mod stages;

use rustix::time::{ClockId, clock_gettime};

/// What a name stands for.
type Part = fn() -> anyhow::Result<()>;

/// Turns of each measurement.
const ROUNDS: usize = 9;

fn main() -> anyhow::Result<()> {
    // Cargo adds options of its own.
    let names: Vec<String> = std::env::args()
        .skip(1)
        .filter(|name| !name.starts_with('-'))
        .collect();
    let parts: [(&str, Part); 5] = [
        ("decode", decode::run),
        ("fold", stages::fold),
        ("chain", stages::chain),
        ("rows", stages::rows),
        ("batches", batches::run),
    ];
    for (name, part) in parts {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            part()?;
        }
    }
    Ok(())
}

/// CPU seconds of this thread so far.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Microseconds of CPU for each of so many items: the best of the rounds.
fn microseconds(items: usize, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let began = cpu_seconds();
        work()?;
        best = best.min(cpu_seconds() - began);
    }
    Ok(best / items as f64 * 1e6)
}

fn say(row: &str, us: f64) {
    println!("{}", serde_json::json!({ "row": row, "us": us }));
}
