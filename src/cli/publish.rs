//! `demograph publish`: the integrator's reference producer.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use demograph_core::event::{self, CropEvent, Form, content_type};
use demograph_lab::dataset::images;
use demograph_service::{
    clock,
    config::{self, Text},
    kafka::{Admin, Producer},
};
use indicatif::{ProgressBar, ProgressStyle};

use super::pace::Pace;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph publish tests/data/composites --source lobby --source cafe --one-crop-a-person --rate 50 --count 5000
  demograph publish crops.csv --brokers kafka:9093 -X security.protocol=SSL -X ssl.ca.location=ca.pem

A CSV has a column `file` (a path relative to the CSV). It may have `source` and `trackid`; other columns are ignored. The \
source id is the record's key, so that one source stays in one partition.")]
pub(super) struct PublishArgs {
    /// A folder of JPEG, PNG and WebP crops, or a CSV that lists them.
    path: PathBuf,
    /// Bootstrap servers: host:port, separated by commas.
    #[arg(long, default_value = "localhost:9092")]
    brokers: String,
    /// The topic to send to.
    #[arg(long, default_value = "face-crops")]
    topic: String,
    /// If the topic does not exist, create it with this many partitions.
    #[arg(long, value_name = "PARTITIONS")]
    create_topic: Option<i32>,
    /// The source id of crops whose CSV row names none. Repeat the option: several sources take turns.
    #[arg(long = "source", value_name = "ID", default_value = "camera-1")]
    sources: Vec<String>,
    /// Events per second. 0: as fast as the broker accepts them.
    #[arg(long, default_value_t = 0.0)]
    rate: f64,
    /// Number of events. After the last crop it starts again with the first. Default: each crop once.
    #[arg(long)]
    count: Option<u64>,
    /// Give each crop without a `trackid` a track id of its own, because faces without one cast no vote (policy.untracked).
    /// Do not use it for the frames of a video: each frame would count as a person.
    #[arg(long)]
    one_crop_a_person: bool,
    /// The form of the events (CloudEvents over Kafka).
    #[arg(long, value_enum, default_value_t = Format::Binary)]
    format: Format,
    /// A librdkafka property. Repeat the option for several.
    #[arg(short = 'X', value_name = "KEY=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
}

fn property(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// One crop to send.
#[derive(Debug, Clone, PartialEq)]
struct Crop {
    path: PathBuf,
    source: Option<String>,
    track: Option<String>,
}

pub(super) fn run(args: PublishArgs) -> anyhow::Result<ExitCode> {
    let crops = list(&args.path)?;
    check_sources(&args.sources, &crops)?;
    let kafka = kafka_config(&args);
    if let Some(partitions) = args.create_topic {
        Admin::connect(&kafka)?.create_topic(partitions)?;
    }
    let producer = Producer::connect(&kafka)?;
    let count = args.count.unwrap_or(crops.len() as u64);
    let progress = progress_bar(count)?;
    let run_id = clock::now().0;
    let pace = Pace::new(args.rate);
    for n in 0..count {
        pace.wait_for(n);
        let crop = &crops[(n % crops.len() as u64) as usize];
        let turn = &args.sources[(n % args.sources.len() as u64) as usize];
        let id = format!("{run_id}-{n}");
        let own = args.one_crop_a_person.then(|| id.clone());
        let event = CropEvent {
            quality: None,
            id,
            source: crop.source.as_ref().unwrap_or(turn).clone(),
            time: clock::now(),
            track: crop.track.clone().or(own),
            content_type: content_type(&crop.path.to_string_lossy())
                .unwrap_or("application/octet-stream"),
            image: std::fs::read(&crop.path)
                .with_context(|| format!("read {}", crop.path.display()))?,
        };
        producer.send(&event.encode(args.format.into()))?;
        progress.inc(1);
    }
    producer.flush(Duration::from_secs(60))?;
    progress.finish_and_clear();
    println!(
        "{} events delivered to {:?} in {:.1} s, {} failed",
        producer.delivered(),
        args.topic,
        pace.seconds(),
        producer.failed()
    );
    Ok(if producer.failed() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The two forms of CloudEvents over Kafka.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// The value is the image, the attributes are headers.
    Binary,
    /// The value is JSON with the image in base64.
    Structured,
}

impl From<Format> for Form {
    fn from(format: Format) -> Self {
        match format {
            Format::Binary => Self::Binary,
            Format::Structured => Self::Structured,
        }
    }
}

/// Refuses what the service would reject.
fn check_sources(sources: &[String], crops: &[Crop]) -> anyhow::Result<()> {
    let named = crops.iter().filter_map(|crop| crop.source.as_ref());
    for name in sources.iter().chain(named) {
        if let Err(reason) = event::source_id(name) {
            bail!(
                "the source {name:?} would be rejected as {}: a name has 1 to 256 bytes, holds no control character, \
                 and does not begin with __",
                reason.name()
            );
        }
    }
    Ok(())
}

fn kafka_config(args: &PublishArgs) -> config::Kafka {
    let properties = args.properties.iter();
    let properties = properties.map(|(key, value)| (key.clone(), Text::Plain(value.clone())));
    config::Kafka::of_producer(&args.brokers, &args.topic, properties.collect())
}

fn progress_bar(count: u64) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} events  {per_sec}  {eta} left")?;
    Ok(ProgressBar::new(count).with_style(style))
}

