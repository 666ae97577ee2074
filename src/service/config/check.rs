//! Contradictions between values that a schema cannot see.

use std::{collections::BTreeSet, net::SocketAddr};

use demograph_core::{
    checked::Fault,
    privacy::SourceRules,
    record::{Attribute, SourceId},
    span::Span,
    window::Weighting,
};

use super::{Config, Http, Text, properties, without_login, zones};
use crate::http::Listen;

/// Far above what fills a batch of a stream that deserves a GPU.
const BATCH_WAIT_LIMIT: Span = Span::seconds(1);

pub(super) fn contradictions(config: &Config) -> Vec<Fault> {
    let mut faults = properties::faults(config);
    faults.extend(inference(config));
    faults.extend(crops(config));
    faults.extend(windows(config));
    faults.extend(policy(config));
    faults.extend(state(config));
    faults.extend(sources(&config.sources));
    faults.extend(zones::faults(config));
    faults.extend(output(config));
    faults.extend(http(config));
    faults.extend(limits(config));
    faults
}

fn limits(config: &Config) -> Option<Fault> {
    let (min, max) = (config.limits.image_side_min, config.limits.image_side_max);
    (min > max).then(|| {
        let fix = format!("no image could be accepted: at most limits.image_side_max, {max}");
        Fault::new("limits.image_side_min", min, fix)
    })
}

fn inference(config: &Config) -> Option<Fault> {
    let wait = config.inference.batch_wait_max;
    let fix = "a stop or a rebalance may wait this long: write at most 1s; 0s does not wait";
    (wait > BATCH_WAIT_LIMIT).then(|| Fault::new("inference.batch_wait_max", wait, fix))
}

/// Who stays longer has more crops: that is what dwell weighs.
fn crops(config: &Config) -> Option<Fault> {
    let crops = config.inference.crops_per_track.unwrap_or(0);
    let is_dwell = config.windows.weighting == Weighting::Dwell;
    let fix = "windows.weighting = \"dwell\" counts every crop, so none may be spared: write 0, or leave it out";
    (is_dwell && crops > 0).then(|| Fault::new("inference.crops_per_track", crops, fix))
}

/// What a config without `crops_per_track` does that its default does not.
pub(super) fn all_crops(config: &Config) -> Option<String> {
    let is_dwell = config.windows.weighting == Weighting::Dwell;
    let is_told = config.inference.crops_per_track.is_none() && is_dwell;
    is_told.then(|| {
        "windows.weighting = \"dwell\" counts every crop, so all crops are decoded and estimated. With \"people\" most of a \
         track would be spared (inference.crops_per_track = 0 says that you know)"
            .to_owned()
    })
}

fn windows(config: &Config) -> Vec<Fault> {
    let windows = &config.windows;
    let pane = windows.pane.as_millis();
    let mut faults = Vec::new();
    if !(1_000..=86_400_000).contains(&pane) || 86_400_000 % pane.max(1) != 0 {
        faults.push(Fault::new(
            "windows.pane",
            windows.pane,
            "a day must be a whole number of panes, each from 1s to 24h: write 10s, 1m, 15m or 1h",
        ));
    } else {
        let odd = |span: &&Span| span.as_millis() == 0 || span.as_millis() % pane != 0;
        faults.extend(windows.rolling.iter().filter(odd).map(|span| {
            let fix = format!(
                "a rolling view is a sum of panes: write a multiple of {}",
                windows.pane
            );
            Fault::new("windows.rolling", span, fix)
        }));
    }
    faults.extend(growth(config));
    if windows.past_max < windows.lateness_max {
        faults.push(Fault::new(
            "windows.past_max",
            windows.past_max,
            format!(
                "faces that lateness_max allows would be rejected: write {} or more",
                windows.lateness_max
            ),
        ));
    }
    let bands = &windows.age_bands;
    if bands.first() != Some(&0) || bands.windows(2).any(|pair| pair[0] >= pair[1]) {
        faults.push(Fault::new(
            "windows.age_bands",
            format!("{bands:?}"),
            "begin with 0 and go up, such as [0, 20, 30, 40, 50, 60, 70]",
        ));
    } else if !config.policy.minors_detail && bands.get(1).is_some_and(|&age| age < 18) {
        faults.push(Fault::new(
            "windows.age_bands",
            format!("{bands:?}"),
            "divides the years below 18: let the second band begin at 18 or later, or set policy.minors_detail = true",
        ));
    }
    faults
}

/// A window that its people end shows its total; and a day is what `demograph compact` waits for.
fn growth(config: &Config) -> Vec<Fault> {
    let windows = &config.windows;
    let (people_min, k_total) = (windows.people_min, config.policy.k_total);
    let mut faults = Vec::new();
    if people_min > 0 && people_min < k_total {
        let fix = format!(
            "a window would end with fewer people than may be shown: write policy.k_total ({k_total}) or more, or 0 so that \
             each pane is a window"
        );
        faults.push(Fault::new("windows.people_min", people_min, fix));
    }
    let day = Span::seconds(86_400);
    if !(windows.pane..=day).contains(&windows.window_max) {
        let fix = format!(
            "write windows.pane ({}) or more, and at most 1d",
            windows.pane
        );
        faults.push(Fault::new("windows.window_max", windows.window_max, fix));
    }
    faults
}

/// Else a total that is shown could itself be a small count.
fn policy(config: &Config) -> Option<Fault> {
    let (k_total, k_cell) = (config.policy.k_total, config.policy.k_cell);
    let fix = format!("must be at least policy.k_cell: write {k_cell} or more");
    (k_total < k_cell).then(|| Fault::new("policy.k_total", k_total, fix))
}

