//! The writer: publications in, durable files out, then the offsets that may be committed.

use std::collections::BTreeMap;

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender};

use super::Meaning;
use crate::{
    metrics::{Metrics, stage},
    privacy::ReleasedPane,
    record::EventTime,
    sink::{self, Provenance, Store, Table},
    state::Publication,
};

/// What the fold asks for.
#[derive(Debug)]
pub enum Task {
    Publish(Publication),
    /// Answer when everything before is durable.
    Drained,
}

/// What the reader learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// Rows are durable: this offset may be committed.
    Durable {
        partition: i32,
        commit_offset: i64,
    },
    Drained,
}

/// The writer's parts.
pub(super) struct Writer {
    pub input: Receiver<Task>,
    pub acks: Sender<Ack>,
    pub store: Store,
    pub topic: String,
    /// Whether the table of exact cells is written.
    pub cells: bool,
    /// Random for each start, so that two runs never want the same name.
    pub writer_id: String,
    /// So far. Part of the file names: idle panes and a drain publish again without a new offset.
    pub publications: u64,
    pub meaning: Meaning,
    pub metrics: Metrics,
}

impl Writer {
    /// Writes until the input ends.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        while let Ok(task) = self.input.recv() {
            let ack = match task {
                Task::Publish(publication) => self.publish(&publication)?,
                Task::Drained => Ack::Drained,
            };
            if self.acks.send(ack).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn publish(&mut self, publication: &Publication) -> anyhow::Result<Ack> {
        self.publications += 1;
        let timer = self
            .metrics
            .stage_seconds
            .with_label_values(&[stage::WRITE])
            .start_timer();
        for (date, panes) in by_date(&publication.panes) {
            let provenance = &self.meaning.provenance();
            for table in Table::ALL {
                if table == Table::Cells && !self.cells {
                    continue;
                }
                let rows = table.rows(&panes, provenance);
                if rows.num_rows() == 0 {
                    continue;
                }
                let bytes =
                    sink::encode(&rows, &self.facts(provenance)).context("encode Parquet")?;
                let labels = [table.name()];
                self.metrics
                    .bytes_written
                    .with_label_values(&labels)
                    .inc_by(bytes.len() as u64);
                self.store
                    .create(&self.path(table, &date, publication), bytes)?;
                self.metrics.files_written.with_label_values(&labels).inc();
                self.metrics
                    .rows_written
                    .with_label_values(&labels)
                    .inc_by(rows.num_rows() as u64);
            }
        }
        timer.observe_duration();
        Ok(Ack::Durable {
            partition: publication.partition,
            commit_offset: publication.commit_offset,
        })
    }

    fn path(&self, table: Table, date: &str, publication: &Publication) -> String {
        let run = (self.writer_id.as_str(), self.publications);
        format!(
            "{}/date={date}/{}",
            table.name(),
            file_name(&self.topic, publication, run)
        )
    }

    fn facts(&self, provenance: &Provenance) -> Vec<(&'static str, String)> {
        let bases: Vec<String> = self
            .meaning
            .policy
            .legal_bases()
            .iter()
            .map(|(source, basis)| format!("{source}: {basis}"))
            .collect();
        vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("model", provenance.model.clone()),
            ("policy", provenance.policy.id.clone()),
            ("legal_basis", bases.join("\n")),
        ]
    }
}

/// No two publications of any runs have the same.
fn file_name(topic: &str, publication: &Publication, (writer_id, number): (&str, u64)) -> String {
    format!(
        "part-{topic}-p{}-{:020}-{writer_id}-{number}.parquet",
        publication.partition, publication.next_offset,
    )
}

/// Hive partitions go by the UTC date of the pane's start.
fn by_date(panes: &[ReleasedPane]) -> BTreeMap<String, Vec<ReleasedPane>> {
    let mut dates: BTreeMap<String, Vec<ReleasedPane>> = BTreeMap::new();
    for pane in panes {
        dates
            .entry(date(pane.start))
            .or_default()
            .push(pane.clone());
    }
    dates
}

fn date(time: EventTime) -> String {
    let time = jiff::Timestamp::from_millisecond(time.0).unwrap_or_default();
    jiff::tz::Offset::UTC.to_datetime(time).date().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_publications_up_to_the_same_offset_are_two_files() {
        let publication = Publication {
            partition: 3,
            next_offset: 78,
            commit_offset: 70,
            panes: Vec::new(),
        };
        let first = file_name("faces", &publication, ("0f501df9", 1));
        assert_eq!(
            first,
            "part-faces-p3-00000000000000000078-0f501df9-1.parquet"
        );
        assert_ne!(first, file_name("faces", &publication, ("0f501df9", 2)));
    }

    #[test]
    fn a_pane_belongs_to_the_utc_date_of_its_start() {
        assert_eq!(date(EventTime(0)), "1970-01-01");
        assert_eq!(date(EventTime(1_767_225_599_999)), "2025-12-31");
        assert_eq!(date(EventTime(1_767_225_600_000)), "2026-01-01");
    }
}
