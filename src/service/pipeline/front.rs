//! Before decoding: opens each record, and decides which crops are decoded at all. One chooser a partition, in the order of
//! the log; the fold's follows it, so that a checkpoint holds what this one must know where reading resumes.

use std::{collections::BTreeMap, sync::Arc};

use demograph_core::{
    choose::{Chooser, CropsMax, Judged, Sight, Spans},
    event,
    privacy::Policy,
    record::{EventTime, Position, Record},
    state::{Saved, TrackKey},
    window::{Evidence, Observation},
};
use demograph_model::decode::{EncodedCrop, Limits, Opened, open};

/// What stands before decoding.
pub struct Front {
    pub limits: Limits,
    pub policy: Arc<Policy>,
    /// By which the choosers know tracks, as the checkpoints do.
    pub track_key: TrackKey,
    /// Crops of a track that are taken in a span; none where all are.
    pub crops_max: Option<CropsMax>,
    pub spans: Spans,
    /// The partitions that are read.
    pub partitions: BTreeMap<i32, Progress>,
}

/// What was chosen of a partition.
pub struct Progress {
    chooser: Chooser,
    next_offset: i64,
}

/// A record that was opened.
pub enum Looked {
    /// Its crop is to be decoded.
    Candidate(Candidate),
    /// Nobody needs to see its crop: it is spared, or has none.
    Done(Observation),
    /// A presence event: nobody's face.
    Presence(Position),
}

/// A crop that is to be decoded, and what is known of it. It holds a face.
#[derive(Debug)]
pub struct Candidate {
    /// All but its outcome.
    pub observation: Observation,
    /// When it was sent, or received.
    pub sent: EventTime,
    pub crop: EncodedCrop,
}

impl Front {
    /// Takes up a partition where its checkpoint ends.
    pub fn begin(&mut self, partition: i32, saved: &Saved) {
        let progress = Progress {
            chooser: Chooser::resume(self.spans, saved.chosen.clone()),
            next_offset: saved.ledger.next_offset,
        };
        self.partitions.insert(partition, progress);
    }

    /// The partition is somebody else's.
    pub fn forget(&mut self, partition: i32) {
        self.partitions.remove(&partition);
    }

    /// Opens a record and judges its crop.
    pub fn look(&mut self, record: Record) -> Looked {
        if event::is_presence(&record) {
            return Looked::Presence(record.position);
        }
        let opened = open(record, &self.limits, self.policy.as_ref());
        let judged = self.judge(&opened);
        let sent = opened.timestamp.unwrap_or(opened.received);
        let (mut observation, crop) = split(opened);
        observation.judged = judged;
        match crop {
            Some(crop) if !observation.is_spared() => Looked::Candidate(Candidate {
                observation,
                sent,
                crop,
            }),
            _ => Looked::Done(observation),
        }
    }

    /// Asks the chooser about a crop that a track may be spared. A record that was folded before is in its memory already.
    fn judge(&mut self, opened: &Opened) -> Option<Judged> {
        let crops_max = self.crops_max?;
        let (track, quality) = (opened.track?, opened.quality?);
        let Position { partition, offset } = opened.position;
        let progress = self.partitions.get_mut(&partition)?;
        if offset < progress.next_offset {
            return None;
        }
        progress.next_offset = opened.position.next_offset();
        let sight = Sight {
            source: &opened.source,
            time: opened.time,
            track: self.track_key.track(track),
            quality,
        };
        let choice = progress.chooser.choose(&sight, crops_max);
        Some(Judged { quality, choice })
    }
}

/// What is known of the record, and its crop. Its outcome is the reason why there is none; else it is still to come.
fn split(opened: Opened) -> (Observation, Option<EncodedCrop>) {
    let (outcome, crop) = match opened.crop {
        Ok(crop) => (Ok(Evidence::default()), Some(crop)),
        Err(reason) => (Err(reason), None),
    };
    let observation = Observation {
        position: opened.position,
        received: opened.received,
        source: opened.source,
        time: opened.time,
        stated: opened.stated,
        id: opened.id,
        track: opened.track,
        judged: None,
        outcome,
    };
    (observation, crop)
}

#[cfg(test)]
mod tests;
