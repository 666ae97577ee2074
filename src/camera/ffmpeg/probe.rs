//! How long a recording is, by ffprobe, which comes with ffmpeg.

use std::{path::Path, process::Command, time::Duration};

/// The length that a recording's file states; none where it states none, or ffprobe is not there.
pub fn duration(file: &Path) -> Option<Duration> {
    let said = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "format=duration"])
        .args(["-of", "default=noprint_wrappers=1:nokey=1"])
        .arg(file)
        .output()
        .ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}