/// The crops of a folder in the order of their names, or of a CSV in its order.
fn list(path: &Path) -> anyhow::Result<Vec<Crop>> {
    let crops = if path.is_dir() {
        list_folder(path)?
    } else {
        list_csv(path)?
    };
    if crops.is_empty() {
        bail!(
            "{} holds no crops: give a folder with JPEG, PNG or WebP files, or a CSV with a column `file`",
            path.display()
        );
    }
    Ok(crops)
}

fn list_folder(folder: &Path) -> anyhow::Result<Vec<Crop>> {
    let crop = |path| Crop {
        path,
        source: None,
        track: None,
    };
    Ok(images(folder)?.into_iter().map(crop).collect())
}

fn list_csv(path: &Path) -> anyhow::Result<Vec<Crop>> {
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("read {}", path.display()))?;
    let columns = reader.headers()?.clone();
    let column = |name: &str| columns.iter().position(|column| column == name);
    let Some(file) = column("file") else {
        bail!(
            "{} has no column `file`; it has: {}",
            path.display(),
            columns.iter().collect::<Vec<_>>().join(", ")
        );
    };
    let (source, track) = (column("source"), column("trackid"));
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut crops = Vec::new();
    for row in reader.records() {
        let row = row.with_context(|| format!("read {}", path.display()))?;
        let text = |column: Option<usize>| {
            let text = row.get(column?)?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        crops.push(Crop {
            path: folder.join(&row[file]),
            source: text(source),
            track: text(track),
        });
    }
    Ok(crops)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_names_files_beside_itself_with_source_and_track() {
        let folder = tempfile::tempdir().unwrap();
        let csv = folder.path().join("crops.csv");
        std::fs::write(
            &csv,
            "file,age,source,trackid\na.jpg,31,lobby,7\nb.jpg,32,,\n",
        )
        .unwrap();
        let crops = list(&csv).unwrap();
        assert_eq!(crops[0].path, folder.path().join("a.jpg"));
        assert_eq!(
            (crops[0].source.as_deref(), crops[0].track.as_deref()),
            (Some("lobby"), Some("7"))
        );
        assert_eq!((&crops[1].source, &crops[1].track), (&None, &None));
    }

    #[test]
    fn a_source_that_the_service_would_reject_is_refused() {
        let crop = |source: &str| Crop {
            path: "a.jpg".into(),
            source: Some(source.into()),
            track: None,
        };
        let lobby = ["lobby".to_owned()];
        assert!(check_sources(&lobby, &[crop("cafe")]).is_ok());
        for name in ["__unknown__", "", "a\nb", &"s".repeat(257)] {
            let error = check_sources(&[name.to_owned()], &[]).unwrap_err();
            assert!(error.to_string().contains("rejected as"), "{error}");
            assert!(check_sources(&lobby, &[crop(name)]).is_err());
        }
    }

    #[test]
    fn a_folder_without_crops_is_an_error_that_says_what_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("notes.txt"), "x").unwrap();
        let error = list(folder.path()).unwrap_err().to_string();
        assert!(error.contains("JPEG"), "{error}");
    }
}
