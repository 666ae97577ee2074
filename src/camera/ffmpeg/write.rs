//! A film -> a video file, by ffmpeg.

use std::{
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use crate::film::Film;

/// Writes the film as H.264, in a format that the ending of the file names.
pub fn write(film: &Film, file: &Path) -> anyhow::Result<()> {
    let (width, height) = film.size;
    let fps = film.fps.to_string();
    let encoder = Command::new("ffmpeg")
        .args(["-hide_banner", "-v", "error", "-y"])
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24"])
        .args(["-s", &format!("{width}x{height}")])
        .args(["-r", &fps, "-i", "pipe:0"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18"])
        // A key frame a second, as cameras send them.
        .args(["-g", &fps, "-pix_fmt", "yuv420p"])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut encoder = match encoder {
        Ok(encoder) => encoder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("the program ffmpeg is not there: run setup/system-packages")
        }
        Err(error) => return Err(error).context("start ffmpeg"),
    };
    let mut pipe = encoder.stdin.take().context("ffmpeg has no input")?;
    // Where the pipe breaks, ffmpeg says why.
    let _is_broken = film.show(|picture| pipe.write_all(picture));
    drop(pipe);
    let ended = encoder.wait_with_output().context("wait for ffmpeg")?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        bail!("ffmpeg cannot write {}: {}", file.display(), said.trim());
    }
    Ok(())
}
