//! Where a group began that was told to begin with what comes next (`kafka.start = "latest"`).
//!
//! "Latest" is one moment for the whole group, its first start: the ends of all partitions at that moment are written
//! down once, before any chain begins. A partition without a chain begins there; one that the topic did not have yet
//! begins with its oldest record, because all its records came after the first start.
//!
//! Promise: all instances use the same moment, whichever was first, and also if one died in between.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Created, Objects, TopicFolder};

/// The ends of the partitions at the group's first start. Empty where everything begins with its oldest record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FirstStart {
    ends: BTreeMap<i32, i64>,
}

impl FirstStart {
    /// Reads what was written down, or writes down what `ends` says. `is_known` says whether any partition has a chain:
    /// a group that has begun without such a moment never skips anything.
    pub fn settle(
        objects: &dyn Objects,
        topic: &TopicFolder,
        is_known: bool,
        ends: impl FnOnce() -> anyhow::Result<BTreeMap<i32, i64>>,
    ) -> anyhow::Result<Self> {
        let path = topic.first_start();
        // Asked after the chains were: a chain that was found is younger than the file, if there is one.
        if let Some(bytes) = objects.read(&path)? {
            return Self::decode(&path, &bytes);
        }
        if is_known {
            return Ok(Self::default());
        }
        let settled = Self { ends: ends()? };
        let bytes = serde_json::to_vec(&settled).expect("numbers can always be written");
        match objects.create(&path, &bytes) {
            Ok(Created::New) => Ok(settled),
            // Another instance was faster, or the answer to an earlier attempt was lost.
            Ok(Created::Exists) => {
                let found = objects.read(&path)?;
                let bytes = found.ok_or_else(|| {
                    anyhow::anyhow!("the store says that {path} exists, and does not return it")
                })?;
                Self::decode(&path, &bytes)
            }
            Err(error) => Err(error),
        }
    }

    /// Where a partition without a chain begins; `None` means with its oldest record.
    pub fn offset(&self, partition: i32) -> Option<i64> {
        self.ends.get(&partition).copied()
    }

    fn decode(path: &str, bytes: &[u8]) -> anyhow::Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            anyhow::anyhow!("{path} is not a list of offsets by partition: {error}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::memory::Memory, *};

    fn topic() -> TopicFolder {
        TopicFolder::new("group", "topic")
    }

    fn ends(of: &[(i32, i64)]) -> anyhow::Result<BTreeMap<i32, i64>> {
        Ok(of.iter().copied().collect())
    }

    #[test]
    fn the_first_start_is_one_moment_for_all() {
        let store = Memory::default();
        let first =
            FirstStart::settle(&store, &topic(), false, || ends(&[(0, 12), (1, 7)])).unwrap();
        assert_eq!((first.offset(0), first.offset(1)), (Some(12), Some(7)));
        // Made later: all its records came after the first start.
        assert_eq!(first.offset(2), None);
        // A second instance, a minute later, with or without chains.
        for is_known in [false, true] {
            let again =
                FirstStart::settle(&store, &topic(), is_known, || panic!("it is known")).unwrap();
            assert_eq!(again, first);
        }
    }

    #[test]
    fn a_group_that_has_begun_without_such_a_moment_skips_nothing() {
        let store = Memory::default();
        let known = FirstStart::settle(&store, &topic(), true, || panic!("it is known")).unwrap();
        assert_eq!(known, FirstStart::default());
        assert_eq!(known.offset(0), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error() {
        let store = Memory::default();
        store.create(&topic().first_start(), b"{").unwrap();
        let error = FirstStart::settle(&store, &topic(), false, || ends(&[])).unwrap_err();
        assert!(error.to_string().contains("first-start.json"), "{error}");
    }
}
