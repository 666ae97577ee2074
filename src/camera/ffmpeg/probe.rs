//! What a recording's file states of itself, by ffprobe, which comes with ffmpeg.

use std::{path::Path, process::Command, time::Duration};

/// The length that a recording's file states; none where it states none, or ffprobe is not there.
pub fn duration(file: &Path) -> Option<Duration> {
    let seconds = stated(file, "format=duration")?;
    Duration::try_from_secs_f64(seconds.parse().ok()?).ok()
}

/// Pictures a second, on average, of a recording; none where its file does not state it.
pub fn rate(file: &Path) -> Option<f32> {
    fraction(&stated(file, "stream=avg_frame_rate")?)
}

fn stated(file: &Path, entry: &str) -> Option<String> {
    let said = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0"])
        .args(["-show_entries", entry])
        .args(["-of", "default=noprint_wrappers=1:nokey=1"])
        .arg(file)
        .output()
        .ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}

/// `30000/1001`; a stream without a rate has `0/0`.
fn fraction(text: &str) -> Option<f32> {
    let (numerator, denominator) = text.split_once('/')?;
    let numerator: f32 = numerator.parse().ok()?;
    let rate = numerator / denominator.parse::<f32>().ok()?;
    rate.is_normal().then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_fraction_and_nothing_else_is_one() {
        assert_eq!(fraction("25/1"), Some(25.0));
        assert!((fraction("30000/1001").unwrap() - 29.97).abs() < 0.01);
        for none in ["0/0", "25", "N/A", "", "0/1", "1/0"] {
            assert_eq!(fraction(none), None, "{none}");
        }
    }
}