/// A restart reads the panes of the rolling views from old checkpoints; a secret does not stand in the config.
fn state(config: &Config) -> Vec<Fault> {
    let longest = config
        .windows
        .rolling
        .iter()
        .max_by_key(|span| span.as_millis());
    let keep_for = config.state.keep_for;
    let too_short = longest.filter(|span| keep_for.as_millis() < span.as_millis());
    let too_short = too_short.map(|span| {
        let fix =
            format!("a restart reads the rolling views from old checkpoints: write {span} or more");
        Fault::new("state.keep_for", keep_for, fix)
    });
    let track_key = config.state.track_key.as_ref();
    let plain_key = track_key.and_then(Text::plain).map(|_| {
        let fix = "every reader of this file would have the key: write { file = \"/run/secrets/track-key\" } or { env = \"NAME\" }";
        Fault::new("state.track_key", "(not shown)", fix)
    });
    too_short.into_iter().chain(plain_key).collect()
}

fn sources(sources: &[SourceRules]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, source) in sources.iter().enumerate() {
        if !seen.insert(&source.id) {
            faults.push(Fault::new(
                &format!("source[{index}].id"),
                format!("{:?}", source.id),
                "stands twice: give each source one entry",
            ));
        }
        if SourceId::is_reserved(&source.id) {
            faults.push(Fault::new(
                &format!("source[{index}].id"),
                format!("{:?}", source.id),
                "names that begin with __ are demograph's own: choose another",
            ));
        }
        if source.id.trim() != source.id || source.id.chars().any(char::is_control) {
            faults.push(Fault::new(
                &format!("source[{index}].id"),
                format!("{:?}", source.id),
                "no event can have this name: remove control characters and spaces at its ends",
            ));
        }
        let basis = source.legal_basis.as_deref().unwrap_or_default().trim();
        if source.attributes.contains(&Attribute::Ethnicity) && basis.is_empty() {
            faults.push(Fault::new(
                &format!("source[{index}].legal_basis"),
                "",
                format!(
                    "source {:?} names ethnicity, a special category of personal data: write the legal basis, or remove it from attributes",
                    source.id
                ),
            ));
        }
    }
    faults
}

fn output(config: &Config) -> Vec<Fault> {
    let day = Span::seconds(24 * 60 * 60);
    let short = config.output.keep.filter(|keep| *keep < day);
    let fault = |keep| {
        Fault::new(
            "output.keep",
            keep,
            "files of a day that just ended would be deleted: write 1d or more, or leave it out to keep them for ever",
        )
    };
    short.map(fault).into_iter().collect()
}

fn http(config: &Config) -> Vec<Fault> {
    let mut faults = listen(&config.http.listen());
    let origins = config.http.cors_origins.iter();
    faults.extend(origins.filter(|origin| !is_origin(origin)).map(|origin| {
        let fix = "write scheme, host and port of the page as the browser sends them, such as \"https://board.example\"";
        Fault::new("http.cors_origins", format!("{origin:?}"), fix)
    }));
    faults.extend(peers(&config.http));
    faults
}

fn peers(http: &Http) -> Vec<Fault> {
    let named = http.peers.iter().map(|url| ("http.peers", url));
    let all = named.chain(http.peers_dns.iter().map(|url| ("http.peers_dns", url)));
    let mut faults = Vec::new();
    for (field, written) in all {
        let mut fault = |fix: &str| {
            faults.push(Fault::new(
                field,
                format!("{:?}", without_login(written)),
                fix,
            ));
        };
        let parsed = url::Url::parse(written).ok();
        let url = parsed.filter(|url| {
            let is_bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
            ["http", "https"].contains(&url.scheme()) && is_bare && url.fragment().is_none()
        });
        match url {
            None => fault(
                "write scheme, host and port alone, such as \"https://other:9464\"; a token stands in http.peers_token",
            ),
            Some(url) => {
                let is_here = match url.host() {
                    Some(url::Host::Ipv4(address)) => address.is_loopback(),
                    Some(url::Host::Ipv6(address)) => address.is_loopback(),
                    _ => false,
                };
                if http.peers_token.is_some() && url.scheme() == "http" && !is_here {
                    fault("the token would go over the network without TLS: write https");
                }
            }
        }
    }
    if http.peers_token.as_ref().and_then(Text::plain).is_some() {
        let fix = "every reader of this file would have the token: write { file = \"/run/secrets/peers-token\" } or { env = \"NAME\" }";
        faults.push(Fault::new("http.peers_token", "(not shown)", fix));
    }
    faults
}

/// Whether a browser could send this as the header `Origin`. "*" and "null" would be everyone.
fn is_origin(origin: &str) -> bool {
    let parsed = url::Url::parse(origin);
    parsed.is_ok_and(|url| {
        let is_web = ["http", "https"].contains(&url.scheme());
        is_web && url.origin().ascii_serialization() == origin
    })
}

/// What is wrong with `http.listen`. What the files at `http.web_config` and `http.tokens` hold is seen when they are opened.
pub fn listen(listen: &Listen) -> Vec<Fault> {
    let has_files = listen.web_config.is_some();
    let address = &listen.address;
    match address.parse::<SocketAddr>() {
        Err(_) => vec![Fault::new(
            "http.listen",
            format!("{address:?}"),
            "write an IP address and a port, such as 127.0.0.1:9464",
        )],
        Ok(parsed) if !parsed.ip().is_loopback() && !listen.insecure && !has_files => {
            vec![Fault::new(
                "http.listen",
                format!("{address:?}"),
                "others can read this address, and the endpoint has neither TLS nor users: bind to 127.0.0.1, name a file with them in http.web_config, or set http.insecure_listen = true behind a proxy or a network policy",
            )]
        }
        Ok(_) => Vec::new(),
    }
}
