//! Where checkpoints and exact cells lie beside the tables. They hold exact counts of what the tables withhold, so they do
//! not lie under the place that analysts read, unless the config says so. Pure: nothing is opened here.

use std::path::{Component, Path};

use super::{Config, without_login};

impl Config {
    /// Where checkpoints lie unless they began elsewhere: state.url, or the neighbour of output.url.
    pub fn state_place(&self) -> String {
        let neighbour = || neighbour(&self.output.url, "-state");
        let stated = self.state.url.clone();
        stated
            .or_else(neighbour)
            .unwrap_or_else(|| self.output.url.clone())
    }

    /// Where the table `cells` lies: output.cells_url, or the neighbour of output.url.
    pub fn cells_place(&self) -> String {
        let stated = self.output.cells_url.clone();
        stated.unwrap_or_else(|| cells_beside(&self.output.url))
    }
}

/// Whether two places are one, as far as their names say.
pub fn is_same_place(one: &str, other: &str) -> bool {
    lies_in(one, other) && lies_in(other, one)
}

/// Where the table `cells` lies beside the tables, unless the config says otherwise.
pub fn cells_beside(tables: &str) -> String {
    neighbour(tables, "-cells").unwrap_or_else(|| tables.to_owned())
}

/// The place beside a place: "out-state" of "out". `None` of a whole bucket and of "/", "." and "..".
fn neighbour(url: &str, ending: &str) -> Option<String> {
    let named = match url.split_once("://") {
        Some(("file", path)) => has_name(path),
        Some((_, place)) => place.trim_end_matches('/').contains('/'),
        None => has_name(url),
    };
    named.then(|| format!("{}{ending}", url.trim_end_matches('/')))
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

/// What the places of exact counts give away.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let cells = config.output.cells.then(|| config.cells_place());
    [
        ("state.url", "checkpoints", Some(config.state_place())),
        ("output.cells_url", "exact cells", cells),
    ]
    .into_iter()
    .filter_map(|(key, what, place)| {
        let place = place.filter(|place| lies_in(place, &config.output.url))?;
        Some(format!(
            "{key}: {what} lie in {}, under output.url: everyone who may read the tables can read the exact counts that these \
             withhold. Give {key} a place that only those read who may see them",
            without_login(&place)
        ))
    })
    .collect()
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
            assert_eq!(neighbour(url, "-state").as_deref(), expected, "{url}");
            let cells = expected.map_or(url.to_owned(), |place| place.replace("-state", "-cells"));
            assert_eq!(cells_beside(url), cells);
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
            let warnings = warnings(&Config::parse(&text).unwrap());
            assert_eq!(
                !warnings.is_empty(),
                told,
                "{state:?} {output}: {warnings:?}"
            );
        }
    }

    #[test]
    fn a_place_may_be_written_in_several_ways() {
        for (one, other, same) in [
            ("out", "out/", true),
            ("/x/out", "file:///x/out/", true),
            ("s3://bucket/a", "s3://bucket/a/", true),
            ("out", "out-cells", false),
            ("out", "out/x", false),
        ] {
            assert_eq!(is_same_place(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn who_puts_exact_cells_under_the_tables_is_told() {
        for (more, told) in [
            ("", false),
            ("cells=true", false),
            ("cells=true\ncells_url='out/x'", true),
            ("cells_url='out/x'", false),
        ] {
            let text = format!(
                "[kafka]\nbrokers='b:1'\ntopic='t'\n[model]\ndir='m'\n[[source]]\nid='lobby'\n[output]\nurl='out'\n{more}"
            );
            let warnings = warnings(&Config::parse(&text).unwrap());
            let is_told = warnings
                .iter()
                .any(|text| text.contains("output.cells_url"));
            assert_eq!(is_told, told, "{more}: {warnings:?}");
        }
    }
}
