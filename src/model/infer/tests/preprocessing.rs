//! What a net sees must be what it was trained on: our tensors against Pillow's, pixel by pixel. Needs the Python
//! tools of `setup/test-tools`.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use super::*;
use crate::{
    manifest::{Colour, Resize},
    prepare::{Picture, Preparer},
};

const IMAGES: usize = 100;
/// Smaller and larger than the composites, which have 120 pixels a side.
const SIZES: [u32; 3] = [64, 112, 160];

fn picture(size: u32) -> Picture {
    Picture {
        width: size,
        height: size,
        colour: Colour::Rgb,
        resize: Resize::Antialias,
    }
}

/// Composites spread over all groups.
fn images() -> Vec<PathBuf> {
    let folder = repository("tests/data/composites");
    let mut labels = csv::Reader::from_path(folder.join("labels.csv")).unwrap();
    let files: Vec<PathBuf> = labels
        .records()
        .map(|row| folder.join(&row.unwrap()[0]))
        .collect();
    let (step, count) = (files.len() / IMAGES, files.len());
    assert!(step > 0, "only {count} composites");
    files.into_iter().step_by(step).take(IMAGES).collect()
}

/// What Pillow makes of them, in a folder.
fn pillow(images: &[PathBuf]) -> tempfile::TempDir {
    let out = tempfile::tempdir().unwrap();
    let mut python = Command::new(repository(".setup/venv/bin/python"))
        .arg(repository("tests/tools/preprocessing.py"))
        .arg(out.path())
        .args(SIZES.map(|size| size.to_string()))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{error}: run `setup/test-tools` (`make test` does)"));
    let names: Vec<_> = images
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(names.join("\n").as_bytes()).unwrap();
    drop(stdin);
    assert!(python.wait().unwrap().success());
    out
}

/// The largest difference of a value from Pillow's, in levels of 0..255, and the mean.
fn differences(crop: &Crop, (preparer, len): (&mut Preparer, usize), expected: &[u8]) -> (u8, f64) {
    let mut planes = vec![0; len];
    preparer.write(crop, &mut planes);
    assert_eq!(planes.len(), expected.len());
    // Pillow gives pixel by pixel.
    let ours = (0..len).map(|at| planes[at % 3 * len / 3 + at / 3]);
    let levels: Vec<u8> = ours
        .zip(expected)
        .map(|(ours, &theirs)| ours.abs_diff(theirs))
        .collect();
    let sum: f64 = levels.iter().map(|&level| f64::from(level)).sum();
    (
        levels.iter().copied().max().unwrap_or(0),
        sum / levels.len() as f64,
    )
}

fn decoded(path: &Path) -> Crop {
    crop_of(&std::fs::read(path).unwrap())
}

fn crop_of(bytes: &[u8]) -> Crop {
    decode::image(bytes, &LIMITS, all()).unwrap()
}

#[test]
fn tensors_equal_those_of_pillow_within_one_level_on_every_pixel() {
    let images = images();
    let theirs = pillow(&images);
    for size in SIZES {
        let mut preparer = Preparer::new(picture(size));
        let len = preparer.levels();
        let (mut largest, mut largest_jpeg, mut mean_jpeg) = (0, 0, 0.0f64);
        for (n, path) in images.iter().enumerate() {
            let expected = std::fs::read(theirs.path().join(format!("{n}.{size}"))).unwrap();
            let lossless = decoded(&theirs.path().join(format!("{n}.png")));
            let (most, _) = differences(&lossless, (&mut preparer, len), &expected);
            largest = largest.max(most);
            let (most, mean) = differences(&decoded(path), (&mut preparer, len), &expected);
            largest_jpeg = largest_jpeg.max(most);
            mean_jpeg = mean_jpeg.max(mean);
        }
        println!(
            "{size}: same pixels {largest}, through both JPEG decoders {largest_jpeg}, mean {mean_jpeg:.3}"
        );
        assert!(largest <= 1, "{size}: {largest} levels");
        // Pillow rounds to whole levels after each step, a quarter on average; and it clips colours that RGB cannot
        // say before it averages them.
        assert!(
            largest_jpeg <= 10 && mean_jpeg <= 0.4,
            "{size}: {largest_jpeg} levels, mean {mean_jpeg}"
        );
    }
}

#[test]
fn planes_become_the_pixels_that_libjpeg_turbo_makes_of_them() {
    use turbojpeg::{Image, PixelFormat, Subsamp};
    let face = decoded(&images()[0]);
    // Odd, so that the last samples are shared by fewer pixels.
    let (width, height) = (face.width as usize - 1, face.height as usize - 3);
    let whole = crate::prepare::pixels(&face);
    let picture = Image {
        pixels: whole.as_slice(),
        width,
        pitch: 3 * face.width as usize,
        height,
        format: PixelFormat::RGB,
    };
    for subsampling in [
        Subsamp::None,
        Subsamp::Sub2x1,
        Subsamp::Sub1x2,
        Subsamp::Sub2x2,
        Subsamp::Gray,
    ] {
        let jpeg = turbojpeg::compress(picture, 90, subsampling).unwrap();
        let crop = crop_of(&jpeg);
        assert_eq!((crop.width as usize, crop.height as usize), (width, height));
        let theirs = turbojpeg::decompress(&jpeg, PixelFormat::RGB).unwrap();
        let ours = crate::prepare::pixels(&crop);
        let differences = ours.iter().zip(&theirs.pixels).map(|(a, b)| a.abs_diff(*b));
        let largest = differences.max().unwrap();
        println!("{subsampling:?}: {largest}");
        // They round after each step, we once.
        assert!(largest <= 2, "{subsampling:?}: {largest} levels");
    }
}
