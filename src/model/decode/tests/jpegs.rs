//! What JPEGs of all kinds become.

use demograph_core::record::ColourSpace;
use turbojpeg::PixelFormat;

use super::{super::image, *};

/// A JPEG of one colour.
fn plain(format: PixelFormat, pixel: &[u8], progressive: bool) -> Vec<u8> {
    let (width, height) = (40, 30);
    let mut compressor = turbojpeg::Compressor::new().unwrap();
    compressor.set_progressive(progressive).unwrap();
    if format == PixelFormat::GRAY {
        compressor.set_subsamp(turbojpeg::Subsamp::Gray).unwrap();
    }
    let picture = turbojpeg::Image {
        pixels: pixel.repeat(width * height),
        width,
        pitch: width * pixel.len(),
        height,
        format,
    };
    compressor.compress_to_vec(picture.as_deref()).unwrap()
}

/// The first sample of each plane.
fn first_samples(jpeg: &[u8]) -> Result<(ColourSpace, [u8; 3]), Reject> {
    let crop = image(jpeg, &LIMITS, Attributes::NONE)?;
    let first = crop.planes.map(|plane| crop.samples[plane.start]);
    Ok((crop.colour_space, first))
}

#[test]
fn jpegs_are_read_in_colour_grey_and_rgb_and_rejected_in_cmyk() {
    let grey = [100, 128, 128];
    for progressive in [false, true] {
        let jpeg = plain(PixelFormat::RGB, &[100; 3], progressive);
        assert_eq!(first_samples(&jpeg), Ok((ColourSpace::YCbCr, grey)));
    }
    for (arithmetic, lossless) in [(true, false), (false, true)] {
        let mut compressor = turbojpeg::Compressor::new().unwrap();
        compressor.set_arithmetic(arithmetic).unwrap();
        compressor.set_lossless(lossless).unwrap();
        let picture = turbojpeg::Image {
            pixels: vec![100; 3 * 40 * 30],
            width: 40,
            pitch: 3 * 40,
            height: 30,
            format: PixelFormat::RGB,
        };
        let jpeg = compressor.compress_to_vec(picture.as_deref()).unwrap();
        assert!(first_samples(&jpeg).is_ok(), "{arithmetic} {lossless}");
    }
    let jpeg = plain(PixelFormat::GRAY, &[100], false);
    assert_eq!(first_samples(&jpeg), Ok((ColourSpace::YCbCr, grey)));

    // Adobe's marker instead of JFIF's: the three planes are red, green and blue.
    let mut jpeg = plain(PixelFormat::RGB, &[100; 3], false);
    assert_eq!(jpeg[2..6], [0xFF, 0xE0, 0, 16]);
    let marker = [&[0xFF, 0xEE, 0, 14][..], b"Adobe", &[0, 100, 0, 0, 0, 0, 0]].concat();
    jpeg.splice(2..20, marker);
    assert_eq!(first_samples(&jpeg), Ok((ColourSpace::Rgb, grey)));

    let jpeg = plain(PixelFormat::CMYK, &[0, 100, 200, 50], false);
    assert_eq!(first_samples(&jpeg), Err(Reject::NotAnImage));
}

#[test]
fn a_bad_jpeg_does_not_spoil_the_next() {
    let good = jpeg();
    for cut in [4, 30, good.len() / 2] {
        let bad = [&good[..cut], &[0xFF, 0xD9]].concat();
        assert_eq!(first_samples(&bad), Err(Reject::NotAnImage), "{cut}");
        assert!(first_samples(&good).is_ok(), "after {cut}");
    }
}

#[test]
fn a_jpeg_of_very_many_scans_is_rejected() {
    let jpeg = plain(PixelFormat::RGB, &[100; 3], true);
    // The last scan again and again, up to the end of the image.
    let scan = jpeg
        .windows(2)
        .rposition(|pair| pair == [0xFF, 0xDA])
        .unwrap();
    let (scan, end) = jpeg[scan..].split_at(jpeg.len() - scan - 2);
    let bomb = [&jpeg[..jpeg.len() - 2], &scan.repeat(200), end].concat();
    assert_eq!(first_samples(&bomb), Err(Reject::NotAnImage));
}

proptest! {
    #[test]
    fn exif_of_any_kind_costs_no_image(
        block in prop::collection::vec(any::<u8>(), 0..200), order in 0usize..3, stored in 0u32..40,
    ) {
        let starts: [&[u8]; 3] = [b"", b"MM\0*\0\0\0\x08", b"II*\0\x08\0\0\0"];
        let block = [b"Exif\0\0", starts[order], &block].concat();
        let length = (block.len() as u16 + 2).to_be_bytes();
        let whole = plain(PixelFormat::RGB, &[100; 3], stored % 2 == 0);
        let jpeg = [&whole[..2], &[0xFF, 0xE1], &length, &block, &whole[2..]].concat();
        prop_assert!(first_samples(&jpeg).is_ok());
    }

    #[test]
    fn a_damaged_jpeg_of_stretches_gives_a_crop_or_a_reason(
        changes in prop::collection::vec((2usize..2000, any::<u8>()), 1..4), stray in 0usize..30,
    ) {
        // A fault that is mended, and damage beside it.
        let mut jpeg = include_bytes!("../../../../tests/data/images/stray-9-before-each-restart.jpg").to_vec();
        for (place, value) in changes {
            let place = 2 + place % (jpeg.len() - 2);
            jpeg[place] = value;
        }
        let end = jpeg.len() - 2;
        jpeg.splice(end..end, vec![0; stray]);
        let decoded = decode(&record(&[], jpeg), &LIMITS, &OnlyCam);
        prop_assert_ne!(decoded.crop.err(), Some(Reject::DecoderPanic));
    }

    #[test]
    fn a_damaged_jpeg_gives_a_crop_or_a_reason(place in 2usize..3000, value in any::<u8>()) {
        let mut damaged = jpeg();
        let place = place % damaged.len();
        damaged[place] = value;
        let decoded = decode(&record(&[], damaged), &LIMITS, &OnlyCam);
        prop_assert_ne!(decoded.crop.err(), Some(Reject::DecoderPanic));
    }
}
