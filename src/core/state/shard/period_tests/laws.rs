//! Laws of hours and days: each window is in one hour and one day, a period is published once, and a restart anywhere
//! changes no row.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::privacy::Cells;

const CAMERAS: u8 = 3;

/// What a camera sends, and how long nothing follows.
#[derive(Debug, Clone)]
struct Step {
    crop: Observation,
    /// When the log had been read to its end for so long that somebody looked at the clock.
    silence_until: Option<EventTime>,
}

/// What was published in the end.
#[derive(Debug, PartialEq, Default)]
struct Published {
    windows: Vec<ReleasedWindow>,
    periods: Vec<ReleasedPeriod>,
}

impl Published {
    fn take(&mut self, rows: Option<Publication>) {
        let rows = rows.unwrap_or_default();
        self.windows.extend(rows.windows);
        self.periods.extend(rows.periods);
    }

    fn sorted(mut self) -> Self {
        self.windows.sort_by(|a, b| {
            (&a.source, a.start, a.accounting.first_offset).cmp(&(
                &b.source,
                b.start,
                b.accounting.first_offset,
            ))
        });
        self.periods.sort_by(|a, b| {
            (&a.source, a.kind, a.period.start, a.content.from).cmp(&(
                &b.source,
                b.kind,
                b.period.start,
                b.content.from,
            ))
        });
        self
    }

    fn rows(&self, source: &SourceId, kind: PeriodKind) -> Vec<&ReleasedPeriod> {
        let own = |row: &&ReleasedPeriod| row.source == *source && row.kind == kind;
        self.periods.iter().filter(own).collect()
    }
}

fn apply(shard: &mut Shard, step: &Step) {
    shard.apply(step.crop.clone());
    if let Some(until) = step.silence_until {
        shard.close_idle(until);
    }
}

/// Reads a log to its end, and ends the stream.
fn read(log: &[Step], settings: Settings) -> Published {
    let mut shard = begin(Saved::beginning(0), settings);
    log.iter().for_each(|step| apply(&mut shard, step));
    shard.end();
    let mut published = Published::default();
    published.take(shard.checkpoint(EventTime(0), true).publication);
    published.sorted()
}

/// The same with restarts: each goes back to a checkpoint, of which some published.
fn read_with_crashes(
    log: &[Step],
    settings: Settings,
    crashes: &[(usize, usize, bool)],
) -> Published {
    let mut shard = begin(Saved::beginning(0), settings);
    let mut published = Published::default();
    for &(place, lost, publish) in crashes {
        let next = shard.next_offset() as usize;
        let upto = place.saturating_sub(next);
        log.iter()
            .skip(next)
            .take(upto)
            .for_each(|step| apply(&mut shard, step));
        let checkpoint = shard.checkpoint(EventTime(0), publish);
        let saved = Saved::decode(&checkpoint.saved).unwrap();
        published.take(checkpoint.publication);
        let next = shard.next_offset() as usize;
        log.iter()
            .skip(next)
            .take(lost)
            .for_each(|step| apply(&mut shard, step));
        shard = begin(saved, settings);
    }
    let next = shard.next_offset() as usize;
    log.iter()
        .skip(next)
        .for_each(|step| apply(&mut shard, step));
    shard.end();
    published.take(shard.checkpoint(EventTime(0), true).publication);
    published.sorted()
}

/// Windows, faces, votes, votes that began earlier, and the shown counts of gender.
type Totals = (u64, u64, u64, Vec<u64>);

fn of_windows<'a>(windows: impl Iterator<Item = &'a ReleasedWindow>) -> Totals {
    let mut totals = (0, 0, 0, vec![0, 0]);
    for window in windows.filter(|window| window.accounting.faces > 0) {
        totals.0 += 1;
        totals.1 += window.accounting.faces;
        totals.2 += window.votes;
        if let Cells::Shown { counts, .. } = &window.content[0].cells {
            let shown = totals.3.iter_mut().zip(counts);
            shown.for_each(|(sum, count)| *sum += count.unwrap_or(0));
        }
    }
    totals
}

fn of_rows(rows: &[&ReleasedPeriod]) -> Totals {
    let mut totals = (0, 0, 0, vec![0, 0]);
    for row in rows {
        let sums = &row.content.sums;
        totals.0 += sums.windows() as u64;
        totals.1 += sums.faces();
        totals.2 += sums.votes();
        for (_, votes) in sums.attributes() {
            let shown = totals.3.iter_mut().zip(&votes.counts);
            shown.for_each(|(sum, count)| *sum += count.unwrap_or(0));
        }
    }
    totals
}

/// All windows add up to all hours, and to all days; returns how many votes were carried.
fn adds_up(published: &Published) -> u64 {
    let mut carried = 0;
    for camera in 0..CAMERAS {
        let source = SourceId::new(&format!("door-{camera}"));
        let windows = published.windows.iter();
        let expected = of_windows(windows.filter(|window| window.source == source));
        for kind in PeriodKind::ALL {
            let rows = published.rows(&source, kind);
            assert_eq!(of_rows(&rows), expected, "{source} {kind:?}");
            carried += rows.iter().map(|row| row.content.carried).sum::<u64>();
        }
    }
    carried
}

