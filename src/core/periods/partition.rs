//! The hours and days of all sources of a partition: released windows in, finished periods out.

use std::collections::BTreeMap;

use super::{
    PeriodKind, ReleasedPeriod, Zones,
    source::{Line, Unfinished},
};
use crate::{
    privacy::ReleasedWindow,
    record::{EventTime, SourceId},
    window::ClosedBy,
};

/// Unfinished hours and days, and finished ones that are in no file yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Periods {
    /// In the order of [`PeriodKind::ALL`].
    pub(crate) sources: BTreeMap<SourceId, [Line; 2]>,
    finished: Vec<ReleasedPeriod>,
    /// How many rows these make.
    rows: usize,
}

/// Numbers of windows in the order of [`PeriodKind::ALL`].
pub type CarriedWindows = [usize; PeriodKind::ALL.len()];

impl Periods {
    /// What was saved.
    pub(crate) fn resume(
        sources: BTreeMap<SourceId, [Line; 2]>,
        finished: Vec<ReleasedPeriod>,
    ) -> Self {
        Self {
            sources,
            rows: finished.iter().map(ReleasedPeriod::rows).sum(),
            finished,
        }
    }

    /// Adds released windows. Returns how many began in an hour, and in a day, that was published already. They count in
    /// the next one.
    pub(crate) fn add(&mut self, windows: &[ReleasedWindow], zones: &Zones) -> CarriedWindows {
        let mut carried = CarriedWindows::default();
        // Without faces there is nothing of which a row could tell.
        for window in windows.iter().filter(|window| window.accounting.faces > 0) {
            let zone = zones.of(&window.source);
            let lines = self.sources.entry(window.source.clone()).or_default();
            for (kind, line) in PeriodKind::ALL.into_iter().zip(lines) {
                carried[kind as usize] += usize::from(line.add(window, zone, kind));
            }
        }
        carried
    }

    /// No window of the source begins before this any more.
    pub(crate) fn pass(
        &mut self,
        source: &SourceId,
        floor: EventTime,
        zones: &Zones,
        by: ClosedBy,
    ) {
        if let Some(lines) = self.sources.get_mut(source) {
            let is_over = |end| end <= floor;
            let finished = finish(lines, |period| is_over(period.end));
            self.release(source, finished, zones, by);
        }
    }

    /// The source's clock was wrong and begins anew, with its newest face at this time: what lies after it is of the wrong
    /// clock.
    pub(crate) fn set_back(&mut self, source: &SourceId, newest: EventTime, zones: &Zones) {
        if let Some(lines) = self.sources.get_mut(source) {
            let finished = finish(lines, |period| period.start > newest);
            self.release(source, finished, zones, ClosedBy::Watermark);
        }
    }

    /// The source gives its place to another one.
    pub(crate) fn forget(&mut self, source: &SourceId, zones: &Zones) {
        if let Some(mut lines) = self.sources.remove(source) {
            let finished = finish(&mut lines, |_| true);
            self.release(source, finished, zones, ClosedBy::End);
        }
    }

    /// Nothing more is expected, or what comes means something else: all is finished, and later windows begin further rows.
    pub(crate) fn end(&mut self, zones: &Zones, by: ClosedBy) {
        for (source, mut lines) in std::mem::take(&mut self.sources) {
            let finished = finish(&mut lines, |_| true);
            self.release(&source, finished, zones, by);
        }
    }

    fn release(
        &mut self,
        source: &SourceId,
        finished: Vec<(PeriodKind, Unfinished)>,
        zones: &Zones,
        by: ClosedBy,
    ) {
        let zone = zones.of(source);
        for (kind, one) in finished {
            let released = ReleasedPeriod {
                source: source.clone(),
                partition: one.partition,
                kind,
                period: one.period,
                zone: zone.name().to_owned(),
                by,
                content: one.content,
            };
            self.rows += released.rows();
            self.finished.push(released);
        }
    }

    /// Sources with an unfinished hour or day.
    pub(crate) fn unfinished_sources(&self) -> impl Iterator<Item = &SourceId> {
        let is_open = |lines: &[Line; 2]| lines.iter().any(|line| !line.open.is_empty());
        let open = self.sources.iter().filter(move |(_, lines)| is_open(lines));
        open.map(|(source, _)| source)
    }

    /// Unfinished hours and days.
    pub fn unfinished(&self) -> usize {
        let lines = self.sources.values().flatten();
        lines.map(|line| line.open.len()).sum()
    }

    /// Finished hours and days that are in no file yet.
    pub fn finished(&self) -> &[ReleasedPeriod] {
        &self.finished
    }

    /// How many rows these make.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Takes out the finished ones: they are published.
    pub(crate) fn take_finished(&mut self) -> Vec<ReleasedPeriod> {
        self.rows = 0;
        std::mem::take(&mut self.finished)
    }
}

fn finish(
    lines: &mut [Line; 2],
    is_over: impl Fn(&super::Period) -> bool,
) -> Vec<(PeriodKind, Unfinished)> {
    let of = PeriodKind::ALL.into_iter().zip(lines);
    let finished = of.map(|(kind, line)| (kind, line.finish(&is_over)));
    finished
        .flat_map(|(kind, all)| all.into_iter().map(move |one| (kind, one)))
        .collect()
}
