//! Crops of the sizes that trackers send against crops of one size: a JPEG -> its place in the shipped model's batch.
//! Each length of a line has a filter of its own, which takes longer to make than to use.

use anyhow::Context;
use demograph_core::record::Attributes;
use demograph_model::{
    decode::{Limits, image},
    manifest::Manifest,
    prepare::Preparer,
};
use image::{RgbImage, imageops};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use turbojpeg::{Decompressor, Image, PixelFormat, Subsamp};

use crate::{cost, median, print_row, rounded};

/// Both meet the machine in turns, so many times.
const ROUNDS: usize = 15;
const CROPS: usize = 2_000;
/// The sides that are drawn, each alike, and the mean of them: both kinds have the same pixels on average.
const SIDES: std::ops::RangeInclusive<u32> = 40..=240;
const MEAN_SIDE: u32 = 140;
const LIMITS: Limits = Limits {
    payload_bytes_max: 1 << 20,
    image_side_min: 16,
    image_side_max: 2048,
    future_max: 0,
    past_max: i64::MAX,
};

/// One row a kind; the second says what a crop costs more than one of the fixed size, the median over pairs of rounds.
pub fn sizes() -> anyhow::Result<()> {
    let mut random = StdRng::seed_from_u64(7);
    let face = face()?;
    let mut fixed = Kind::of(&face, (0..CROPS).map(|_| (MEAN_SIDE, MEAN_SIDE)))?;
    let mut side = || random.random_range(SIDES);
    let mut drawn = Kind::of(&face, (0..CROPS).map(|_| (side(), side())))?;
    let mut ratios = Vec::with_capacity(ROUNDS);
    let mut costs = [Vec::new(), Vec::new()];
    // The first round makes the filters that can be kept.
    fixed.round()?;
    drawn.round()?;
    for _ in 0..ROUNDS {
        let pair = [fixed.round()?, drawn.round()?];
        ratios.push(pair[1].cpu.as_secs_f64() / pair[0].cpu.as_secs_f64());
        costs
            .iter_mut()
            .zip(pair)
            .for_each(|(all, one)| all.push(one));
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = json!({
        "pixels": drawn.pixels / CROPS as u64,
        "of_one_size": rounded(ratios[ROUNDS / 2]),
        "least": rounded(ratios[0]),
        "most": rounded(ratios[ROUNDS - 1]),
    });
    let of_fixed = json!({"pixels": fixed.pixels / CROPS as u64});
    let rows = [
        (format!("decode, all {MEAN_SIDE} px"), of_fixed),
        ("decode, sides of 40 to 240 px".to_owned(), ratio),
    ];
    for ((row, more), costs) in rows.into_iter().zip(costs) {
        let cost = crate::Cost {
            cpu: median(costs.iter().map(|cost| cost.cpu)),
            wall: median(costs.iter().map(|cost| cost.wall)),
        };
        print_row(&row, cost, CROPS, more);
    }
    Ok(())
}

/// JPEGs, and what a worker holds that decodes them.
struct Kind {
    jpegs: Vec<Vec<u8>>,
    pixels: u64,
    preparer: Preparer,
    place: Vec<u8>,
}

impl Kind {
    fn of(face: &RgbImage, sides: impl Iterator<Item = (u32, u32)>) -> anyhow::Result<Self> {
        let manifest = std::fs::read_to_string("models/research-small/manifest.toml")?;
        let preparer = Preparer::new((&Manifest::parse(&manifest)?.nets[0].input).into());
        let mut pixels = 0;
        let mut jpegs = Vec::with_capacity(CROPS);
        for (width, height) in sides {
            pixels += u64::from(width) * u64::from(height);
            jpegs.push(jpeg(face, (width, height))?);
        }
        Ok(Self {
            jpegs,
            pixels,
            place: vec![0; preparer.levels()],
            preparer,
        })
    }

    /// Each crop once.
    fn round(&mut self) -> anyhow::Result<crate::Cost> {
        let mut refused = 0;
        let cost = cost(|| {
            for jpeg in &self.jpegs {
                match image(jpeg, &LIMITS, Attributes::NONE) {
                    Ok(crop) => self.preparer.write(&crop, &mut self.place),
                    Err(_) => refused += 1,
                }
            }
        });
        anyhow::ensure!(refused == 0, "{refused} crops were refused");
        Ok(cost)
    }
}

fn face() -> anyhow::Result<RgbImage> {
    let path = "tests/data/composites/white-female-25-34-a.jpg";
    let bytes = std::fs::read(path).context(path)?;
    let mut decompressor = Decompressor::new()?;
    let header = decompressor.read_header(&bytes)?;
    let pitch = 3 * header.width;
    let mut pixels = vec![0; pitch * header.height];
    let picture = Image {
        pixels: pixels.as_mut_slice(),
        width: header.width,
        pitch,
        height: header.height,
        format: PixelFormat::RGB,
    };
    decompressor.decompress(&bytes, picture)?;
    RgbImage::from_raw(header.width as u32, header.height as u32, pixels).context("a picture")
}

/// As trackers encode their crops.
fn jpeg(face: &RgbImage, (width, height): (u32, u32)) -> anyhow::Result<Vec<u8>> {
    let filter = imageops::FilterType::Triangle;
    let crop = imageops::resize(face, width, height, filter);
    let picture = Image {
        pixels: crop.as_raw().as_slice(),
        width: width as usize,
        pitch: 3 * width as usize,
        height: height as usize,
        format: PixelFormat::RGB,
    };
    Ok(turbojpeg::compress(picture, 90, Subsamp::Sub2x2)?.to_vec())
}
