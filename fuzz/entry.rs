//! What is done with hostile bytes, one function a fuzz target. `tests/it/corpus.rs` replays the seeds through the same
//! functions, so that targets and test cannot drift apart.
//!
//! Promises: no input panics; a decoder's panic that is caught still counts as one.

use demograph_core::{
    privacy::Admit,
    record::{Attribute, Attributes, EventTime, Position, Record, SourceId},
    reject::Reject,
    state,
};
use demograph_model::decode::{self, Limits};
use demograph_service::config::Config;
use sha2::{Digest, Sha256};

/// 2026-01-01, the timestamp of every record.
const STAMP: EventTime = EventTime(1_767_225_600_000);

/// The defaults of the config.
const LIMITS: Limits = Limits {
    payload_bytes_max: 512 * 1024,
    image_side_min: 16,
    image_side_max: 2048,
    future_max: 60_000,
    past_max: 30 * 86_400_000,
};

/// What became of an input: accepted, or the reason why not.
pub type Outcome = Result<(), String>;

/// Knows every source but one.
struct AllButStranger;

impl Admit for AllButStranger {
    fn admit(&self, source: &SourceId) -> Option<Attributes> {
        (source.as_str() != "stranger").then(all)
    }
}

fn all() -> Attributes {
    Attribute::ALL.into_iter().collect()
}

/// A Kafka record: lines "name: value", a blank line, the payload. The line "key" is the record's key.
pub fn event(bytes: &[u8]) -> Outcome {
    let blank = bytes.windows(2).position(|pair| pair == b"\n\n");
    let (head, payload) = match blank {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (&[][..], bytes),
    };
    let mut headers: Vec<(String, Option<Vec<u8>>)> = head
        .split(|&byte| byte == b'\n')
        .filter_map(|line| {
            let colon = line.windows(2).position(|pair| pair == b": ")?;
            let name = String::from_utf8_lossy(&line[..colon]).into_owned();
            Some((name, Some(line[colon + 2..].to_vec())))
        })
        .collect();
    let key = headers.iter().position(|(name, _)| name == "key");
    let record = Record {
        position: Position {
            partition: 0,
            offset: 0,
        },
        timestamp: Some(STAMP),
        received: STAMP,
        key: key.and_then(|place| headers.remove(place).1),
        headers,
        payload: payload.to_vec(),
    };
    let opened = decode::open(record, &LIMITS, &AllButStranger);
    assert!(opened.time <= STAMP.plus(LIMITS.future_max));
    let has_quality = opened.quality.is_some();
    let decoded = opened.crop.and_then(|crop| crop.decode(&LIMITS));
    assert!(
        has_quality || decoded.is_err(),
        "what decodes has a quality"
    );
    outcome(decoded.map(drop))
}

/// The bytes of an image.
pub fn image(bytes: &[u8]) -> Outcome {
    let crop = decode::image(bytes, &LIMITS, all()).map(|crop| {
        let bytes = crop.width as usize * crop.height as usize * 3;
        assert_eq!(demograph_model::prepare::pixels(&crop).len(), bytes);
        assert!(crop.width.max(crop.height) <= LIMITS.image_side_max);
    });
    outcome(crop)
}

/// A configuration file.
pub fn config(bytes: &[u8]) -> Outcome {
    let text = std::str::from_utf8(bytes).map_err(|_| "no_text".to_owned())?;
    match Config::parse(text) {
        Ok(config) => {
            // Whatever was accepted can be shown.
            let _shown = config.redacted_toml();
            Ok(())
        }
        Err(faults) => {
            let _shown = faults.to_string();
            Err("faults".into())
        }
    }
}

/// A checkpoint as it lies in the store; and, since no fuzzer guesses a checksum, the same bytes with the right one.
pub fn checkpoint(bytes: &[u8]) -> Outcome {
    let sealed = [bytes, Sha256::digest(bytes).as_slice()].concat();
    let (as_it_is, sealed) = (state::decode(bytes), state::decode(&sealed));
    let word = |damage: state::Damage| match damage {
        state::Damage::Foreign => "foreign".to_owned(),
        state::Damage::Version(_) => "version".to_owned(),
        state::Damage::Checksum => "checksum".to_owned(),
        state::Damage::Content => "content".to_owned(),
    };
    match (as_it_is, sealed) {
        (Ok(_), _) => Ok(()),
        (Err(state::Damage::Checksum), Ok(_)) => Err("checksum_only".into()),
        (Err(state::Damage::Checksum), Err(damage)) | (Err(damage), _) => Err(word(damage)),
    }
}

fn outcome(decoded: Result<(), Reject>) -> Outcome {
    assert_ne!(decoded, Err(Reject::DecoderPanic), "a decoder panicked");
    decoded.map_err(|reject| reject.name().to_owned())
}
