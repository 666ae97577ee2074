//! The panes of one source in one partition, and its watermark.

use std::collections::BTreeMap;

use super::{Observation, Settings, pane::OpenPane};
use crate::record::EventTime;

/// Cameras have clocks of their own, so each source has a watermark of its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SourceWindows {
    /// Panes that end here or earlier are closed; what belongs to them is late. Follows the watermark
    /// (the newest event time less the allowed lateness), and closing by silence.
    pub(crate) closed_until: EventTime,
    pub(crate) open: BTreeMap<EventTime, OpenPane>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Face,
    Late,
    Rejected(crate::decode::Reject),
}

impl SourceWindows {
    pub(super) fn new() -> Self {
        Self {
            closed_until: EventTime::MIN,
            open: BTreeMap::new(),
        }
    }

    pub(super) fn open_panes(&self) -> usize {
        self.open.len()
    }

    /// The event time up to which panes are closed.
    pub(super) fn closed_until(&self) -> EventTime {
        self.closed_until
    }

    /// Records in the open panes.
    pub(super) fn records(&self) -> u64 {
        self.open.values().map(OpenPane::records).sum()
    }

    /// Counts a record in the pane of its time; in the oldest open one if that is closed already.
    pub(super) fn observe(&mut self, observation: &Observation, settings: &Settings) -> Outcome {
        let own = settings.pane_start(observation.time);
        let start = own.max(self.closed_until);
        let pane = self.open.entry(start).or_default();
        match &observation.outcome {
            Err(reason) => {
                pane.reject(observation, *reason);
                Outcome::Rejected(*reason)
            }
            Ok(_) if own < start => {
                pane.late(observation);
                Outcome::Late
            }
            Ok(evidence) => {
                pane.face(observation, evidence, settings);
                let watermark = observation.time.minus(settings.lateness_max);
                self.closed_until = self.closed_until.max(settings.pane_start(watermark));
                Outcome::Face
            }
        }
    }

    /// Takes out the panes that the watermark has passed.
    pub(super) fn close_passed(&mut self, settings: &Settings) -> Vec<(EventTime, OpenPane)> {
        let until = self.closed_until;
        self.take_while(|start, _| start < until, settings)
    }

    /// Takes out the panes that nothing has touched for long, and all that are older.
    pub(super) fn close_idle(
        &mut self,
        now: EventTime,
        settings: &Settings,
    ) -> Vec<(EventTime, OpenPane)> {
        let idle = |pane: &OpenPane| pane.touched.plus(settings.idle_after) <= now;
        let newest = self.open.iter().rev().find(|(_, pane)| idle(pane));
        let Some((&newest, _)) = newest else {
            return Vec::new();
        };
        self.take_while(|start, _| start <= newest, settings)
    }

    /// Takes out every pane.
    pub(super) fn close_all(&mut self, settings: &Settings) -> Vec<(EventTime, OpenPane)> {
        self.take_while(|_, _| true, settings)
    }

    /// Takes out every pane without closing any: what comes later may begin them again.
    pub(super) fn cut(&mut self) -> Vec<(EventTime, OpenPane)> {
        std::mem::take(&mut self.open).into_iter().collect()
    }

    fn take_while(
        &mut self,
        is_done: impl Fn(EventTime, &OpenPane) -> bool,
        settings: &Settings,
    ) -> Vec<(EventTime, OpenPane)> {
        let mut done = Vec::new();
        while let Some(entry) = self.open.first_entry() {
            if !is_done(*entry.key(), entry.get()) {
                break;
            }
            let (start, pane) = entry.remove_entry();
            self.closed_until = self.closed_until.max(start.plus(settings.pane));
            done.push((start, pane));
        }
        done
    }
}
