//! The vocabulary: what flows through demograph, from a Kafka record to an estimate.
//!
//! Promises: plain values, no input or output. A [`Crop`] is the only type that holds a face;
//! it cannot be cloned, serialised or printed, and dies in inference.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where a record lies in the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The Kafka partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
}

impl Position {
    /// The offset to read after this record: the one place where 1 is added.
    pub fn next_offset(self) -> i64 {
        self.offset + 1
    }
}

/// The name of a camera (or any other origin of crops); also the Kafka key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceId(Arc<str>);

impl SourceId {
    /// Stands for every source that may not have a row of its own: unnamed, unreadable or not allowed.
    pub const UNKNOWN: &'static str = "__unknown__";
    /// Where the sources go that have no series of their own.
    pub const OTHER: &'static str = "__other__";

    /// A source of this name. Names of events are checked first (`event::source_id`).
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Whether the name is one of demograph's own: no camera may have it.
    pub fn is_reserved(name: &str) -> bool {
        name.starts_with("__")
    }

    /// The source [`SourceId::UNKNOWN`].
    pub fn unknown() -> Self {
        Self::new(Self::UNKNOWN)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When the face was seen, in milliseconds since the Unix epoch.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct EventTime(pub i64);

impl EventTime {
    /// Before every face.
    pub const MIN: Self = Self(i64::MIN);
    /// After every face.
    pub const MAX: Self = Self(i64::MAX);

    /// So many milliseconds later, at most [`EventTime::MAX`].
    pub fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// So many milliseconds earlier, at least [`EventTime::MIN`].
    pub fn minus(self, millis: i64) -> Self {
        Self(self.0.saturating_sub(millis))
    }
}

/// One person's path before one camera. Only a hash is kept: the name that the tracker gave is never stored. In state the
/// hash is keyed (`state::TrackKey`), so that the name cannot be guessed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrackId(u64);

impl TrackId {
    /// The hash of a name.
    pub fn of(name: &[u8]) -> Self {
        Self(hash_prefix(name))
    }

    /// The id with this hash: one that was keyed, or was read from a checkpoint.
    pub fn from_hash(hash: u64) -> Self {
        Self(hash)
    }

    /// The hash.
    pub fn hash(self) -> u64 {
        self.0
    }
}

/// An event, as its producer names it. Only a hash is kept, to know the event again; keyed in state, as of a track.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId(u64);

impl EventId {
    /// The hash of a name.
    pub fn of(name: &[u8]) -> Self {
        Self(hash_prefix(name))
    }

    /// The id with this hash: one that was keyed, or was read from a checkpoint.
    pub fn from_hash(hash: u64) -> Self {
        Self(hash)
    }

    /// The hash.
    pub fn hash(self) -> u64 {
        self.0
    }
}

/// The first eight bytes of the hash.
fn hash_prefix(name: &[u8]) -> u64 {
    let digest = Sha256::digest(name);
    let mut head = [0; 8];
    head.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(head)
}

impl fmt::Debug for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrackId(..)")
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventId(..)")
    }
}

/// One record as the log holds it. Its payload is a face: never printed.
pub struct Record {
    /// Where it lies in the topic.
    pub position: Position,
    /// The broker's or the producer's stamp.
    pub timestamp: Option<EventTime>,
    /// The wall clock when the record was polled; the last resort for a record that has no other time.
    pub received: EventTime,
    /// The key; of an event without `ce_source` it names the source.
    pub key: Option<Vec<u8>>,
    /// Kafka knows values that are null, which are not the same as empty ones.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The value: the image, or JSON with the image in it.
    pub payload: Vec<u8>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Record({:?}, {} bytes)",
            self.position,
            self.payload.len()
        )
    }
}

/// What can be estimated of a face.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[expect(
    missing_docs,
    reason = "the names say it, and a sentence would go into the schema of the config"
)]
pub enum Attribute {
    Age,
    Gender,
    Ethnicity,
}

impl Attribute {
    /// All attributes, in the order of rows.
    pub const ALL: [Self; 3] = [Self::Age, Self::Gender, Self::Ethnicity];

    /// The name in tables, metrics and the config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Gender => "gender",
            Self::Ethnicity => "ethnicity",
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of attributes: what a policy allows, what a crop may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(u8);

impl Attributes {
    /// No attribute.
    pub const NONE: Self = Self(0);

    /// Whether the attribute is in the set.
    pub fn contains(self, attribute: Attribute) -> bool {
        self.0 & Self::bit(attribute) != 0
    }

    /// The set with this attribute too.
    pub fn with(self, attribute: Attribute) -> Self {
        Self(self.0 | Self::bit(attribute))
    }

    /// What is in one of the two sets.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The attributes of the set, in the order of [`Attribute::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Attribute> {
        Attribute::ALL
            .into_iter()
            .filter(move |&attribute| self.contains(attribute))
    }

    fn bit(attribute: Attribute) -> u8 {
        1 << attribute as u8
    }
}

impl FromIterator<Attribute> for Attributes {
    fn from_iter<I: IntoIterator<Item = Attribute>>(attributes: I) -> Self {
        attributes.into_iter().fold(Self::NONE, Self::with)
    }
}

/// The pixels of one face in three planes, as the decoder left them: the colour planes of a JPEG often have fewer
/// samples than it has pixels. Not `Clone`, not `Serialize`, and its `Debug` shows the size only.
pub struct Crop {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// What the planes say.
    pub colour_space: ColourSpace,
    /// Where each plane lies in `samples`.
    pub planes: [Plane; 3],
    /// Of all planes, and behind them [`Crop::MARGIN`] bytes, so that a reader may load more than it uses.
    pub samples: Vec<u8>,
    /// What may be estimated of this face, by the policy of its source.
    pub attributes: Attributes,
}

