//! The time zones that the config names.

use demograph_core::{
    checked::Fault,
    periods::{Zone, Zones},
    record::SourceId,
};

use super::Config;

impl Config {
    /// By whose clocks hours and days are cut.
    pub fn zones(&self) -> Zones {
        let zone = |name: &str| Zone::named(name).expect("the config was checked");
        let own = self.sources.iter().filter_map(|source| {
            let name = source.time_zone.as_deref()?;
            Some((SourceId::new(&source.id), zone(name)))
        });
        Zones {
            own: own.collect(),
            default: zone(&self.windows.time_zone),
        }
    }
}

/// Names that are not in the database.
pub(super) fn faults(config: &Config) -> Vec<Fault> {
    let default = ("windows.time_zone".to_owned(), &config.windows.time_zone);
    let own = config
        .sources
        .iter()
        .enumerate()
        .filter_map(|(place, source)| {
            let name = source.time_zone.as_ref()?;
            Some((format!("source[{place}].time_zone"), name))
        });
    let named = [default].into_iter().chain(own);
    let unknown = named.filter_map(|(field, name)| {
        let error = Zone::named(name).err()?;
        Some(Fault::new(&field, format!("{name:?}"), error.to_string()))
    });
    unknown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(more: &str) -> Result<Config, demograph_core::checked::Faults> {
        Config::parse(&format!(
            "[kafka]\nbrokers = 'b:1'\ntopic = 't'\n[model]\ndir = 'm'\n[output]\nurl = 'out'\n{more}"
        ))
    }

    #[test]
    fn a_source_has_its_own_zone_or_that_of_all_or_utc() {
        let zones = config(
            "[windows]\ntime_zone = 'europe/berlin'\n[[source]]\nid = 'a'\n[[source]]\nid = 'b'\ntime_zone = 'Asia/Kolkata'",
        );
        let zones = zones.unwrap().zones();
        let name = |source: &str| zones.of(&SourceId::new(source)).name();
        assert_eq!([name("a"), name("b")], ["Europe/Berlin", "Asia/Kolkata"]);
        assert_eq!(config("").unwrap().zones(), Zones::default());
    }

    #[test]
    fn every_unknown_zone_is_named_with_one_that_may_be_meant() {
        let more =
            "[windows]\ntime_zone = 'Berlin'\n[[source]]\nid = 'a'\ntime_zone = 'Mars/Olympus'";
        let faults = config(more).unwrap_err().to_string();
        for part in [
            "windows.time_zone = \"Berlin\": no time zone of the IANA database: write Europe/Berlin, or UTC",
            "source[0].time_zone = \"Mars/Olympus\"",
        ] {
            assert!(faults.contains(part), "{faults}");
        }
    }
}
