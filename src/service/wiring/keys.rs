//! The key of the hashes of track ids: from the config, or from the store of the checkpoints, where the first start makes
//! it. A key that the checkpoints do not fit is refused before anything is read.

use anyhow::{Context, bail};
use demograph_core::state::{Chain, Fingerprint, OtherKey, TopicFolder, TrackKey};

use crate::{
    config::{Config, OtherTrackKey},
    sink::Stores,
};

/// Takes the key that the config names, or the one in the store, which is made if no checkpoint was written with one.
/// Says where it lies.
pub fn open(config: &Config, stores: &Stores) -> anyhow::Result<(TrackKey, String)> {
    if let Some(key) = configured(config)? {
        return Ok((key, "state.track_key".into()));
    }
    let (group, topic) = place(config);
    let key = TrackKey::settle(stores, group, topic, || {
        if config.state.on_other_track_key == OtherTrackKey::Stop {
            refuse_if_lost(config, stores)?;
        }
        let secret: [u8; 32] = rand::random();
        Ok(demograph_core::hex(secret))
    })
    .context("the track key")?;
    Ok((key, path(config, stores)))
}

/// Where the key lies, and whether all checkpoints fit it. Changes nothing.
pub fn inspect(config: &Config, stores: &Stores) -> anyhow::Result<String> {
    let from_config = configured(config)?;
    let place = match from_config {
        Some(_) => "state.track_key".to_owned(),
        None => path(config, stores),
    };
    let found = match from_config {
        Some(key) => Some(key),
        None => {
            let (group, topic) = self::place(config);
            TrackKey::find(stores, group, topic)?
        }
    };
    let is_cut = config.state.on_other_track_key == OtherTrackKey::Cut;
    let Some(key) = found else {
        if !is_cut {
            refuse_if_lost(config, stores)?;
        }
        return Ok(format!("the first start makes it, as {place}"));
    };
    for (partition, fingerprint) in fingerprints(config, stores)? {
        match key.check(fingerprint) {
            Ok(()) => {}
            Err(other) if is_cut => {
                println!(
                    "note   track key: partition {partition}: {other}; its open panes are cut"
                );
            }
            Err(other) => bail!("partition {partition}: {other}: {}", OtherKey::WHAT_TO_DO),
        }
    }
    Ok(match place.as_str() {
        "state.track_key" => "given by state.track_key".into(),
        place => format!(
            "lies in {place}, beside the checkpoints. A reader of both can find track ids: set state.track_key to keep \
             them apart"
        ),
    })
}

fn configured(config: &Config) -> anyhow::Result<Option<TrackKey>> {
    let Some(text) = &config.state.track_key else {
        return Ok(None);
    };
    let secret = text
        .resolve()
        .map_err(anyhow::Error::msg)
        .context("state.track_key")?;
    TrackKey::of(&secret).context("state.track_key").map(Some)
}

/// No new key is made beside checkpoints that were written with another.
fn refuse_if_lost(config: &Config, stores: &Stores) -> anyhow::Result<()> {
    for (partition, fingerprint) in fingerprints(config, stores)? {
        if fingerprint.is_some() {
            bail!(
                "the checkpoints of partition {partition} were written with a track key, and {} is not there: {}",
                path(config, stores),
                OtherKey::WHAT_TO_DO
            );
        }
    }
    Ok(())
}

/// With which key each partition's newest checkpoint was written.
fn fingerprints(
    config: &Config,
    stores: &Stores,
) -> anyhow::Result<Vec<(i32, Option<Fingerprint>)>> {
    let (group, topic) = place(config);
    let names = TopicFolder::new(group, topic);
    let folders = stores.state.folders(names.path())?;
    let partitions = folders.iter().filter_map(|folder| names.partition(folder));
    let mut fingerprints = Vec::new();
    for partition in partitions {
        // It is only read: what writes would have a number of its own.
        let saved = Chain::new(names.chain(partition), 0).recover(stores)?;
        if let Some(saved) = saved {
            fingerprints.push((partition, saved.track_key));
        }
    }
    Ok(fingerprints)
}

fn place(config: &Config) -> (&str, &str) {
    (&config.kafka.group, &config.kafka.topic)
}

fn path(config: &Config, stores: &Stores) -> String {
    let (group, topic) = place(config);
    format!("{}/{}", stores.state.place(), TrackKey::path(group, topic))
}