/// Which period each window is in where no clock disturbs: that in which it begins.
fn by_start(published: &Published) -> BTreeMap<(SourceId, PeriodKind, EventTime), Totals> {
    let mut groups: BTreeMap<_, Vec<&ReleasedWindow>> = BTreeMap::new();
    for window in published
        .windows
        .iter()
        .filter(|window| window.accounting.faces > 0)
    {
        for kind in PeriodKind::ALL {
            let period = zones().of(&window.source).period(kind, window.start);
            let key = (window.source.clone(), kind, period.start);
            groups.entry(key).or_default().push(window);
        }
    }
    let sums = groups.into_iter();
    sums.map(|(key, windows)| (key, of_windows(windows.into_iter())))
        .collect()
}

fn by_row(published: &Published) -> BTreeMap<(SourceId, PeriodKind, EventTime), Totals> {
    let rows = published.periods.iter();
    let sums: BTreeMap<_, _> = rows
        .map(|row| {
            (
                (row.source.clone(), row.kind, row.period.start),
                of_rows(&[row]),
            )
        })
        .collect();
    assert_eq!(sums.len(), published.periods.len(), "a period has two rows");
    sums
}

/// Gaps between crops, delays, cameras and people; some gaps are long, and somebody looks at the clock in them.
fn days(disorder: i64) -> impl Strategy<Value = Vec<Step>> {
    let gap =
        prop_oneof![20 => 0i64..4_000, 4 => 0..5 * MINUTE, 2 => 0..2 * HOUR, 1 => 0..30 * HOUR];
    let behind = prop_oneof![9 => Just(0), 3 => 0..=disorder];
    let look = prop_oneof![3 => Just(None), 1 => (0i64..100).prop_map(Some)];
    let step = (gap, behind, 0..CAMERAS, 0u64..60, look);
    prop::collection::vec(step, 1..300).prop_map(|steps| {
        // Two hours before a night in which the clocks of Berlin are set back.
        let mut received = 1_792_872_000 * SECOND;
        let step = |(offset, (gap, behind, camera, person, look)): (
            usize,
            (i64, i64, u8, u64, Option<i64>),
        )| {
            let silence_until = look.map(|part| EventTime(received + gap * part / 100));
            received += gap;
            let crop = crop((offset as i64, received, behind), (camera, person));
            (crop, silence_until)
        };
        let all: Vec<_> = steps.into_iter().enumerate().map(step).collect();
        // A silence lies before its crop: it belongs to the step before.
        let mut silences = all
            .iter()
            .skip(1)
            .map(|step| step.1)
            .chain([None])
            .collect::<Vec<_>>()
            .into_iter();
        let steps = all.iter().map(|(crop, _)| Step {
            crop: crop.clone(),
            silence_until: silences.next().unwrap(),
        });
        steps.collect()
    })
}

/// The same, and nobody looks at a clock.
fn without_silence(log: &[Step]) -> Vec<Step> {
    let steps = log.iter().map(|step| Step {
        crop: step.crop.clone(),
        silence_until: None,
    });
    steps.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn hours_and_days_are_the_sums_of_the_windows_that_begin_in_them(
        log in days(20 * SECOND), people_min in prop::sample::select(vec![0u64, 10, 25]),
    ) {
        let published = read(&without_silence(&log), settings(people_min, 10));
        prop_assert_eq!(by_row(&published), by_start(&published));
        prop_assert_eq!(adds_up(&published), 0, "nothing is carried");
        for row in &published.periods {
            prop_assert!(row.period.start <= row.content.from && row.content.from < row.period.end);
        }
    }

    #[test]
    fn whatever_clocks_say_each_window_is_in_one_hour_and_one_day_and_a_period_has_one_row(
        log in days(3 * HOUR), people_min in prop::sample::select(vec![0u64, 10, 25]),
        set_back in prop::collection::vec((0usize..300, 0..4 * HOUR), 0..3),
    ) {
        let mut log = log;
        for (from, by) in set_back {
            for step in log.iter_mut().skip(from) {
                step.crop.received = step.crop.received.minus(by);
                step.crop.time = step.crop.time.minus(by);
                step.silence_until = step.silence_until.map(|until| until.minus(by));
            }
        }
        let mut shard = begin(Saved::beginning(0), settings(people_min, 10));
        let mut published = Published::default();
        for step in &log {
            apply(&mut shard, step);
            prop_assert!(shard.periods().unfinished() <= 5 * usize::from(CAMERAS));
            // Whenever it is asked.
            published.take(shard.checkpoint(EventTime(0), true).publication);
        }
        shard.end();
        published.take(shard.checkpoint(EventTime(0), true).publication);
        adds_up(&published);
        by_row(&published);
        for row in &published.periods {
            prop_assert!(row.content.carried > 0 || row.period.start <= row.content.from);
            prop_assert!(row.content.from < row.period.end);
        }
    }

    #[test]
    fn a_restart_anywhere_gives_the_same_rows(
        log in days(20 * SECOND), people_min in prop::sample::select(vec![0u64, 10, 25]),
        crashes in prop::collection::vec((0usize..300, 0usize..40, any::<bool>()), 0..6),
    ) {
        let settings = settings(people_min, 10);
        let steady = read(&log, settings);
        prop_assert_eq!(read_with_crashes(&log, settings, &crashes), steady);
    }

    #[test]
    fn sources_that_give_their_place_away_lose_nothing(log in days(20 * SECOND)) {
        let published = read(&log, settings(10, 2));
        adds_up(&published);
    }
}
