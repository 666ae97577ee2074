//! Batches: what one holds and when it waits; and that a record keeps its own answer, source, time and place.

use crossbeam_channel::{bounded, never};

use demograph_core::{
    facts::ModelFacts,
    privacy::{Policy, PolicyRules, SourceRules},
    record::{Attribute, Position, Record, SourceId, TrackId},
    state::{Applied, Saved, Shard, Terms, TrackKey},
    window::{Evidence, Outcome, Settings},
};
use demograph_model::infer::{NoAnswer, StubModel};

use super::{
    super::front::{Front, Looked},
    *,
};

/// A channel that holds these items, and its end that sends more.
fn holding(items: &[u64]) -> (Sender<u64>, Receiver<u64>) {
    let (sender, receiver) = bounded(16);
    for &item in items {
        sender.send(item).unwrap();
    }
    (sender, receiver)
}

fn rung() -> Option<Receiver<Instant>> {
    Some(after(Duration::ZERO))
}

#[test]
fn without_a_wait_a_batch_is_what_is_there() {
    let (_sender, input) = holding(&[1, 2]);
    assert_eq!(pull(0, &input, 8, None).len(), 3);
    assert_eq!(pull(3, &input, 8, None).len(), 1);
}

#[test]
fn a_full_batch_leaves_the_rest_and_does_not_wait() {
    let (_sender, input) = holding(&[1, 2, 3]);
    assert_eq!(pull(0, &input, 3, Some(never())).len(), 3);
    assert_eq!(input.len(), 1);
}

#[test]
fn what_is_there_is_taken_though_the_time_is_over() {
    let (_sender, input) = holding(&[1, 2]);
    assert_eq!(pull(0, &input, 8, rung()).len(), 3);
}

#[test]
fn a_batch_waits_until_it_is_full() {
    let (sender, input) = holding(&[1]);
    let late = std::thread::spawn(move || {
        for number in 2..4 {
            sender.send(number).unwrap();
        }
        sender
    });
    assert_eq!(pull(0, &input, 4, Some(never())).len(), 4);
    late.join().unwrap();
}

#[test]
fn the_end_of_the_input_ends_the_wait() {
    let (sender, input) = holding(&[1]);
    drop(sender);
    assert_eq!(pull(0, &input, 8, Some(never())).len(), 2);
}

/// The stub, which has no answer for a crop that is dark.
struct BlindInTheDark(StubModel);

impl Model for BlindInTheDark {
    fn facts(&self) -> &ModelFacts {
        self.0.facts()
    }

    fn estimate(&mut self, crops: &[Crop]) -> anyhow::Result<Vec<Answer>> {
        let is_dark = |crop: &Crop| crop.samples[crop.planes[0].start] < 10;
        let answers = self.0.estimate(crops)?.into_iter().zip(crops);
        let answers = answers.map(|(answer, crop)| match is_dark(crop) {
            true => Err(NoAnswer),
            false => answer,
        });
        Ok(answers.collect())
    }
}

const SETTINGS: Settings = Settings::EXAMPLE;

const LIMITS: Limits = Limits {
    payload_bytes_max: 10_000,
    image_side_min: 16,
    image_side_max: 64,
    future_max: 60_000,
    past_max: 86_400_000,
};

/// A policy that knows two cameras.
fn meaning(facts: &ModelFacts) -> Meaning {
    let source = |id: &str| SourceRules {
        id: id.into(),
        attributes: vec![Attribute::Gender],
        legal_basis: None,
        calibration: None,
        time_zone: None,
    };
    let policy = Policy::new(&PolicyRules::default(), &[source("lobby"), source("yard")]);
    Meaning {
        terms: Terms::example(facts, &policy).into(),
        policy: policy.into(),
        calibrations: Default::default(),
    }
}

/// A record of a grey level; of no image where there is none.
fn record(number: u64, (source, time): (&str, i64), level: Option<u8>) -> Numbered<Record> {
    let payload = level.map(|level| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_pixel(16, 16, image::Rgb([level; 3]))
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    });
    let record = Record {
        position: Position {
            partition: 3,
            offset: 100 + number as i64,
        },
        timestamp: Some(EventTime(time)),
        received: EventTime(time + 1),
        key: Some(source.into()),
        headers: vec![("ce_trackid".into(), Some(number.to_string().into()))],
        payload: payload.unwrap_or_else(|| b"no image".to_vec()),
    };
    Numbered {
        number,
        item: record,
    }
}

