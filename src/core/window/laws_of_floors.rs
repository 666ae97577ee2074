//! Laws of the floor of a source: no window begins before it, whatever comes.

use proptest::prelude::*;

use super::*;
use crate::{
    record::{Attribute, EventTime, Position, SourceId, TrackId},
    reject::Reject,
};

const SECOND: i64 = 1_000;

/// Whether it is a face, when it is received after the one before, and how old it is then.
type Sent = (bool, i64, i64);

fn observation(offset: i64, (received, (is_face, _, age)): (i64, Sent)) -> Observation {
    let mut evidence = Evidence::default();
    evidence.set(Attribute::Gender, &[0.9, 0.1]);
    Observation {
        position: Position {
            partition: 0,
            offset,
        },
        received: EventTime(received),
        source: SourceId::new("cam"),
        time: EventTime(received - age),
        stated: None,
        id: None,
        track: Some(TrackId::of(&offset.to_le_bytes())),
        judged: None,
        outcome: if is_face {
            Ok(evidence)
        } else {
            Err(Reject::Truncated)
        },
    }
}

proptest! {
    #[test]
    fn no_window_of_faces_begins_before_a_floor(
        sent in prop::collection::vec((prop::bool::weighted(0.9), 0..4 * SECOND, -5 * SECOND..30 * SECOND), 1..120),
        looks in prop::collection::vec((0usize..120, 0..20 * SECOND), 0..6),
        people_min in prop::sample::select(vec![0u64, 3, 10]),
    ) {
        let settings = Settings {
            pane: 2 * SECOND,
            lateness_max: 5 * SECOND,
            idle_after: 3 * SECOND,
            future_max: 10 * SECOND,
            drops_duplicates: false,
            sources_max: 1,
            weighting: Weighting::People,
            untracked: Untracked::Ignore,
            growth: Growth { people_min, ..Growth::NONE },
        };
        let mut windows = PartitionWindows::new(0, settings);
        let source = SourceId::new("cam");
        let mut floor = EventTime::MIN;
        let mut received = 1_000_000 * SECOND;
        for (offset, sent) in sent.into_iter().enumerate() {
            received += sent.1;
            let (_, mut ended) = windows.observe(observation(offset as i64, (received, sent)));
            for &(_, after) in looks.iter().filter(|(place, _)| *place == offset) {
                received += after;
                ended.extend(windows.close_idle(EventTime(received)));
            }
            for window in ended.iter().filter(|window| window.accounting.faces > 0) {
                prop_assert!(window.start >= floor, "{:?} begins before {:?}", window.start, floor);
            }
            let next = windows.floor(&source).unwrap();
            prop_assert!(next >= floor, "it only rises");
            floor = next;
        }
        // It rises to what was seen: nothing waits for ever.
        windows.end();
        let reached = windows.closed_until(&source).unwrap_or(EventTime::MIN);
        prop_assert!(windows.floor(&source).unwrap().plus(settings.pane) > reached);
    }
}
