//! What a run comes to: a page in Markdown, whose last line a script can read.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{fleet::Exit, schedule::Injection};
use crate::world::{Audit, Finished};

/// The outcome of a run.
pub struct Report {
    pub seed: u64,
    pub seconds: u64,
    pub injections: Vec<Injection>,
    pub exits: Vec<Exit>,
    pub started: usize,
    /// Times that an instance found its next checkpoint written by another one.
    pub fenced: usize,
    /// Times that an instance learned of losing its partitions after the fact.
    pub lost_partitions: usize,
    /// What `demograph state verify` says at the end.
    pub verified: Finished,
    pub produced: i64,
    pub audit: Audit,
    /// From the end of production until every record was in the tables; none if they never all were.
    pub caught_up: Option<Duration>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Torture\n")?;
        writeln!(
            f,
            "`make torture SECONDS={} SEED={}`, {}\n",
            self.seconds,
            self.seed,
            processor()
        )?;
        writeln!(f, "| injection | times |\n|---|---:|")?;
        let mut kinds = BTreeMap::new();
        for injection in &self.injections {
            *kinds.entry(injection.kind).or_insert(0) += 1;
        }
        for (kind, times) in kinds {
            writeln!(f, "| {kind} | {times} |")?;
        }
        writeln!(f, "\n| outcome | |\n|---|---:|")?;
        writeln!(f, "| records produced (acknowledged) | {} |", self.produced)?;
        writeln!(f, "| of these spared | {} |", self.audit.spared)?;
        writeln!(f, "| lost | {} |", self.audit.lost)?;
        writeln!(f, "| duplicated | {} |", self.audit.duplicated)?;
        writeln!(f, "| instances started | {} |", self.started)?;
        writeln!(
            f,
            "| instances that ended by themselves | {} |",
            self.exits.len()
        )?;
        writeln!(f, "| instances fenced by another one | {} |", self.fenced)?;
        writeln!(
            f,
            "| assignments lost without notice | {} |",
            self.lost_partitions
        )?;
        let chains = self.verified.stdout.matches("ok     partition").count();
        writeln!(f, "| chains that `state verify` proves | {chains} |")?;
        let caught_up = match self.caught_up {
            Some(time) => format!("{:.1} s", time.as_secs_f64()),
            None => "not in time".to_owned(),
        };
        writeln!(f, "| time to catch up | {caught_up} |\n")?;
        for exit in &self.exits {
            writeln!(
                f,
                "- instance {}, {}: {}",
                exit.instance, exit.status, exit.cause
            )?;
        }
        for fault in &self.audit.faults {
            writeln!(f, "- fault: {fault}")?;
        }
        write!(
            f,
            "\ninjections={} produced={} lost={} duplicated={} seed={}",
            self.injections.len(),
            self.produced,
            self.audit.lost,
            self.audit.duplicated,
            self.seed
        )
    }
}

/// The machine's name for its processor, and how many there are.
fn processor() -> String {
    let facts = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let values = |name: &str| {
        let lines = facts.lines().filter(|line| line.starts_with(name));
        let values: Vec<String> = lines
            .filter_map(|line| Some(line.split_once(':')?.1.trim().to_owned()))
            .collect();
        values
    };
    let names = values("model name");
    let name = names.first().map_or("an unknown processor", String::as_str);
    format!("{} x {name}", names.len())
}