/// What one worker makes of the records, in one batch.
fn observed(records: Vec<Numbered<Record>>, meaning: &Meaning) -> Vec<Observation> {
    let (to_work, input) = bounded(records.len());
    let (output, from_work) = bounded(records.len());
    let mut front = Front {
        limits: LIMITS,
        policy: meaning.policy.clone(),
        track_key: TrackKey::example(),
        crops_max: None,
        spans: SETTINGS.spans(),
        partitions: Default::default(),
    };
    let worker = Worker {
        model: Box::new(BlindInTheDark(StubModel::default())),
        batch_max: records.len(),
        batch_wait_max: Duration::ZERO,
        core: None,
        limits: LIMITS,
        meaning: meaning.clone(),
        input,
        output,
        sign: Sign::default(),
        metrics: Metrics::new(),
    };
    for record in records {
        let candidate = record.map(|record| match front.look(record) {
            Looked::Candidate(candidate) => candidate,
            Looked::Done(_) | Looked::Presence(_) => panic!("each is to be decoded"),
        });
        to_work.send(candidate).unwrap();
    }
    drop(to_work);
    worker.run().unwrap();
    let items = from_work.iter().flatten().enumerate();
    let observations = items.map(|(place, observed)| {
        assert_eq!(observed.number, place as u64);
        observed.item
    });
    observations.collect()
}

/// Between crops with an answer and a record without an image, of two sources and in two panes.
fn with_dark_crops() -> Vec<Numbered<Record>> {
    vec![
        record(0, ("lobby", 1_000), Some(255)),
        record(1, ("yard", 2_000), Some(0)),
        record(2, ("lobby", 3_000), None),
        record(3, ("yard", 4_000), Some(100)),
        record(4, ("yard", 12_000), Some(0)),
        record(5, ("yard", 13_000), Some(255)),
    ]
}

#[test]
fn a_crop_without_an_answer_keeps_its_source_time_and_place_and_takes_no_other_s_answer() {
    let facts = StubModel::default().facts().clone();
    let meaning = meaning(&facts);
    let observed = observed(with_dark_crops(), &meaning);
    let facts: Vec<_> = observed
        .iter()
        .map(|seen| (seen.source.as_str(), seen.time.0, seen.position.offset))
        .collect();
    assert_eq!(
        facts,
        [
            ("lobby", 1_000, 100),
            ("yard", 2_000, 101),
            ("lobby", 3_000, 102),
            ("yard", 4_000, 103),
            ("yard", 12_000, 104),
            ("yard", 13_000, 105)
        ]
    );
    let level = |level: u8| {
        // What the stub says of a grey level: it is the probability of the first gender.
        let women = f32::from(level) / 255.0;
        let mut evidence = Evidence::default();
        evidence.set(Attribute::Gender, &[women, 1.0 - women]);
        Ok(evidence)
    };
    let outcomes: Vec<_> = observed.iter().map(|seen| seen.outcome.clone()).collect();
    assert_eq!(
        outcomes,
        [
            level(255),
            Err(Reject::NoAnswer),
            Err(Reject::NotAnImage),
            level(100),
            Err(Reject::NoAnswer),
            level(255)
        ]
    );
    for seen in observed {
        let number = seen.position.offset - 100;
        let track = TrackId::of(format!("{}\0{number}", seen.source).as_bytes());
        assert!(seen.track == Some(track), "{number}");
        assert_eq!(seen.position.partition, 3);
        assert_eq!(seen.received, seen.time.plus(1));
    }
}

#[test]
fn a_crop_without_an_answer_is_counted_in_the_pane_of_its_source() {
    let meaning = meaning(StubModel::default().facts());
    let (saved, terms) = (Saved::beginning(100), meaning.terms.clone());
    let mut shard = Shard::begin(3, saved, SETTINGS, terms, &TrackKey::example());
    let mut windows = Vec::new();
    for seen in observed(with_dark_crops(), &meaning) {
        let is_dark = seen.outcome == Err(Reject::NoAnswer);
        let Applied::Counted(outcome, closed) = shard.apply(seen) else {
            panic!("no record comes twice");
        };
        assert_eq!(outcome == Outcome::Rejected(Reject::NoAnswer), is_dark);
        windows.extend(closed);
    }
    windows.extend(shard.end());
    let mut counted: Vec<_> = windows
        .iter()
        .map(|window| {
            let of = &window.accounting;
            let rejected: Vec<_> = of.rejected_by_reason().collect();
            let place = (window.source.as_str(), window.start.0);
            (place, of.faces, rejected, (of.first_offset, of.next_offset))
        })
        .collect();
    counted.sort_by_key(|(place, ..)| *place);
    assert_eq!(
        counted,
        [
            (("lobby", 0), 1, vec![(Reject::NotAnImage, 1)], (100, 103)),
            (("yard", 0), 1, vec![(Reject::NoAnswer, 1)], (101, 104)),
            (("yard", 10_000), 1, vec![(Reject::NoAnswer, 1)], (104, 106)),
        ]
    );
    assert!(
        windows
            .iter()
            .all(|window| window.source != SourceId::unknown())
    );
}
