//! Where checkpoints lie beside the tables. Checkpoints hold exact counts of what the tables withhold, so they do not lie
//! under the place that analysts read, unless the config says so. Pure: nothing is opened here.

use std::path::{Component, Path};

use super::{Config, without_login};

impl Config {
    /// Where checkpoints lie unless they began elsewhere: state.url, or the neighbour of output.url.
    pub fn state_place(&self) -> String {
        let neighbour = || neighbour(&self.output.url);
        let stated = self.state.url.clone();
        stated
            .or_else(neighbour)
            .unwrap_or_else(|| self.output.url.clone())
    }
}

/// The place beside a place: "out-state" of "out". `None` of a whole bucket and of "/", "." and "..".
fn neighbour(url: &str) -> Option<String> {
    let named = match url.split_once("://") {
        Some(("file", path)) => has_name(path),
        Some((_, place)) => place.trim_end_matches('/').contains('/'),
        None => has_name(url),
    };
    named.then(|| format!("{}-state", url.trim_end_matches('/')))
}

fn has_name(path: &str) -> bool {
    let last = Path::new(path).components().next_back();
    matches!(last, Some(Component::Normal(_))) && !path.trim_end_matches('/').ends_with("/.")
}

/// Whether a place is the other one or lies in it.
fn lies_in(inner: &str, outer: &str) -> bool {
    let plain = |url: &str| url.strip_prefix("file://").unwrap_or(url).to_owned();
    Path::new(&plain(inner)).starts_with(plain(outer))
}

/// What the place of the checkpoints gives away.
pub(super) fn warning(config: &Config) -> Option<String> {
    let place = config.state_place();
    lies_in(&place, &config.output.url).then(|| {
        format!(
            "state.url: checkpoints lie in {}, under output.url: whoever may read the tables can read the exact counts \
             that these withhold. Give state.url a place that only the service reads",
            without_login(&place)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_lie_beside_the_tables() {
        for (url, expected) in [
            ("out", Some("out-state")),
            ("out/", Some("out-state")),
            ("/var/lib/demograph", Some("/var/lib/demograph-state")),
            ("../x", Some("../x-state")),
            ("file:///x/out", Some("file:///x/out-state")),
            ("s3://bucket/site-a/", Some("s3://bucket/site-a-state")),
            ("s3://bucket", None),
            ("s3://bucket/", None),
            ("file:///", None),
            ("/", None),
            (".", None),
            ("out/.", None),
            ("..", None),
        ] {
            assert_eq!(neighbour(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn who_puts_checkpoints_under_the_tables_is_told() {
        for (state, output, told) in [
            (None, "out", false),
            (None, "s3://bucket", true),
            (Some("out"), "out", true),
            (Some("out/state/x"), "out/", true),
            (Some("out-state"), "out", false),
            (Some("file:///x/out/y"), "/x/out", true),
            (Some("s3://bucket/a/b"), "s3://bucket/a", true),
            (Some("s3://bucket/ab"), "s3://bucket/a", false),
        ] {
            let text = format!(
                "[kafka]\nbrokers='b:1'\ntopic='t'\n[model]\ndir='m'\n[output]\nurl='{output}'\n\
                 [[source]]\nid='lobby'\n[state]\n{}",
                state.map_or(String::new(), |url: &str| format!("url='{url}'"))
            );
            let warning = warning(&Config::parse(&text).unwrap());
            assert_eq!(warning.is_some(), told, "{state:?} {output}: {warning:?}");
        }
    }
}
