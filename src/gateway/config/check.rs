//! Contradictions between values that a schema cannot see.

use std::collections::BTreeSet;

use demograph_camera::ffmpeg;
use demograph_core::{checked::Fault, event, span::Span};
use demograph_service::config::{self, properties};

use super::{Camera, Config};
use crate::address;

pub(super) fn contradictions(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    let properties = config.kafka.properties.iter();
    faults.extend(properties.filter_map(|(key, value)| {
        let why = properties::refuses(key, &value.plain().unwrap_or_default())?;
        Some(Fault::new(&format!("kafka.properties.\"{key}\""), "", why))
    }));
    let mut seen = BTreeSet::new();
    for (index, camera) in config.cameras.iter().enumerate() {
        let at = |key: &str| format!("camera[{index}].{key}");
        faults.extend(of_camera(camera, at));
        if !seen.insert(&camera.id) {
            let fix = "stands twice: give each camera a name of its own";
            faults.push(Fault::new(&at("id"), format!("{:?}", camera.id), fix));
        }
    }
    faults.extend(config::listen(&config.http.listen()));
    faults.extend(pane(config));
    faults
}

fn pane(config: &Config) -> Option<Fault> {
    let pane = config.crops.pane.as_millis();
    let is_whole = (1_000..=86_400_000).contains(&pane) && 86_400_000 % pane == 0;
    let fix = "a day must be a whole number of panes: write what windows.pane of `demograph run` says, such as 10s";
    (!is_whole).then(|| Fault::new("crops.pane", config.crops.pane, fix))
}

fn of_camera(camera: &Camera, at: impl Fn(&str) -> String) -> Vec<Fault> {
    let mut faults = Vec::new();
    let is_name = event::source_id(&camera.id).is_ok_and(|source| source.as_str() == camera.id);
    if !is_name {
        let fix = "a name has 1 to 256 bytes, holds no control character and no space at its ends, and does not begin with __";
        faults.push(Fault::new(&at("id"), format!("{:?}", camera.id), fix));
    }
    if camera
        .password
        .as_ref()
        .is_some_and(|word| word.plain().is_some())
    {
        let fix = "every reader of this file would have it: write { file = \"/run/secrets/NAME\" } or { env = \"NAME\" }";
        faults.push(Fault::new(&at("password"), "(not shown)", fix));
    }
    if camera.password.is_some() && camera.user.is_none() {
        let fix = "a password without a user: write user, too";
        faults.push(Fault::new(&at("user"), "", fix));
    }
    if let Some(plain) = camera.address.plain() {
        if !ffmpeg::is_stream(&plain) {
            let fix = "write rtsp://host/path, http://host/path or /dev/video0. For a recording: `demograph watch` or \
                       `demograph detect`";
            let shown = format!("{:?}", address::shown(&plain));
            faults.push(Fault::new(&at("address"), shown, fix));
        }
        if camera.user.is_some() && address::has_login(&plain) {
            let fix = "the address holds a user, too: remove one of them";
            faults.push(Fault::new(&at("user"), "", fix));
        }
    }
    for name in camera.stream_options.keys() {
        if !name.chars().all(ffmpeg::is_of_name) || name.is_empty() {
            let fix = "an option of ffmpeg has letters, digits, _ and - in its name";
            faults.push(Fault::new(&at("stream_options"), format!("{name:?}"), fix));
        }
    }
    if let Some(region) = camera.region
        && (region.x + region.width > 1.0 || region.y + region.height > 1.0)
    {
        let fix = "it leaves the picture: x + width and y + height are 1 at most";
        faults.push(Fault::new(&at("region"), "", fix));
    }
    for (number, polygon) in camera.mask.iter().enumerate() {
        let field = at(&format!("mask[{number}]"));
        if polygon.len() < 3 {
            let fix = "a polygon has three corners or more";
            faults.push(Fault::new(&field, format!("{polygon:?}"), fix));
        } else if polygon
            .as_flattened()
            .iter()
            .any(|part| !(0.0..=1.0).contains(part))
        {
            let fix =
                "a corner lies outside of the picture: write parts of its width and height, 0 to 1";
            faults.push(Fault::new(&field, format!("{polygon:?}"), fix));
        }
    }
    faults
}

pub(super) fn warnings(config: &Config) -> Vec<String> {
    let properties = config.kafka.properties.iter();
    let mut warnings: Vec<String> = properties
        .filter_map(|(key, value)| {
            let words = properties::warns(key, &value.resolve().ok()?)?;
            Some(format!("kafka.properties.\"{key}\": {words}"))
        })
        .collect();
    for camera in &config.cameras {
        if camera
            .address
            .plain()
            .is_some_and(|plain| address::has_login(&plain))
        {
            warnings.push(format!(
                "the address of {:?} holds a login: every reader of the file has it. Write user and password = {{ file = \
                 \"/run/secrets/NAME\" }}",
                camera.id
            ));
        }
    }
    if config.crops.per_track == 0 {
        warnings.push(
            "crops.per_track = 0 sends every face of every frame: ten times as many faces lie in the topic".into(),
        );
    }
    if config.limits.silence_max < Span::seconds(5) {
        warnings.push(format!(
            "limits.silence_max = {}: cameras with a long distance between key frames are opened anew all the time",
            config.limits.silence_max
        ));
    }
    warnings
}
