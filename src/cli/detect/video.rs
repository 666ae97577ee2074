//! The people of a recorded video: one line for each track.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, bail};
use comfy_table::{Table, presets};
use demograph_camera::{
    ffmpeg::{self, End, Event, Seen, Settings, Taken},
    finder::Finder,
    follow::Follower,
    track::{Ended, TrackNumber},
};
use demograph_core::record::EventTime;
use serde_json::{Value, json};

use super::{FinderArgs, crops::CropFolder, thousandths};

const ENDINGS: [&str; 7] = ["mp4", "mkv", "mov", "avi", "webm", "m4v", "ts"];

/// Whether the file's name says that it is a video.
pub(super) fn is_video(file: &Path) -> bool {
    let ending = file.extension().map(|ending| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
}

/// What was seen in a video.
pub(super) struct Watched {
    name: String,
    frames: u64,
    too_small: usize,
    without_track: usize,
    tracks: Vec<Track>,
}

struct Track {
    ended: Ended,
    /// The best crop's.
    quality: f32,
}

/// Follows the people of a video and writes their crops.
pub(super) fn watch(
    args: &FinderArgs,
    file: &Path,
    mut folder: Option<&mut CropFolder>,
) -> anyhow::Result<Watched> {
    let Finder {
        detector,
        wanted,
        crop_size,
    } = args.open()?;
    let mut follower = Follower::new(detector, wanted, crop_size);
    let mut watched = Watched {
        name: file.display().to_string(),
        frames: 0,
        too_small: 0,
        without_track: 0,
        tracks: Vec::new(),
    };
    let mut best: BTreeMap<TrackNumber, f32> = BTreeMap::new();
    let mut ended = Vec::new();
    let mut look = |seen: &mut Seen| -> anyhow::Result<()> {
        let outcome = follower.step(seen)?;
        watched.frames += 1;
        watched.too_small += outcome.too_small;
        watched.without_track += outcome.without_track + outcome.low_score;
        for followed in &outcome.faces {
            let quality = followed.shot.quality.product();
            let best = best.entry(followed.track).or_default();
            *best = quality.max(*best);
        }
        ended.extend(outcome.ended);
        match &mut folder {
            Some(folder) => folder.write_frame(&watched.name, seconds(seen.time), &outcome.faces),
            None => Ok(()),
        }
    };
    // Nobody sends: a recording ends by itself.
    let (_go_on, stop) = crossbeam_channel::bounded(1);
    // A relative name could be taken for an option or a protocol.
    let path = std::fs::canonicalize(file).with_context(|| format!("read {}", file.display()))?;
    let settings = Settings {
        recorded_fps: ffmpeg::rate(&path),
        ..Settings::of(&path.display().to_string())
    };
    ffmpeg::run(&settings, EventTime(0), &stop, |event| {
        match event {
            Event::Frame(mut seen) => look(&mut seen)?,
            Event::Down {
                end: End::Ended, ..
            } => {}
            Event::Down { end, lines, .. } => bail!(
                "{}: ffmpeg could not read all of it ({}): {}",
                file.display(),
                end.name(),
                lines.join("; ")
            ),
        }
        Ok(Taken::Continue)
    })?;
    ended.extend(follower.end());
    ended.sort_by_key(|ended| ended.track);
    watched.tracks = ended
        .into_iter()
        .map(|ended| Track {
            quality: best.get(&ended.track).copied().unwrap_or_default(),
            ended,
        })
        .collect();
    Ok(watched)
}

fn seconds(time: EventTime) -> f64 {
    time.0 as f64 / 1000.0
}

impl Watched {
    pub fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header([
            self.name.as_str(),
            "first seen, s",
            "last seen, s",
            "times seen",
            "best quality",
        ]);
        for Track { ended, quality } in &self.tracks {
            table.add_row([
                format!("track {}", ended.track.0),
                format!("{:.1}", seconds(ended.first)),
                format!("{:.1}", seconds(ended.last)),
                ended.sightings.to_string(),
                format!("{quality:.2}"),
            ]);
        }
        table
    }

    /// What the table leaves out.
    pub fn counts(&self) -> String {
        format!(
            "{} frames; faces without a track: {}; faces below --min-face: {}",
            self.frames, self.without_track, self.too_small
        )
    }

    pub fn json(&self) -> Value {
        let tracks = self.tracks.iter().map(|Track { ended, quality }| {
            json!({
                "track": ended.track.0,
                "first_seen": seconds(ended.first),
                "last_seen": seconds(ended.last),
                "times_seen": ended.sightings,
                "quality": thousandths(*quality),
            })
        });
        json!({
            "file": self.name,
            "frames": self.frames,
            "tracks": tracks.collect::<Vec<_>>(),
            "without_track": self.without_track,
            "too_small": self.too_small,
        })
    }
}