/// What the three planes of a crop say, as 0..=255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColourSpace {
    /// Red, green and blue.
    Rgb,
    /// JPEG's (JFIF, ITU-T T.871, 2011): luma, and blue and red less luma, around 128.
    YCbCr,
}

impl ColourSpace {
    /// What three levels say, as red, green and blue.
    #[inline(always)]
    pub fn to_rgb(self, levels: [f32; 3]) -> [f32; 3] {
        match self {
            Self::Rgb => levels,
            Self::YCbCr => {
                let [y, cb, cr] = [levels[0], levels[1] - 128.0, levels[2] - 128.0];
                [
                    y + 1.402 * cr,
                    y - 0.344_136 * cb - 0.714_136 * cr,
                    y + 1.772 * cb,
                ]
                .map(|level| level.clamp(0.0, 255.0))
            }
        }
    }
}

/// Where one plane lies in a crop's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plane {
    /// The place of its first sample.
    pub start: usize,
    /// Samples from one row to the next.
    pub stride: usize,
    /// How many pixels share a sample: in a row, and in a column.
    pub pixels_per_sample: [u32; 2],
}

impl Crop {
    /// How many bytes lie behind the last sample.
    pub const MARGIN: usize = 16;

    /// From RGB, rows from the top, 3 bytes a pixel.
    pub fn from_rgb((width, height): (u32, u32), rgb: &[u8], attributes: Attributes) -> Self {
        let (stride, pixels) = (width as usize, width as usize * height as usize);
        assert_eq!(rgb.len(), 3 * pixels, "the pixels of {width}x{height}");
        let mut samples = vec![0; 3 * pixels + Self::MARGIN];
        let (red, rest) = samples.split_at_mut(pixels);
        let (green, rest) = rest.split_at_mut(pixels);
        for (at, pixel) in rgb.as_chunks::<3>().0.iter().enumerate() {
            [red[at], green[at], rest[at]] = *pixel;
        }
        Self {
            width,
            height,
            colour_space: ColourSpace::Rgb,
            planes: [0, pixels, 2 * pixels].map(|start| Plane {
                start,
                stride,
                pixels_per_sample: [1, 1],
            }),
            samples,
            attributes,
        }
    }
}

impl fmt::Debug for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crop({}x{})", self.width, self.height)
    }
}

/// Probabilities over the labels of one attribute, in the order of the model's labels; they sum to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior(pub Vec<f32>);

/// Age as a distribution over years.
#[derive(Debug, Clone, PartialEq)]
pub struct AgePosterior {
    /// The age in years of every class; one entry for a regression.
    pub ages: Arc<[f32]>,
    /// The probability of every class; they sum to 1.
    pub probabilities: Vec<f32>,
}

impl AgePosterior {
    /// The expected age in years.
    pub fn mean(&self) -> f32 {
        self.ages
            .iter()
            .zip(&self.probabilities)
            .map(|(age, p)| age * p)
            .sum()
    }

    /// The standard deviation in years.
    pub fn spread(&self) -> f32 {
        let mean = self.mean();
        self.ages
            .iter()
            .zip(&self.probabilities)
            .map(|(age, p)| (age - mean).powi(2) * p)
            .sum::<f32>()
            .max(0.0)
            .sqrt()
    }

    /// The age below which the share `p` of the probability lies. The probability of a class is spread evenly over
    /// its year, from half a year before its age to half a year after.
    pub fn quantile(&self, p: f32) -> f32 {
        let mut below = 0.0;
        for (age, &mass) in self.ages.iter().zip(&self.probabilities) {
            if mass > 0.0 && below + mass >= p {
                return age - 0.5 + (p - below).max(0.0) / mass;
            }
            below += mass;
        }
        self.ages.last().map_or(0.0, |oldest| oldest + 0.5)
    }
}

/// What the model says of one face; `None` where the model has no such head or the policy does not allow it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Estimate {
    /// The age.
    pub age: Option<AgePosterior>,
    /// The gender.
    pub gender: Option<Posterior>,
    /// The ethnicity.
    pub ethnicity: Option<Posterior>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn posterior(probabilities: Vec<f32>) -> AgePosterior {
        let ages: Vec<f32> = (0..probabilities.len()).map(|age| age as f32).collect();
        AgePosterior {
            ages: ages.into(),
            probabilities,
        }
    }

    #[test]
    fn a_quantile_spreads_each_class_over_its_year() {
        let age = posterior(vec![0.0, 0.5, 0.0, 0.25, 0.25]);
        let quantiles = [0.25, 0.5, 0.75, 1.0].map(|p| age.quantile(p));
        assert_eq!(quantiles, [1.0, 1.5, 3.5, 4.5]);
    }

    proptest! {
        #[test]
        fn quantiles_rise_with_the_share_and_stay_within_the_classes(
            weights in prop::collection::vec(0.0f32..1.0, 2..102), p in 0.01f32..0.99, q in 0.01f32..0.99
        ) {
            let sum: f32 = weights.iter().sum();
            prop_assume!(sum > 0.0);
            let oldest = weights.len() as f32 - 0.5;
            let age = posterior(weights.iter().map(|weight| weight / sum).collect());
            let (low, high) = (age.quantile(p.min(q)), age.quantile(p.max(q)));
            prop_assert!((-0.5..=high).contains(&low) && high <= oldest + 1e-3, "{low} {high}");
        }
    }
}
