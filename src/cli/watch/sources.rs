//! What the user wants to watch: addresses, devices, recordings, folders of photographs, and what their sources are called.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    str::FromStr,
    time::UNIX_EPOCH,
};

use anyhow::{Context, bail};
use demograph_camera::ffmpeg::{self, Settings};
use demograph_core::{
    event,
    record::{EventTime, SourceId},
};
use demograph_gateway::Input;
use demograph_lab::dataset::images;
use demograph_service::clock;

/// A SOURCE of the command line: `[NAME=]WHERE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    name: Option<String>,
    place: String,
}

impl FromStr for Wish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // An address or a path may hold an equals sign, a name holds neither a slash nor a dot before it.
        let named = text
            .split_once('=')
            .filter(|(name, place)| !name.contains(['/', ':', '.', '?']) && !place.is_empty());
        let (name, place) = match named {
            Some((name, place)) => (Some(name.trim().to_owned()), place),
            None => (None, text),
        };
        if let Some(name) = &name {
            event::source_id(name).map_err(|_| {
                format!(
                    "{name:?} cannot be a source's name: write 1 to 256 bytes without control characters"
                )
            })?;
        }
        match place.is_empty() {
            true => Err("write an address, a device, a video file or a folder of pictures".into()),
            false => Ok(Self {
                name,
                place: place.to_owned(),
            }),
        }
    }
}

/// The names of the sources, in the order of the wishes. No two are the same: a name that was written is kept, and one that was
/// made of an address or a file gets a number where it is taken.
pub(super) fn names(wishes: &[Wish]) -> anyhow::Result<Vec<SourceId>> {
    let mut taken = BTreeMap::new();
    for wish in wishes {
        let Some(name) = &wish.name else { continue };
        if let Some(other) = taken.insert(name.clone(), wish) {
            let [one, other] = [other, wish].map(|wish| ffmpeg::redact(&wish.place));
            bail!(
                "two sources are called {name:?}: {one} and {other}. Give each a name of its own, such as \
                 {name}-1=... and {name}-2=...; the tables could not tell them apart"
            );
        }
    }
    let mut taken: BTreeSet<String> = taken.into_keys().collect();
    let name = |wish: &Wish| {
        if let Some(name) = &wish.name {
            return SourceId::new(name);
        }
        let wanted = usual(&wish.place);
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        let mut free = std::iter::once(wanted.clone()).chain(numbered);
        let name = free.find(|name| taken.insert(name.clone()));
        SourceId::new(&name.unwrap_or(wanted))
    };
    Ok(wishes.iter().map(name).collect())
}

/// The host of an address, the name of a file without its ending. No login, and no letter that a name cannot have.
fn usual(place: &str) -> String {
    let name = match place.split_once("://") {
        Some((_, rest)) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let host = host.rsplit('@').next().unwrap_or_default();
            host.split(':').next().unwrap_or_default().to_owned()
        }
        None => {
            let path = Path::new(place);
            let stem = path.file_stem().or(path.file_name());
            stem.map_or(String::new(), |stem| stem.to_string_lossy().into_owned())
        }
    };
    match event::source_id(&name) {
        Ok(source) => source.as_str().to_owned(),
        Err(_) => "camera".into(),
    }
}

/// Where its pictures come from. A recording began at `start`, or so that it ended when its file was last changed.
pub(super) fn input(wish: &Wish, start: Option<EventTime>, fps: f32) -> anyhow::Result<Input> {
    let settings = |place: &str| Settings {
        fps,
        ..Settings::of(place)
    };
    if ffmpeg::is_stream(&wish.place) {
        let shown = ffmpeg::redact(&wish.place);
        if shown != wish.place {
            tracing::warn!(
                "{shown}: everybody on this machine can read this address with its login in the list of processes. \
                 `demograph camera` takes a login from a file"
            );
        }
        return Ok(Input::Camera(settings(&wish.place)));
    }
    // A relative name could be taken for an option or a protocol.
    let path = std::fs::canonicalize(&wish.place).with_context(|| {
        format!(
            "{}: there is no such file or folder, and it is no rtsp://, http:// or /dev/video0",
            ffmpeg::redact(&wish.place)
        )
    })?;
    if path.is_dir() {
        let files = images(&path)?;
        if files.is_empty() {
            bail!(
                "{} holds no JPEG, PNG or WebP. Name each video by itself",
                path.display()
            );
        }
        return Ok(Input::Photographs(files));
    }
    let start = match start {
        Some(start) if start.plus(length(&path)) > clock::now() => bail!(
            "{}: with this --start it ends in the future. Write when it began, such as 2026-03-01T09:30:00Z",
            wish.place
        ),
        Some(start) => start,
        None => begin(&path)?,
    };
    let settings = Settings {
        recorded_fps: ffmpeg::rate(&path),
        ..settings(&path.display().to_string())
    };
    Ok(Input::Recording(settings, start))
}

fn begin(path: &Path) -> anyhow::Result<EventTime> {
    let changed = std::fs::metadata(path).and_then(|facts| facts.modified());
    let changed = changed.with_context(|| format!("read {}", path.display()))?;
    let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
    let changed = EventTime(changed.as_millis() as i64).min(clock::now());
    Ok(changed.minus(length(path)))
}

/// In milliseconds; 0 where the file does not state it.
fn length(path: &Path) -> i64 {
    let length = ffmpeg::duration(path).unwrap_or_default();
    length.as_millis() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_a_name_of_its_own_without_a_login() {
        let wishes = [
            "rtsp://u:p@10.0.0.7:554/main",
            "rtsp://10.0.0.7/sub?a=b",
            // What was written is kept, wherever it stands.
            "videos/door.mp4",
            "door=rtsp://cam/1?a=b",
            "/dev/video0",
            "http://cam/a=b.mjpg",
            "__x__.mp4",
        ];
        let wishes = wishes.map(|text| text.parse().unwrap());
        let names = names(&wishes).unwrap();
        let names: Vec<&str> = names.iter().map(SourceId::as_str).collect();
        assert_eq!(
            names,
            [
                "10.0.0.7",
                "10.0.0.7-2",
                "door-2",
                "door",
                "video0",
                "cam",
                "camera"
            ]
        );
        assert_eq!(wishes[3].place, "rtsp://cam/1?a=b");
        assert_eq!(wishes[5].place, "http://cam/a=b.mjpg");
        assert!("".parse::<Wish>().is_err() && "__a=x.mp4".parse::<Wish>().is_err());
    }

    #[test]
    fn two_sources_with_one_written_name_are_refused_with_both_addresses_and_the_fix() {
        let wishes = ["door=rtsp://u:s3cret@10.0.0.7/1", "b.mp4", "door=a.mp4"];
        let wishes = wishes.map(|text| text.parse().unwrap());
        let said = names(&wishes).unwrap_err().to_string();
        for part in ["\"door\"", "rtsp://***@10.0.0.7/1", "a.mp4", "door-2=..."] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("s3cret"), "{said}");
    }
}
